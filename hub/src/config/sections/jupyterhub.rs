//! `[JupyterHub]`: addresses, database, cookies, roles, services, limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub_types::names::ServerName;
use hub_types::paths::BaseUrl;
use hub_types::scope::{Catalogue, Scope};
use hub_types::secret::Token;
use hub_types::socket_url;
use serde::Deserialize;
use serde_json::{Map, Value};
use services::spec::ServiceSpec;
use url::Url;

use super::proxy::CONFIGURABLE_HTTP_PROXY;
use super::tornado_settings::TornadoSettings;
use crate::config::network::Network;
use crate::config::{BindUrl, DbUrl};
use crate::domain::limits::{NamedServers, StartLimits};
use crate::domain::role::{ADMIN_ROLE, Origin, Role, USER_ROLE, builtin_roles};
use crate::domain::subdomain::{Hook, Subdomains};

/// Who checks passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticatorClass {
    /// The users of this machine, with its own passwords.
    Pam,
    /// Users with a password each, as hashes in the configuration.
    Dictionary,
    /// Nobody.
    Null,
    /// Any name with one password, or none: for tests.
    Dummy,
    /// One password for users, another for administrators.
    SharedPassword,
    /// One that this hub was built with, by its name.
    Plugged(&'static str),
    /// A provider, where people log in.
    OAuth(Provider, Accounts),
}

/// Who says who somebody is, for logins elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// One that is described by its URLs.
    Generic,
    /// One that describes itself (OpenID Connect).
    Oidc,
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Google.
    Google,
}

/// Whose names the names of a provider are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// The hub's alone.
    Hub,
    /// Those of this machine's users: the `Local…` classes.
    System,
}

impl AuthenticatorClass {
    /// The provider where people log in, if they do.
    #[must_use]
    pub fn provider(&self) -> Option<Provider> {
        match self {
            Self::OAuth(provider, _) => Some(*provider),
            _ => None,
        }
    }

    /// Whether its users are those of this machine, with their groups.
    #[must_use]
    pub fn knows_system_users(&self) -> bool {
        matches!(self, Self::Pam | Self::OAuth(_, Accounts::System))
    }
}

/// Who starts user servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnerClass {
    /// Processes that run as the system user of the same name; needs root.
    Local,
    /// Processes that run as the hub's own user, each with a home of its own.
    Simple,
    /// A class that the hub was built with, by its name.
    Own(String),
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What should not have happened.
    Warning,
    /// What failed.
    Error,
    /// What made the hub give up.
    Critical,
}

/// A role of `load_roles`. A role of a built-in name (`user`, `admin`, `server`, `token`) changes that one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// 3-255 of `a-z 0-9 - _ ~ .`; starts with a letter, ends with a letter or digit.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// What it allows; `None` leaves the scopes of a built-in role as they are.
    #[serde(default)]
    pub scopes: Option<Vec<Scope>>,
    /// Users that get it; a kind of holder that is not listed is as if it were listed empty.
    #[serde(default)]
    pub users: Option<Vec<String>>,
    /// Groups whose members get it.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// Services that get it.
    #[serde(default)]
    pub services: Option<Vec<String>>,
}

/// A group of `load_groups`. Members are added, never taken away (JupyterHub 6.1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupSpec {
    /// Its members.
    pub users: Vec<String>,
    /// Free-form properties.
    pub properties: Map<String, Value>,
}

