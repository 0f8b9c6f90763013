//! [`HubAuthConfig`]: everything the SDK must know of the hub and of the service it runs in.
//!
//! Built by hand or read from the environment contract (wire contract 1.1 and 1.2). A configuration that could let the
//! wrong person in is refused here, not discovered at a request.

mod cookies;
mod env;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::{Clock, SystemClock};
use hub_types::paths::BaseUrl;
use hub_types::scope::Scope;
use hub_types::secret::Token;
use url::Url;

pub use cookies::{CookieOptions, SameSite};

/// Where a hub listens when nothing says otherwise. Source: `HubAuth.api_url` of JupyterHub 6.1.
pub const DEFAULT_API_URL: &str = "http://127.0.0.1:8081/hub/api";

/// How long an answer of the hub is believed. Source: `HubAuth.cache_max_age` of JupyterHub 6.1.
pub const DEFAULT_CACHE_MAX_AGE: Duration = Duration::from_secs(300);

/// How long "the hub does not know this token" is believed; upstream's 300 s would lock out a token made just after.
pub const DEFAULT_NEGATIVE_MAX_AGE: Duration = Duration::from_secs(3);

/// Answers kept at most; upstream has no bound.
pub const DEFAULT_CACHE_SIZE: u64 = 10_000;

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A required setting is missing or empty.
    #[error("{name} is missing or empty: {remedy}")]
    Missing {
        /// The variable or setting.
        name: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A setting cannot be read.
    #[error("{name} is malformed: {reason}. {remedy}")]
    Malformed {
        /// The variable or setting.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The client of the hub cannot be built.
    #[error("{0}")]
    Client(String),
}

/// Files for internal TLS: the client certificate with its key, and the authority that signed the hub's.
///
/// Source: `JUPYTERHUB_SSL_KEYFILE`, `JUPYTERHUB_SSL_CERTFILE`, `JUPYTERHUB_SSL_CLIENT_CA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Private key (PEM).
    pub keyfile: PathBuf,
    /// Certificate chain (PEM).
    pub certfile: PathBuf,
    /// Certificate authorities (PEM).
    pub client_ca: PathBuf,
}

/// Who the environment says may enter: wire contract 4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultAccess {
    /// Whoever holds any one of these scopes.
    Scopes(Vec<Scope>),
    /// Whoever the hub knows: a service that is not told its name and no scopes, as upstream.
    AnyUser,
    /// Nobody: a single-user server without scopes, or an empty list of them.
    Nobody,
}

