//! The spawner `simple`: servers run as the hub's own user, each with a home folder of its own. Users are not protected
//! from each other: for tests, demonstrations and people who trust each other.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::Value;
use services::contract::Account;

use super::child::{ChildDeps, Children, Identity, failed, shown_state};
use super::template::fill;
use super::{Poll, SpawnError, Spawner, StartContext};

/// Upstream's choice: the hub's own user may have no usable one.
const SHELL: &str = "/bin/bash";

/// Processes of the hub's own user.
#[derive(Debug)]
pub struct SimpleSpawner(Children);

impl SimpleSpawner {
    /// A spawner that starts processes as the hub's own user.
    #[must_use]
    pub fn new(deps: ChildDeps) -> Self {
        Self(Children::new(deps))
    }
}

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
impl Spawner for SimpleSpawner {
    fn name(&self) -> &'static str {
        "simple"
    }

    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let name = context.server.user.as_str();
        let template = &self.0.config().simple_spawner.home_dir_template;
        let home = home(template, name, context.user_id.0).map_err(failed)?;
        make_home(&home).map_err(failed)?;
        let account = Account {
            name: name.to_owned(),
            home: home.display().to_string(),
            shell: SHELL.to_owned(),
        };
        self.0
            .start(
                context,
                Identity {
                    account,
                    home,
                    run_as: None,
                },
            )
            .await
    }

    async fn poll(&self, state: &Value) -> Poll {
        self.0.poll(state)
    }

    async fn wait(&self, state: &Value) -> String {
        self.0.wait(state).await
    }

    async fn stop(&self, state: &Value, now: bool) -> Result<(), SpawnError> {
        self.0.stop(state, self.0.stop_times(now)).await
    }

    fn shown_state(&self, state: &Value) -> Value {
        shown_state(state)
    }

    async fn output_tail(&self, state: &Value, lines: usize) -> Vec<String> {
        self.0.output_tail(state, lines)
    }

    async fn trim_outputs(&self) {
        self.0.trim_outputs();
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
