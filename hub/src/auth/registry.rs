//! Authenticators by name: what `JupyterHub.authenticator_class` can be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Authenticator;
use super::dictionary::Dictionary;
use super::dummy::Dummy;
use super::null::Nobody;
use super::oauth::OAuthUsers;
use super::pam::PamUsers;
use super::shared_password::SharedPassword;
use crate::config::{AuthenticatorClass as Named, Config};

/// What an authenticator is built from. It does not show itself: its settings may hold secrets.
#[derive(Clone)]
pub struct AuthenticatorContext {
    /// What the hub was told.
    pub config: Arc<Config>,
    /// What stands in the class's own section of the configuration.
    pub settings: Map<String, Value>,
    /// The hub's own binary, which may be a helper.
    pub program: PathBuf,
}

/// Why an authenticator cannot be built, in one line that names the setting.
pub type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// Builds an authenticator; nobody is asked anything yet.
pub type Build = fn(&AuthenticatorContext) -> Result<Arc<dyn Authenticator>, BuildError>;

/// A kind of authenticator.
#[derive(Debug, Clone, Copy)]
pub struct AuthenticatorClass {
    /// What `JupyterHub.authenticator_class` says, e.g. `roster`.
    pub name: &'static str,
    /// Its section of the configuration, e.g. `Roster`. Everything in it is handed over as it is.
    pub section: &'static str,
    /// Makes one.
    pub build: Build,
}

/// The kinds of authenticator that a hub knows beside its own.
#[derive(Debug, Clone, Default)]
pub struct AuthenticatorClasses(Vec<AuthenticatorClass>);

impl AuthenticatorClasses {
    /// Adds a kind. One that is called like a built-in one takes its place.
    #[must_use]
    pub fn with(mut self, class: AuthenticatorClass) -> Self {
        self.0.push(class);
        self
    }

    /// Names and sections, for who reads the configuration.
    #[must_use]
    pub fn sections(&self) -> BTreeMap<&'static str, &'static str> {
        let names = self.0.iter();
        names.map(|class| (class.name, class.section)).collect()
    }

    /// Builds the authenticator that the configuration names. `program` is the hub's own binary.
    ///
    /// # Errors
    /// When its settings are wrong, or it cannot do what the configuration asks for.
    pub fn build(
        &self,
        config: &Arc<Config>,
        program: PathBuf,
    ) -> Result<Arc<dyn Authenticator>, BuildError> {
        let Named::Plugged(name) = config.jupyterhub.authenticator_class else {
            return Ok(built_in(config, &program));
        };
        let class = self.0.iter().find(|class| class.name == name);
        let class = class
            .ok_or_else(|| format!("[JupyterHub] authenticator_class \"{name}\" is not known"))?;
        let settings = config.plugged.0.get(class.section);
        let authenticator = (class.build)(&AuthenticatorContext {
            config: Arc::clone(config),
            settings: settings.cloned().unwrap_or_default(),
            program,
        })?;
        if config.authenticator.manage_groups && !authenticator.says_groups() {
            let why = format!(
                "[Authenticator] manage_groups needs an authenticator that knows groups; \"{name}\" does not"
            );
            return Err(why.into());
        }
        Ok(authenticator)
    }
}

fn built_in(config: &Config, program: &std::path::Path) -> Arc<dyn Authenticator> {
    match config.jupyterhub.authenticator_class {
        Named::Pam => Arc::new(PamUsers::new(config, program)),
        Named::Dictionary => Arc::new(Dictionary::new(&config.dictionary)),
        Named::SharedPassword => Arc::new(SharedPassword::new(config)),
        Named::Dummy => Arc::new(Dummy::new(config.dummy.password.clone())),
        Named::OAuth(provider, accounts) => Arc::new(OAuthUsers::new(config, provider, accounts)),
        Named::Null | Named::Plugged(_) => Arc::new(Nobody),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ones_own_must_do_what_is_asked_for() {
        const MINE: AuthenticatorClass = AuthenticatorClass {
            name: "mine",
            section: "Mine",
            build: |context| match context.settings.get("broken") {
                Some(_) => Err("[Mine] broken is set".into()),
                None => Ok(Arc::new(Nobody)),
            },
        };
        let build = |classes: &AuthenticatorClasses, change: fn(&mut Config)| {
            let mut config = Config::default();
            config.jupyterhub.authenticator_class = Named::Plugged("mine");
            change(&mut config);
            let built = classes.build(&Arc::new(config), PathBuf::new());
            built.map(drop).map_err(|error| error.to_string())
        };
        let classes = AuthenticatorClasses::default().with(MINE);
        assert_eq!(build(&classes, |_| {}), Ok(()));
        let why = build(&classes, |config| config.authenticator.manage_groups = true);
        assert!(why.unwrap_err().contains("\"mine\" does not"));
        let why = build(&classes, |config| {
            let mine = Map::from_iter([("broken".to_owned(), true.into())]);
            config.plugged.0.insert("Mine".to_owned(), mine);
        });
        assert_eq!(why.unwrap_err(), "[Mine] broken is set");
        let why = build(&AuthenticatorClasses::default(), |_| {});
        assert!(why.unwrap_err().contains("is not known"));
    }
}