/// The configuration. Made by [`HubAuthConfig::new`] or [`HubAuthConfig::from_env`], changed with the `with_…` methods.
///
/// | setting | variable | default |
/// |---|---|---|
/// | `api_token` | `JUPYTERHUB_API_TOKEN`, `JPY_API_TOKEN` | none: refused |
/// | `api_url` | `JUPYTERHUB_API_URL` | `http://127.0.0.1:8081/hub/api` |
/// | `base_url` | `JUPYTERHUB_BASE_URL` | `/` |
/// | `hub_prefix` | – | `{base_url}hub/` |
/// | `hub_host` | `JUPYTERHUB_HOST` | empty: same host |
/// | `public_url` | `JUPYTERHUB_PUBLIC_URL` | none |
/// | `service_prefix` | `JUPYTERHUB_SERVICE_PREFIX` | `/` |
/// | `client_id` | `JUPYTERHUB_CLIENT_ID` | `service-{JUPYTERHUB_SERVICE_NAME}` |
/// | `callback_url` | `JUPYTERHUB_OAUTH_CALLBACK_URL` | `{service_prefix}oauth_callback` |
/// | `access` | `JUPYTERHUB_OAUTH_ACCESS_SCOPES`, `JUPYTERHUB_OAUTH_SCOPES`, `JUPYTERHUB_SERVICE_NAME` | see [`DefaultAccess`] |
/// | `cookie_options` | `JUPYTERHUB_COOKIE_OPTIONS` | `SameSite=Lax` |
/// | `cookie_host_prefix` | `JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED` | off |
/// | `allow_token_in_url` | `JUPYTERHUB_ALLOW_TOKEN_IN_URL` | off |
/// | `allow_websocket_cookie_auth` | `JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH` | on |
/// | `tls` | `JUPYTERHUB_SSL_KEYFILE`, `…_CERTFILE`, `…_CLIENT_CA` | none |
/// | `cache_max_age` | – | 300 s; 0 means no caching (in upstream's Python: for ever) |
/// | `negative_max_age` | – | 3 s |
/// | `cache_size` | – | 10,000 answers |
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubAuthConfig {
    /// This service's own token; also its OAuth client secret.
    pub api_token: Token,
    /// The hub's API, without a trailing slash.
    pub api_url: String,
    /// Base URL of the deployment.
    pub base_url: BaseUrl,
    /// Path of the hub under the proxy, with slashes at both ends.
    pub hub_prefix: String,
    /// `scheme://host[:port]` of the hub as browsers see it; empty when it is this service's own.
    pub hub_host: String,
    /// URL of this service as browsers see it.
    pub public_url: Option<Url>,
    /// Path of this service under the proxy, with slashes at both ends.
    pub service_prefix: String,
    /// OAuth client id; also the name of the token cookie.
    pub client_id: String,
    /// Where the hub sends the browser back to: a path, or a URL.
    pub callback_url: String,
    /// Who may enter, before any rule of the service itself.
    pub access: DefaultAccess,
    /// Attributes of the cookies.
    pub cookie_options: CookieOptions,
    /// Whether the token cookie is named `__Host-…` (then its path is `/`, and it needs https).
    pub cookie_host_prefix: bool,
    /// The key of the cookies; see [`HubAuthConfig::with_cookie_key`].
    pub cookie_key: Option<Token>,
    /// Whether `?token=` counts for pages too.
    pub allow_token_in_url: bool,
    /// Whether a cookie suffices for a WebSocket.
    pub allow_websocket_cookie_auth: bool,
    /// How long an answer of the hub is believed.
    pub cache_max_age: Duration,
    /// How long "unknown token" is believed.
    pub negative_max_age: Duration,
    /// How many answers are kept.
    pub cache_size: u64,
    /// Certificates for internal TLS.
    pub tls: Option<TlsFiles>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
}

impl HubAuthConfig {
    /// A configuration with all defaults for a service that calls the hub with `api_token`.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] when the token is empty: it would match nothing, or worse, everything.
    pub fn new(api_token: Token) -> Result<Self, ConfigError> {
        if api_token.expose().trim().is_empty() {
            return Err(ConfigError::Missing {
                name: "JUPYTERHUB_API_TOKEN",
                remedy: "set it to the token that the hub's configuration gives this service",
            });
        }
        Ok(Self {
            api_token,
            api_url: DEFAULT_API_URL.to_owned(),
            base_url: BaseUrl::default(),
            hub_prefix: BaseUrl::default().hub(),
            hub_host: String::new(),
            public_url: None,
            service_prefix: "/".to_owned(),
            client_id: String::new(),
            callback_url: "/oauth_callback".to_owned(),
            access: DefaultAccess::AnyUser,
            cookie_options: CookieOptions::default(),
            cookie_host_prefix: false,
            cookie_key: None,
            allow_token_in_url: false,
            allow_websocket_cookie_auth: true,
            cache_max_age: DEFAULT_CACHE_MAX_AGE,
            negative_max_age: DEFAULT_NEGATIVE_MAX_AGE,
            cache_size: DEFAULT_CACHE_SIZE,
            tls: None,
            clock: Arc::new(SystemClock),
        })
    }

