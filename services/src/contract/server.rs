//! The environment of a single-user server.

use std::path::PathBuf;

use hub_types::env;
use hub_types::names::{ServerName, Username};
use hub_types::paths::{server_client_id, server_full_name};
use hub_types::secret::Token;
use serde_json::{Map, Value};

use super::{Account, Common, Env, HubAddress, json, set};

/// Where a server is told to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `Spawner.ip`; empty for all interfaces.
    pub ip: String,
    /// `Spawner.port`.
    pub port: u16,
    /// Whether it must speak TLS (`internal_ssl`).
    pub tls: bool,
}

impl Listen {
    fn url(&self, prefix: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let ip = if self.ip.contains(':') && !self.ip.starts_with('[') {
            format!("[{}]", self.ip)
        } else {
            self.ip.clone()
        };
        format!("{scheme}://{ip}:{}{prefix}", self.port)
    }
}

/// Limits and guarantees that the server is told of, for display; enforcing them is the spawner's work. Zero counts as not set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Bytes of memory at most.
    pub mem_limit: Option<u64>,
    /// Bytes of memory at least.
    pub mem_guarantee: Option<u64>,
    /// CPU cores at most.
    pub cpu_limit: Option<f64>,
    /// CPU cores at least.
    pub cpu_guarantee: Option<f64>,
}

/// Files for TLS between hub and server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Private key.
    pub key: PathBuf,
    /// Certificate.
    pub cert: PathBuf,
    /// Certificate authority.
    pub ca: PathBuf,
}

/// Everything that decides the environment of a server. Start from [`ServerContract::new`].
#[derive(Debug, Clone)]
pub struct ServerContract {
    /// The server's own token, new at each start; also its OAuth client secret.
    pub token: Token,
    /// The owner.
    pub user: Username,
    /// The server.
    pub server: ServerName,
    /// OAuth client id: `jupyterhub-user-NAME[-SERVER]`, or another one when that is taken.
    pub client_id: String,
    /// Where it listens.
    pub listen: Listen,
    /// Origin of the owner's subdomain, where users have one.
    pub subdomain: Option<String>,
    /// `JupyterHub.admin_access`.
    pub admin_access: bool,
    /// `JupyterHub` cookie options; not set when empty.
    pub cookie_options: Map<String, Value>,
    /// `Spawner.oauth_client_allowed_scopes`, as configured.
    pub client_allowed_scopes: Vec<String>,
    /// Limits and guarantees.
    pub resources: Resources,
    /// TLS between hub and server.
    pub tls_files: Option<TlsFiles>,
    /// `Spawner.notebook_dir`, with `{username}` filled in.
    pub notebook_dir: String,
    /// `Spawner.default_url`, with `{username}` filled in.
    pub default_url: String,
    /// `Spawner.debug`.
    pub debug: bool,
    /// `Spawner.disable_user_config`.
    pub disable_user_config: bool,
    /// What is kept of the hub's environment ([`super::keep()`]).
    pub kept: Env,
    /// `Spawner.environment`; wins over everything except the account.
    pub environment: Env,
    /// The system user, where the spawner uses one.
    pub account: Option<Account>,
}

impl ServerContract {
    /// A server with nothing configured.
    #[must_use]
    pub fn new(token: Token, user: Username, server: ServerName, listen: Listen) -> Self {
        Self {
            client_id: server_client_id(&user, &server),
            token,
            user,
            server,
            listen,
            subdomain: None,
            admin_access: false,
            cookie_options: Map::new(),
            client_allowed_scopes: Vec::new(),
            resources: Resources::default(),
            tls_files: None,
            notebook_dir: String::new(),
            default_url: String::new(),
            debug: false,
            disable_user_config: false,
            kept: Env::new(),
            environment: Env::new(),
            account: None,
        }
    }

    /// The scopes of which holding one gives access to the server.
    #[must_use]
    pub fn access_scopes(&self) -> Vec<String> {
        let full_name = server_full_name(self.user.as_str(), self.server.as_str());
        vec![
            format!("access:servers!server={full_name}"),
            format!("access:servers!user={}", self.user),
        ]
    }

    /// The OAuth redirect URI: a path, or a full URL on the owner's subdomain.
    #[must_use]
    pub fn callback_url(&self, hub: &HubAddress) -> String {
        let origin = self.subdomain.as_deref().unwrap_or_default();
        format!(
            "{origin}{}oauth_callback",
            hub.base_url.server(&self.user, &self.server)
        )
    }

    /// The whole environment. Order as upstream: kept variables, contract, `environment`, account; later ones win.
    #[must_use]
    pub fn to_env(&self, hub: &HubAddress) -> Env {
        let prefix = hub.base_url.server(&self.user, &self.server);
        let mut env = self.kept.clone();
        Common {
            token: &self.token,
            client_id: self.client_id.clone(),
            callback_url: self.callback_url(hub),
            access_scopes: self.access_scopes(),
            client_allowed_scopes: &self.client_allowed_scopes,
            user: self.user.as_str(),
            server: self.server.as_str(),
            service_url: self.listen.url(&prefix),
            prefix: Some(prefix),
            subdomain: self.subdomain.as_deref(),
        }
        .apply(hub, &mut env);
        let activity = format!("{}/users/{}/activity", hub.api_url, self.user.escaped());
        set(&mut env, env::JUPYTERHUB_ACTIVITY_URL, activity);
        self.apply_options(&mut env);
        env.extend(self.environment.clone());
        if let Some(account) = &self.account {
            account.apply(&mut env);
        }
        env
    }

    /// Everything that is set only when configured.
    fn apply_options(&self, env: &mut Env) {
        let bytes = |value: Option<u64>| {
            value
                .filter(|bytes| *bytes > 0)
                .map(|bytes| bytes.to_string())
        };
        let cores = |value: Option<f64>| {
            value
                .filter(|cores| *cores > 0.0)
                .map(|cores| format!("{cores:?}"))
        };
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let flag = |value: bool| value.then(|| "1".to_owned());
        let file = |choose: fn(&TlsFiles) -> &PathBuf| {
            self.tls_files
                .as_ref()
                .map(|files| choose(files).display().to_string())
        };
        let cookies = (!self.cookie_options.is_empty()).then(|| json::dumps(&self.cookie_options));
        for (name, value) in [
            (env::JUPYTERHUB_ADMIN_ACCESS, flag(self.admin_access)),
            (env::JUPYTERHUB_COOKIE_OPTIONS, cookies),
            (env::MEM_LIMIT, bytes(self.resources.mem_limit)),
            (env::MEM_GUARANTEE, bytes(self.resources.mem_guarantee)),
            (env::CPU_LIMIT, cores(self.resources.cpu_limit)),
            (env::CPU_GUARANTEE, cores(self.resources.cpu_guarantee)),
            (env::JUPYTERHUB_SSL_KEYFILE, file(|files| &files.key)),
            (env::JUPYTERHUB_SSL_CERTFILE, file(|files| &files.cert)),
            (env::JUPYTERHUB_SSL_CLIENT_CA, file(|files| &files.ca)),
            (env::JUPYTERHUB_ROOT_DIR, text(&self.notebook_dir)),
            (env::JUPYTERHUB_DEFAULT_URL, text(&self.default_url)),
            (env::JUPYTERHUB_DEBUG, flag(self.debug)),
            (
                env::JUPYTERHUB_DISABLE_USER_CONFIG,
                flag(self.disable_user_config),
            ),
        ] {
            if let Some(value) = value {
                set(env, name, value);
            }
        }
    }
}
