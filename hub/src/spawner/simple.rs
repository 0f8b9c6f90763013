//! The spawner `simple`: servers run as the hub's own user, each with a home folder of its own. Users are not protected
//! from each other: for tests, demonstrations and people who trust each other.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use services::contract::Account;

use super::child::{Identity, failed};
use super::processes::RunsAs;
use super::template::fill;
use super::{SpawnError, StartContext};
use crate::config::Config;

/// Upstream's choice: the hub's own user may have no usable one.
const SHELL: &str = "/bin/bash";

/// The hub's own user, in a folder per name.
#[derive(Debug)]
pub(super) struct OwnUser;

/// The home of a user. Names that would lead out of the template's folder are refused.
fn home(template: &str, username: &str, user_id: i64) -> Result<PathBuf, String> {
    if username.contains(['/', '\0']) || matches!(username, "" | "." | "..") {
        return Err(format!(
            "user name {username:?} cannot name a home folder; rename the user"
        ));
    }
    let home = PathBuf::from(fill(
        template,
        &[("username", username), ("userid", &user_id.to_string())],
    ));
    if !home.is_absolute() {
        return Err(format!(
            "SimpleLocalProcessSpawner.home_dir_template {template:?} is not absolute; begin it with a slash"
        ));
    }
    Ok(home)
}

/// Makes the home of a user where there is none: for the hub's user only.
fn make_home(home: &Path) -> Result<(), String> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(home).map_err(|error| {
        format!(
            "cannot make the home folder {}: {error}; check SimpleLocalProcessSpawner.home_dir_template",
            home.display()
        )
    })
}

#[async_trait]
impl RunsAs for OwnUser {
    const NAME: &'static str = "simple";

    async fn identity(
        &self,
        _config: &Config,
        context: &StartContext<'_>,
    ) -> Result<Identity, SpawnError> {
        let name = context.server.user.as_str();
        let template = &context.settings.simple_spawner.home_dir_template;
        let home = home(template, name, context.user_id.0).map_err(failed)?;
        make_home(&home).map_err(failed)?;
        let account = Account {
            name: name.to_owned(),
            home: home.display().to_string(),
            shell: SHELL.to_owned(),
        };
        Ok(Identity {
            account,
            home,
            run_as: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_stay_where_the_template_says() {
        for (template, name, expected) in [
            ("/tmp/{username}", "mal", Some("/tmp/mal")),
            ("/srv/{userid}/{username}", "a b", Some("/srv/7/a b")),
            ("/tmp/{username}", "..", None),
            ("/tmp/{username}", "a/../../etc", None),
            ("tmp/{username}", "mal", None),
        ] {
            assert_eq!(
                home(template, name, 7).ok(),
                expected.map(PathBuf::from),
                "{template} {name}"
            );
        }
    }
}
