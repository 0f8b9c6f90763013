//! An authenticator of one's own: users, their passwords and their groups stand in a file.
//!
//! [`CLASS`] is what `main` gives to the hub. [`Roster`] is the authenticator; everything that it does not say (how the login
//! page looks, who is allowed, what happens before a server starts) has a default in [`Authenticator`].

mod file;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use argon2::{Argon2, PasswordVerifier as _};
use async_trait::async_trait;
use hub::auth::registry::{AuthenticatorClass, AuthenticatorContext, BuildError};
use hub::auth::{AuthModel, AuthUnavailable, Authenticator, LoginForm, Refreshed};
use hub_types::names::Username;
use serde::Deserialize;
use tokio::sync::Semaphore;

use file::{UserFile, Users};

/// What `authenticator_class = "roster"` is, with its section `[Roster]`.
pub const CLASS: AuthenticatorClass = AuthenticatorClass {
    name: "roster",
    section: "Roster",
    build,
};

/// How many passwords are checked at once: each takes a processor and some memory for a while.
const AT_ONCE: usize = 2;

/// The longest password, in bytes: more is no password but work.
const LONGEST: usize = 1024;

/// The section `[Roster]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the users stand.
    pub file: PathBuf,
}

fn build(context: &AuthenticatorContext) -> Result<Arc<dyn Authenticator>, BuildError> {
    let settings = serde_json::Value::Object(context.settings.clone());
    let settings: Settings =
        serde_json::from_value(settings).map_err(|error| format!("[Roster] {error}"))?;
    let roster = Roster::new(settings);
    // A mistake in the file is better told at the start than at the first login.
    roster
        .file
        .users()
        .map_err(|why| format!("[Roster] file: {why}"))?;
    Ok(Arc::new(roster))
}

/// Checks names and passwords against the file.
#[derive(Debug)]
pub struct Roster {
    file: Arc<UserFile>,
    at_once: Arc<Semaphore>,
    /// Who stands in for somebody unknown, by the name.
    stand_ins: RandomState,
}

impl Roster {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            file: Arc::new(UserFile::new(settings.file)),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            stand_ins: RandomState::new(),
        }
    }

    /// Everybody in the file. A file that cannot be read says nothing of anybody.
    async fn users(&self) -> Result<Arc<Users>, AuthUnavailable> {
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || file.users());
        let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
        read.map_err(AuthUnavailable)
    }
}

#[async_trait]
impl Authenticator for Roster {
    fn class(&self) -> &'static str {
        "roster"
    }

    fn says_groups(&self) -> bool {
        true
    }

    fn refreshes(&self) -> bool {
        true
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let users = self.users().await?;
        let known = users.get(name);
        // A name that nobody has costs as much as one that is there: the time of an answer tells nothing.
        let at = self.stand_ins.hash_one(name) % users.len().max(1) as u64;
        let stand_in = || users.values().nth(usize::try_from(at).unwrap_or(0));
        let Some(entry) = known.or_else(stand_in) else {
            return Ok(None);
        };
        if form.password.expose().len() > LONGEST {
            return Ok(None);
        }
        let (hash, password) = (entry.hash.clone(), form.password.clone());
        let busy = |error: &dyn std::fmt::Display| AuthUnavailable(error.to_string());
        let turn = Arc::clone(&self.at_once).acquire_owned().await;
        let turn = turn.map_err(|error| busy(&error))?;
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Argon2::default()
                .verify_password(password.expose().as_bytes(), hash.expose())
                .is_ok()
        });
        let right = checked.await.map_err(|error| busy(&error))?;
        Ok(known.filter(|_| right).map(|user| AuthModel {
            name: name.to_owned(),
            groups: Some(user.groups.clone()),
            ..AuthModel::default()
        }))
    }

    async fn refresh(&self, name: &Username) -> Result<Refreshed, AuthUnavailable> {
        let users = self.users().await?;
        Ok(match users.get(name.as_str()) {
            None => Refreshed::Gone("not in the file any more".to_owned()),
            Some(user) => Refreshed::New(AuthModel {
                name: name.as_str().to_owned(),
                groups: Some(user.groups.clone()),
                ..AuthModel::default()
            }),
        })
    }
}