/// `[JupyterHub]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JupyterHub {
    /// Where the proxy listens for the world, with the base URL of the whole deployment as path.
    ///
    /// The traits `ip`, `port` and `base_url` set its parts.
    pub bind_url: BindUrl,
    /// The address that browsers use, when it differs from what the hub can see; ends with the base URL.
    pub public_url: Option<Url>,
    /// The host below which every user and service has one of its own.
    pub subdomain_host: Option<Url>,
    /// How their names become hosts.
    pub subdomain_hook: Hook,
    /// Which requests the proxy sends to the hub; `None`: all that nobody else takes.
    pub hub_routespec: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed, beside those of this machine.
    pub trusted_downstream_ips: Vec<Network>,
    /// Where the hub itself listens, for the proxy, servers and services. `hub_ip` and `hub_port` set its parts.
    pub hub_bind_url: BindUrl,
    /// Mode of the file, when that is a unix socket.
    pub hub_socket_mode: u32,
    /// Where servers, services and the proxy reach the hub, when that differs from where it listens.
    pub hub_connect_url: Option<Url>,
    /// The same, as host only.
    pub hub_connect_ip: Option<String>,
    /// Where the state is.
    pub db_url: DbUrl,
    /// Whether an old database is brought up to date at start.
    pub upgrade_db: bool,
    /// Signs cookies: hex of at least 32 bytes. `None`: read [`Self::cookie_secret_file`], or make it.
    pub cookie_secret: Option<Token>,
    /// Holds the cookie secret as hex; private to the hub's user.
    pub cookie_secret_file: PathBuf,
    /// Whether the login cookie (and those of servers and services) is named `__Host-…`: no other host or path of the
    /// domain can set one, but every path of this host sees it.
    pub cookie_host_prefix_enabled: bool,
    /// How long a login lasts (trait `cookie_max_age_days`).
    pub cookie_max_age: Duration,
    /// Who checks passwords.
    pub authenticator_class: AuthenticatorClass,
    /// Who starts user servers.
    pub spawner_class: SpawnerClass,
    /// Who forwards requests: [`CONFIGURABLE_HTTP_PROXY`], or another that this hub was built with.
    pub proxy_class: String,
    /// The certificate of the public address; `None`: no TLS.
    pub ssl_cert: Option<PathBuf>,
    /// Its key; `None`: in the same file.
    pub ssl_key: Option<PathBuf>,
    /// Groups to have at start, by name.
    pub load_groups: BTreeMap<String, GroupSpec>,
    /// Roles to have at start.
    pub load_roles: Vec<RoleSpec>,
    /// The scopes that exist: JupyterHub's and those that are configured.
    pub custom_scopes: Arc<Catalogue>,
    /// What every user may do beside what the role `user` says by default.
    pub extra_user_scopes: Vec<Scope>,
    /// Services, managed and external.
    pub services: Vec<ServiceSpec>,
    /// Secrets that are tokens of services, with the names of those.
    pub service_tokens: Vec<(Token, String)>,
    /// Secrets that are tokens of users, with the names of those (pending deprecation since JupyterHub 0.8).
    pub api_tokens: Vec<(Token, String)>,
    /// How often the proxy's routes are compared and its activity is read back; `None`: never.
    pub last_activity_interval: Option<Duration>,
    /// Activity that is newer by less than this is not written.
    pub activity_resolution: Duration,
    /// How often services with a URL are asked whether they live; `None`: at their start only.
    pub service_check_interval: Option<Duration>,
    /// How long tokens live that OAuth gives to browsers; a login's life unless told otherwise.
    pub oauth_token_expires_in: Duration,
    /// Whether the OAuth provider refuses clients without PKCE.
    pub oauth_require_pkce: bool,
    /// Longest life of an API token that a user asks for; `None` means no limit.
    pub token_expires_in_max_seconds: Option<Duration>,
    /// Items per page when the client names no limit.
    pub api_page_default_limit: u64,
    /// Most items per page.
    pub api_page_max_limit: u64,
    /// Whether users may have named servers beside the default one.
    pub allow_named_servers: bool,
    /// Most named servers of a user; 0 for no limit.
    pub named_server_limit_per_user: u64,
    /// Most servers that start at once; 0 for no limit.
    pub concurrent_spawn_limit: u64,
    /// Most servers that are not stopped at once; 0 for no limit.
    pub active_server_limit: u64,
    /// How long requests wait for servers.
    pub tornado_settings: TornadoSettings,
    /// Whether metrics need the scope `read:metrics`.
    pub authenticate_prometheus: bool,
    /// Whether logging out stops the user's servers.
    pub shutdown_on_logout: bool,
    /// Whether user servers are stopped with the hub.
    pub cleanup_servers: bool,
    /// Whether the proxy is stopped with the hub.
    pub cleanup_proxy: bool,
    /// Where `/` leads everybody, and a login that was on the way to no page; `None`: the user's server, or the home page.
    pub default_url: Option<String>,
    /// Whether `/` leads a user with a running server there.
    pub redirect_to_server: bool,
    /// Whether users are told that administrators may enter their servers, even while there is none (deprecated: the role
    /// `admin` holds `access:servers` in any case).
    pub admin_access: bool,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Whether SQL statements are logged.
    pub debug_db: bool,
    /// Where the hub's process id is written.
    pub pid_file: Option<PathBuf>,
    /// The server that `/hub/user-redirect/` leads to; always the default one without named servers.
    pub default_server_name: ServerName,
    /// After how long the page of a stopped server starts it; zero for never.
    pub implicit_spawn: Duration,
    /// Whether requests to stopped servers are answered 503 instead of 424.
    pub legacy_stopped_status: bool,
    /// The picture at the top of every page; `None`: ours.
    pub logo_file: Option<PathBuf>,
    /// Folders with templates that replace ours.
    pub template_paths: Vec<PathBuf>,
    /// Variables for templates.
    pub template_vars: Map<String, Value>,
}