    /// The hub's API; a trailing slash is dropped.
    #[must_use]
    pub fn with_api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into().trim_end_matches('/').to_owned();
        self
    }

    /// Base URL of the deployment; moves the hub's prefix along.
    #[must_use]
    pub fn with_base_url(mut self, base: &str) -> Self {
        self.base_url = BaseUrl::new(base);
        self.hub_prefix = self.base_url.hub();
        self
    }

    /// `scheme://host[:port]` of the hub as browsers see it, when it differs from this service's.
    #[must_use]
    pub fn with_hub_host(mut self, host: impl Into<String>) -> Self {
        self.hub_host = host.into().trim_end_matches('/').to_owned();
        self
    }

    /// Path of this service under the proxy; moves the callback along.
    #[must_use]
    pub fn with_service_prefix(mut self, prefix: &str) -> Self {
        self.service_prefix = BaseUrl::new(prefix).as_str().to_owned();
        self.callback_url = format!("{}oauth_callback", self.service_prefix);
        self
    }

    /// OAuth client id (`service-NAME`).
    #[must_use]
    pub fn with_client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Where the hub sends the browser back to: a path, or a URL. It must be what the hub has registered, exactly.
    #[must_use]
    pub fn with_callback_url(mut self, url: impl Into<String>) -> Self {
        self.callback_url = url.into();
        self
    }

    /// Who may enter, before any rule of the service itself.
    #[must_use]
    pub fn with_access(mut self, access: DefaultAccess) -> Self {
        self.access = access;
        self
    }

    /// The secret from which the key of the cookies is made; share it between replicas of one service.
    ///
    /// Without it the key comes from the API token when that is long enough to be random (32 characters), so that
    /// logins survive a restart; else it is random, and they do not.
    #[must_use]
    pub fn with_cookie_key(mut self, secret: Token) -> Self {
        self.cookie_key = Some(secret);
        self
    }

    /// Whether `?token=` counts for pages too. Tokens in URLs end up in logs and histories.
    #[must_use]
    pub fn with_token_in_url(mut self, allow: bool) -> Self {
        self.allow_token_in_url = allow;
        self
    }

    /// How long an answer of the hub is believed, and so how long a revoked token works; zero asks the hub every time.
    #[must_use]
    pub fn with_cache_max_age(mut self, age: Duration) -> Self {
        self.cache_max_age = age;
        self
    }

    /// The seed-era name of [`with_cache_max_age`](Self::with_cache_max_age).
    #[must_use]
    pub fn with_cookie_cache_max_age(self, age: Duration) -> Self {
        self.with_cache_max_age(age)
    }

    /// How long "unknown token" is believed.
    #[must_use]
    pub fn with_negative_max_age(mut self, age: Duration) -> Self {
        self.negative_max_age = age;
        self
    }

    /// How many answers are kept.
    #[must_use]
    pub fn with_cache_size(mut self, answers: u64) -> Self {
        self.cache_size = answers;
        self
    }

    /// Where "now" comes from; tests give a clock that they move.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The hub's login page, as a browser reaches it.
    #[must_use]
    pub fn login_url(&self) -> String {
        format!("{}{}login", self.hub_host, self.hub_prefix)
    }

    /// The hub's logout page, as a browser reaches it.
    #[must_use]
    pub fn logout_url(&self) -> String {
        format!("{}{}logout", self.hub_host, self.hub_prefix)
    }

    /// The hub's authorization page, as a browser reaches it: `{host}{base}hub/api/oauth2/authorize`.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        format!("{}{}api/oauth2/authorize", self.hub_host, self.hub_prefix)
    }

    /// Path of the callback, without scheme and host.
    #[must_use]
    pub fn callback_path(&self) -> String {
        match Url::parse(&self.callback_url) {
            Ok(url) => url.path().to_owned(),
            Err(_) => self
                .callback_url
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Name of the token cookie: the client id, with `__Host-` before it in that mode.
    #[must_use]
    pub fn token_cookie_name(&self) -> String {
        if self.cookie_host_prefix {
            format!("__Host-{}", self.client_id)
        } else {
            self.client_id.clone()
        }
    }
}
