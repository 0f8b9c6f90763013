//! The hub's configuration: what it may be told, how that is read, and how it is shown.
//!
//! [`Config`] is plain data: the rest of the hub reads its fields and never a file. Names and defaults are
//! JupyterHub 6.1's traits; times are [`std::time::Duration`], secrets [`hub_types::secret::Token`].
//!
//! * [`sections`]: the typed model, one struct per class of JupyterHub;
//! * [`address`], [`database`]: values with a form of their own;
//! * [`traits`]: the table of every trait; [`kind`]: how each kind of value is written;
//! * [`load`]: files and flags to [`Config`], through [`node`], with every [`problem`] that was found;
//! * [`show`]: the template for a new file, and what is in force.
//!
//! `Config::default()` holds JupyterHub's defaults; [`Config::from_toml`] reads a text.

pub mod address;
pub mod change;
pub mod database;
pub mod kind;
pub mod load;
pub mod network;
pub mod node;
pub mod per_server;
pub mod problem;
pub mod sections;
pub mod show;
pub mod traits;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use address::BindUrl;
pub use database::{DbUrl, ServerUrl};
pub use per_server::PerServer;
pub use sections::authenticator::{
    Authenticator, Dictionary, DummyAuthenticator, LocalAuthenticator, PamAuthenticator,
    SharedPasswordAuthenticator, UsernamePattern,
};
pub use sections::crypt_keeper::{CryptKeeper, CryptKey};
pub use sections::encoding::PasswordEncoding;
pub use sections::jupyterhub::{
    Accounts, AuthenticatorClass, GroupSpec, JupyterHub, LogLevel, Provider, RoleSpec, SpawnerClass,
};
pub use sections::metrics::PeriodicMetricsCollector;
pub use sections::oauth::{
    GenericOAuthenticator, GitHubOAuthenticator, GitLabOAuthenticator, GoogleOAuthenticator,
    OAuthenticator, Oidc, TokenGoes,
};
pub use sections::own::{LogFormat, Own};
pub use sections::proxy::{ApiUrls, CONFIGURABLE_HTTP_PROXY, ConfigurableHttpProxy};
pub use sections::server_options::{
    Choice, FieldKind, GroupOverride, OptionsFromForm, Overrides, Profile, ProfileOption,
};
pub use sections::spawner::{LocalProcessSpawner, SimpleLocalProcessSpawner, Spawner};
pub use sections::tornado_settings::TornadoSettings;
pub use services::spec::ServiceSpec;

/// Everything that the hub was told, checked and with defaults filled in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// `[JupyterHub]`: addresses, database, cookies, roles, services, limits.
    pub jupyterhub: JupyterHub,
    /// `[Authenticator]`: who may log in, whoever checks the password.
    pub authenticator: Authenticator,
    /// `[LocalAuthenticator]`: the users of this machine.
    pub local_users: LocalAuthenticator,
    /// `[PAMAuthenticator]`: the machine's own passwords.
    pub pam: PamAuthenticator,
    /// `[dictionary]`: users with a password each.
    pub dictionary: Dictionary,
    /// `[DummyAuthenticator]`: any name, one password; for tests.
    pub dummy: DummyAuthenticator,
    /// `[SharedPasswordAuthenticator]`: one password for users, one for administrators.
    pub shared_password: SharedPasswordAuthenticator,
    /// `[OAuthenticator]`: logins at a provider, whichever it is.
    pub oauth: OAuthenticator,
    /// `[GenericOAuthenticator]`: a provider that is described by its URLs.
    pub generic_oauth: GenericOAuthenticator,
    /// `[oidc]`: a provider that describes itself (OpenID Connect).
    pub oidc: Oidc,
    /// `[GitHubOAuthenticator]`: GitHub, or an Enterprise server.
    pub github: GitHubOAuthenticator,
    /// `[GitLabOAuthenticator]`: gitlab.com, or a server of one's own.
    pub gitlab: GitLabOAuthenticator,
    /// `[GoogleOAuthenticator]`: Google.
    pub google: GoogleOAuthenticator,
    /// `[CryptKeeper]`: keys of what is kept of users.
    pub crypt_keeper: CryptKeeper,
    /// `[Spawner]`: what every user server gets, whoever starts it.
    pub spawner: Spawner,
    /// `[LocalProcessSpawner]`: processes of this machine's users.
    pub local_spawner: LocalProcessSpawner,
    /// `[SimpleLocalProcessSpawner]`: processes of the hub's own user.
    pub simple_spawner: SimpleLocalProcessSpawner,
    /// `[ConfigurableHTTPProxy]`: the proxy's API and how it is started.
    pub proxy: ConfigurableHttpProxy,
    /// `[hub]`: what only we have.
    pub own: Own,
    /// `[PeriodicMetricsCollector]`: metrics that are computed from time to time.
    pub metrics: PeriodicMetricsCollector,
    /// Sections of classes that this hub was built with ([`load::OwnClasses`]), as they are written.
    pub plugged: Plugged,
    /// The file it was read from; `None` when only defaults and flags count.
    pub source: Option<PathBuf>,
}

