//! The environment that the hub gives to what it starts: the contract that single-user servers and services rely on.
//!
//! Built from nothing: what is not named here (or kept on purpose, [`keep()`]) does not reach a child. The values are
//! those of JupyterHub 6.1, recorded from it, with its oddities; they are pure functions of [`HubAddress`] and a
//! [`ServerContract`] or [`ServiceContract`].

mod json;
mod keep;
mod server;
mod service;

use std::collections::BTreeMap;

use hub_types::env;
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;

pub use keep::{GENERIC_ENV_KEEP, LOCAL_ENV_KEEP, keep, put_on_path};
pub use server::{Listen, Resources, ServerContract, TlsFiles};
pub use service::ServiceContract;

/// Variables by name. What [`ServerContract::to_env`] returns holds the token: never log it.
pub type Env = BTreeMap<String, String>;

/// How children reach the hub, and how browsers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAddress {
    /// The API as children see it, e.g. `http://127.0.0.1:8081/hub/api`; no trailing slash.
    pub api_url: String,
    /// The base URL of the deployment.
    pub base_url: BaseUrl,
    /// `scheme://host[:port]` of the public URL, or of the subdomain host; `None` when neither is configured.
    pub host: Option<String>,
    /// `scheme://host[:port]` of the configured public URL.
    pub public_origin: Option<String>,
    /// Whether cookies are named `__Host-…`.
    pub cookie_host_prefix: bool,
}

impl HubAddress {
    /// The address of a hub without a configured public URL.
    #[must_use]
    pub fn local(api_url: impl Into<String>, base_url: BaseUrl) -> Self {
        Self {
            api_url: api_url.into(),
            base_url,
            host: None,
            public_origin: None,
            cookie_host_prefix: false,
        }
    }

    /// Adds the configured public URL; only its origin counts.
    #[must_use]
    pub fn with_public_url(mut self, url: &url::Url) -> Self {
        let origin = url.origin().ascii_serialization();
        self.host = Some(origin.clone());
        self.public_origin = Some(origin);
        self
    }
}

/// The system user that a child runs as: `USER`, `HOME`, `SHELL`. Empty values are left out, except the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

impl Account {
    fn apply(&self, env: &mut Env) {
        set(env, env::USER, &self.name);
        for (name, value) in [(env::HOME, &self.home), (env::SHELL, &self.shell)] {
            if !value.is_empty() {
                set(env, name, value);
            }
        }
    }
}

impl From<&crate::process::users::SystemUser> for Account {
    fn from(user: &crate::process::users::SystemUser) -> Self {
        Self {
            name: user.name.clone(),
            home: user.home.display().to_string(),
            shell: user.shell.display().to_string(),
        }
    }
}

/// What servers and services have in common.
struct Common<'a> {
    token: &'a Token,
    client_id: String,
    callback_url: String,
    access_scopes: Vec<String>,
    client_allowed_scopes: &'a [String],
    user: &'a str,
    server: &'a str,
    service_url: String,
    prefix: Option<String>,
    /// Origin of the component itself where it has a subdomain of its own.
    subdomain: Option<&'a str>,
}

impl Common<'_> {
    fn apply(self, hub: &HubAddress, env: &mut Env) {
        let access_scopes = json::dumps(&self.access_scopes);
        let hub_url = |origin: &String| format!("{origin}{}", hub.base_url.hub());
        let public_url = match (
            self.subdomain.or(hub.public_origin.as_deref()),
            &self.prefix,
        ) {
            (Some(origin), Some(prefix)) => format!("{origin}{prefix}"),
            _ => String::new(),
        };
        for (name, value) in [
            (env::JUPYTERHUB_API_TOKEN, self.token.expose()),
            (env::JPY_API_TOKEN, self.token.expose()),
            (env::JUPYTERHUB_CLIENT_ID, &self.client_id),
            (
                env::JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED,
                if hub.cookie_host_prefix { "1" } else { "0" },
            ),
            (
                env::JUPYTERHUB_HOST,
                hub.host.as_deref().unwrap_or_default(),
            ),
            (env::JUPYTERHUB_OAUTH_CALLBACK_URL, &self.callback_url),
            (env::JUPYTERHUB_OAUTH_ACCESS_SCOPES, &access_scopes),
            (env::JUPYTERHUB_OAUTH_SCOPES, &access_scopes),
            (
                env::JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES,
                &json::dumps(self.client_allowed_scopes),
            ),
            (env::JUPYTERHUB_USER, self.user),
            (env::JUPYTERHUB_SERVER_NAME, self.server),
            (env::JUPYTERHUB_API_URL, &hub.api_url),
            (env::JUPYTERHUB_BASE_URL, hub.base_url.as_str()),
            (env::JUPYTERHUB_SERVICE_URL, &self.service_url),
            (env::JUPYTERHUB_PUBLIC_URL, &public_url),
            (
                env::JUPYTERHUB_PUBLIC_HUB_URL,
                &hub.public_origin.as_ref().map(hub_url).unwrap_or_default(),
            ),
        ] {
            set(env, name, value);
        }
        if let Some(prefix) = &self.prefix {
            set(env, env::JUPYTERHUB_SERVICE_PREFIX, prefix);
        }
    }
}

fn set(env: &mut Env, name: &str, value: impl Into<String>) {
    env.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests;