impl Default for JupyterHub {
    fn default() -> Self {
        let login = Duration::from_hours(14 * 24);
        Self {
            bind_url: BindUrl::new("", 8000),
            public_url: None,
            subdomain_host: None,
            subdomain_hook: Hook::Idna,
            hub_routespec: None,
            trusted_downstream_ips: Vec::new(),
            hub_bind_url: BindUrl::new("127.0.0.1", 8081),
            hub_socket_mode: 0o600,
            hub_connect_url: None,
            hub_connect_ip: None,
            db_url: DbUrl::default(),
            upgrade_db: false,
            cookie_secret: None,
            cookie_secret_file: "jupyterhub_cookie_secret".into(),
            cookie_host_prefix_enabled: false,
            cookie_max_age: login,
            authenticator_class: AuthenticatorClass::Pam,
            spawner_class: SpawnerClass::Local,
            proxy_class: CONFIGURABLE_HTTP_PROXY.to_owned(),
            ssl_cert: None,
            ssl_key: None,
            load_groups: BTreeMap::new(),
            load_roles: Vec::new(),
            custom_scopes: Arc::default(),
            extra_user_scopes: Vec::new(),
            services: Vec::new(),
            service_tokens: Vec::new(),
            api_tokens: Vec::new(),
            last_activity_interval: Some(Duration::from_secs(300)),
            activity_resolution: Duration::from_secs(30),
            service_check_interval: Some(Duration::from_secs(60)),
            oauth_token_expires_in: login,
            oauth_require_pkce: false,
            token_expires_in_max_seconds: None,
            api_page_default_limit: 50,
            api_page_max_limit: 200,
            allow_named_servers: false,
            named_server_limit_per_user: 0,
            concurrent_spawn_limit: 100,
            active_server_limit: 0,
            tornado_settings: TornadoSettings::default(),
            authenticate_prometheus: true,
            shutdown_on_logout: false,
            cleanup_servers: true,
            cleanup_proxy: true,
            default_url: None,
            redirect_to_server: true,
            admin_access: false,
            log_level: LogLevel::Info,
            debug_db: false,
            pid_file: None,
            default_server_name: ServerName::default_server(),
            implicit_spawn: Duration::ZERO,
            legacy_stopped_status: false,
            logo_file: None,
            template_paths: Vec::new(),
            template_vars: Map::new(),
        }
    }
}

impl JupyterHub {
    /// All roles that there are to be: the built-in ones with what the configuration changes of them, and its own.
    ///
    /// What `load_roles` says of the role `user` replaces `extra_user_scopes`, as in JupyterHub.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        let mut table: BTreeMap<String, Role> = builtin_roles()
            .into_iter()
            .map(|role| (role.name.clone(), role))
            .collect();
        if let Some(user) = table.get_mut(USER_ROLE) {
            user.scopes.extend(self.extra_user_scopes.iter().cloned());
        }
        for spec in self
            .load_roles
            .iter()
            .filter(|spec| spec.name != ADMIN_ROLE)
        {
            let role = table.entry(spec.name.clone()).or_insert_with(|| Role {
                name: spec.name.clone(),
                description: String::new(),
                scopes: Vec::new(),
                origin: Origin::Config,
            });
            if let Some(description) = &spec.description {
                role.description.clone_from(description);
            }
            if let Some(scopes) = &spec.scopes {
                role.scopes.clone_from(scopes);
            }
        }
        table.into_values().collect()
    }

    /// Longest life of an API token in seconds; 0 for no limit.
    #[must_use]
    pub fn longest_token(&self) -> i64 {
        self.token_expires_in_max_seconds
            .map_or(0, |max| i64::try_from(max.as_secs()).unwrap_or(i64::MAX))
    }

    /// The base URL of the deployment.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        &self.bind_url.base_url
    }

    /// The hosts of users and services, when they have some.
    #[must_use]
    pub fn subdomains(&self) -> Option<Subdomains> {
        Subdomains::new(self.subdomain_host.as_ref()?, self.subdomain_hook)
    }

    /// `scheme://host:port` (or `http+unix://SOCKET`) at which servers, services and the proxy reach the hub; no trailing slash.
    ///
    /// `port` is the port the hub in fact listens on, which is not the configured one when that is 0.
    #[must_use]
    pub fn hub_connect_origin(&self, port: u16) -> String {
        if let Some(url) = &self.hub_connect_url {
            // Of a socket, an "origin" is nothing that the URL standard knows.
            return match url.scheme() {
                socket_url::SCHEME => url.as_str().trim_end_matches('/').to_owned(),
                _ => url.origin().ascii_serialization(),
            };
        }
        match &self.hub_connect_ip {
            Some(host) => BindUrl::new(host, port).local_origin(port),
            None => self.hub_bind_url.local_origin(port),
        }
    }

    /// The public address as somebody on this machine reaches it; `port` is the one in fact in use.
    #[must_use]
    pub fn local_public_origin(&self, port: u16) -> String {
        let plain = self.bind_url.local_origin(port);
        if self.ssl_cert.is_some() || self.bind_url.https {
            plain.replacen("http://", "https://", 1)
        } else {
            plain
        }
    }

    /// The rule of named servers.
    #[must_use]
    pub fn named_servers(&self) -> NamedServers {
        NamedServers {
            allowed: self.allow_named_servers,
            most: self.named_server_limit_per_user,
        }
    }

    /// The rule of starts.
    #[must_use]
    pub fn start_limits(&self) -> StartLimits {
        StartLimits {
            starting: self.concurrent_spawn_limit,
            active: self.active_server_limit,
        }
    }

    /// `JUPYTERHUB_API_URL`: the hub's API as servers and services reach it; no trailing slash.
    #[must_use]
    pub fn api_url(&self, port: u16) -> String {
        format!("{}{}", self.hub_connect_origin(port), self.base_url().api())
    }
}

#[cfg(test)]
mod tests;