/// Sections that are taken as they are. What is a secret in them nobody knows, so that only their names are shown.
#[derive(Clone, PartialEq, Default)]
pub struct Plugged(pub BTreeMap<String, Map<String, Value>>);

impl std::fmt::Debug for Plugged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Config {
    /// Reads the text of a `hub.toml`; without flags, environment or files. For tests and for embedding.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, problem::ConfigError> {
        let nothing: BTreeMap<String, String> = BTreeMap::new();
        let file = Path::new(load::TOML_FILE);
        let loaded = load::assemble(
            Some((file, text)),
            &[],
            Path::new("/"),
            &nothing,
            &load::OwnClasses::default(),
        )?;
        Ok(Self {
            source: None,
            ..loaded.config
        })
    }

    /// Whether a login is enough to be allowed in.
    ///
    /// Unset means no, except with the dummy authenticator and no `allowed_users` (JupyterHub 6.1).
    #[must_use]
    pub fn allow_all(&self) -> bool {
        self.authenticator.allow_all.unwrap_or_else(|| {
            self.jupyterhub.authenticator_class == AuthenticatorClass::Dummy
                && self.authenticator.allowed_users.is_empty()
        })
    }

    /// Whether users that the database knows are allowed in; unset means "if `allowed_users` is used" (JupyterHub 5), and
    /// no with a provider (oauthenticator 16).
    #[must_use]
    pub fn allow_existing_users(&self) -> bool {
        let auth = &self.authenticator;
        let elsewhere = self.jupyterhub.authenticator_class.provider().is_some();
        auth.allow_existing_users
            .unwrap_or(!elsewhere && !auth.allowed_users.is_empty())
    }

    /// Whether members of system groups are allowed in.
    fn allows_groups(&self) -> bool {
        self.jupyterhub.authenticator_class.knows_system_users()
            && !self.local_users.allowed_groups.is_empty()
    }

    /// Whether a rule on what a provider says allows anybody.
    fn allows_by_provider(&self) -> bool {
        let oauth = &self.oauth;
        let by_vendor = match self.jupyterhub.authenticator_class.provider() {
            None => return false,
            Some(Provider::GitHub) => !self.github.allowed_organizations.is_empty(),
            Some(Provider::GitLab) => {
                !(self.gitlab.allowed_gitlab_groups.is_empty()
                    && self.gitlab.allowed_project_ids.is_empty())
            }
            Some(Provider::Generic | Provider::Oidc | Provider::Google) => false,
        };
        by_vendor
            || !(oauth.allowed_groups.is_empty()
                && oauth.admin_groups.is_empty()
                && oauth.allowed_scopes.is_empty())
    }

    /// Whether anything lets anybody log in. If not, the hub warns at start that nobody can.
    #[must_use]
    pub fn any_allow_config(&self) -> bool {
        let auth = &self.authenticator;
        auth.any_allow_config.unwrap_or_else(|| {
            self.allow_all()
                || self.allow_existing_users()
                || !auth.allowed_users.is_empty()
                || !auth.admin_users.is_empty()
                || self.allows_groups()
                || self.allows_by_provider()
                // There nobody is meant to.
                || self.jupyterhub.authenticator_class == AuthenticatorClass::Null
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_allowed_without_saying_so() {
        let mut config = Config::default();
        assert!(
            !config.allow_all() && !config.allow_existing_users() && !config.any_allow_config()
        );
        config.jupyterhub.authenticator_class = AuthenticatorClass::Dummy;
        assert!(config.allow_all() && config.any_allow_config());
        config.authenticator.allowed_users.insert("mal".into());
        assert!(!config.allow_all() && config.allow_existing_users());
        config.authenticator.allow_existing_users = Some(false);
        assert!(!config.allow_existing_users() && config.any_allow_config());
    }
}
