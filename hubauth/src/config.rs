//! [`HubAuthConfig`]: everything the SDK must know of the hub and of the service it runs in.
//!
//! Built by hand or read from the environment contract (wire contract 1.1 and 1.2). A configuration that could let the
//! wrong person in is refused here, not discovered at a request.

mod cookies;
mod env;
mod listen;
mod setters;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::{Clock, SystemClock};
use hub_types::paths::BaseUrl;
use hub_types::scope::Scope;
use hub_types::secret::Token;
use url::Url;

pub use cookies::{CookieLife, CookieOptions, SameSite};
pub use env::HUBAUTH_CACHE_MAX_AGE;
pub use listen::listen_address;

/// Where a hub listens when nothing says otherwise. Source: `HubAuth.api_url` of JupyterHub 6.1.
pub const DEFAULT_API_URL: &str = "http://127.0.0.1:8081/hub/api";

/// Where the API of a deployment at `base` is when nothing says otherwise.
fn default_api_url(base: &BaseUrl) -> String {
    format!("http://127.0.0.1:8081{}api", base.hub())
}

/// How long an answer of the hub is believed. Source: `HubAuth.cache_max_age` of JupyterHub 6.1.
pub const DEFAULT_CACHE_MAX_AGE: Duration = Duration::from_secs(300);

/// How long "the hub does not know this token" is believed; upstream's 300 s would lock out a token made just after.
pub const DEFAULT_NEGATIVE_MAX_AGE: Duration = Duration::from_secs(3);

/// Answers kept at most; upstream has no bound.
pub const DEFAULT_CACHE_SIZE: u64 = 10_000;

/// How long a login may take. Source: `HubOAuth.oauth_state_max_age` of JupyterHub 6.1.
pub const DEFAULT_STATE_MAX_AGE: Duration = Duration::from_secs(600);

/// Name of the cookie that hubs of 0.7 and 0.8 (and ours, for services that ask for it) set for services.
pub const SERVICES_COOKIE: &str = "jupyterhub-services";

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

/// How a request that a cookie authenticates proves that it comes from a page of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum XsrfCheck {
    /// It sends the value of the `_xsrf` cookie back (wire contract 4.6): for services whose pages know of it.
    #[default]
    Token,
    /// Its browser says so, by `Origin` and `Sec-Fetch-Site`: for pages that are not ours, and for scripts. Set
    /// `public_url`, or the `Host` header decides which origin is our own.
    Origin,
}

/// The configuration. Made by [`HubAuthConfig::new`] or [`HubAuthConfig::from_env`], changed with the `with_…` methods.
///
/// | setting | variable | trait of JupyterHub's classes | default |
/// |---|---|---|---|
/// | `api_token` | `JUPYTERHUB_API_TOKEN`, `JPY_API_TOKEN` | `api_token` | none: refused |
/// | `api_url` | `JUPYTERHUB_API_URL` | `api_url` | `http://127.0.0.1:8081{base_url}hub/api` |
/// | `base_url` | `JUPYTERHUB_BASE_URL` | – | `/` |
/// | `hub_prefix` | – | `hub_prefix` | `{base_url}hub/` |
/// | `hub_host` | `JUPYTERHUB_HOST` | `hub_host` | empty: same host |
/// | `public_url` | `JUPYTERHUB_PUBLIC_URL` | – | none |
/// | `service_prefix` | `JUPYTERHUB_SERVICE_PREFIX` | `base_url` | `/` |
/// | `service_url` | `JUPYTERHUB_SERVICE_URL` | – | none |
/// | `client_id` | `JUPYTERHUB_CLIENT_ID` | `oauth_client_id` | `service-{JUPYTERHUB_SERVICE_NAME}` |
/// | `callback_url` | `JUPYTERHUB_OAUTH_CALLBACK_URL` | `oauth_redirect_uri` | `{service_prefix}oauth_callback` |
/// | `authorization_url` | – | `oauth_authorization_url` | `{hub_host}{hub_prefix}api/oauth2/authorize` |
/// | `token_url` | – | `oauth_token_url` | `{api_url}/oauth2/token` |
/// | `state_max_age` | – | `oauth_state_max_age` | 600 s |
/// | `login_url` | – | `login_url` | none: 403; with `cookie_auth` the hub's login page |
/// | `access` | `JUPYTERHUB_OAUTH_ACCESS_SCOPES`, `JUPYTERHUB_OAUTH_SCOPES`, `JUPYTERHUB_SERVICE_NAME` | `access_scopes`, `oauth_scopes` | see [`DefaultAccess`] |
/// | `cookie_options` | `JUPYTERHUB_COOKIE_OPTIONS` | `cookie_options` | `SameSite=Lax` |
/// | `cookie_host_prefix` | `JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED` | `cookie_host_prefix_enabled` | off |
/// | `cookie_key` | – | tornado's `cookie_secret` | see [`with_cookie_key`](Self::with_cookie_key) |
/// | `cookie_auth` | – | what `HubAuth` of 0.7 and 0.8 did | off |
/// | `cookie_name` | – | `cookie_name` (0.7, 0.8) | `jupyterhub-services` |
/// | `xsrf` | – | – | [`XsrfCheck::Token`] |
/// | `allow_token_in_url` | `JUPYTERHUB_ALLOW_TOKEN_IN_URL` | `allow_token_in_url` | off |
/// | `allow_websocket_cookie_auth` | `JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH` | `allow_websocket_cookie_auth` | on |
/// | `tls` | `JUPYTERHUB_SSL_KEYFILE`, `…_CERTFILE`, `…_CLIENT_CA` | `keyfile`, `certfile`, `client_ca` | none |
/// | `cache_max_age` | `HUBAUTH_CACHE_MAX_AGE` (seconds; ours) | `cache_max_age`, `cookie_cache_max_age` | 300 s; 0 means no caching (in upstream's Python: for ever) |
/// | `negative_max_age` | – | – | 3 s |
/// | `cache_size` | – | – (no bound) | 10,000 answers |
///
/// The cookie that recognises a browser is called as the client is (trait `cookie_name` of `HubOAuth`). PKCE is always on
/// (trait `pkce_enabled`): hubs that do not know it ignore it. `hub_users`, `hub_groups`, `hub_services` and `allow_admin` of
/// `HubAuthenticated` are rules of a layer: [`Access::users`](crate::Access::users), [`groups`](crate::Access::groups),
/// [`services`](crate::Access::services), [`admin`](crate::Access::admin).
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
    /// URL on which the hub expects this service; see [`listen_address`](Self::listen_address).
    pub service_url: Option<String>,
    /// OAuth client id; also the name of the token cookie.
    pub client_id: String,
    /// Where the hub sends the browser back to: a path, or a URL.
    pub callback_url: String,
    /// The hub's authorization page as browsers see it, when it is not where hubs have it.
    pub authorization_url: Option<String>,
    /// Where the hub gives tokens for codes, when it is not below the API.
    pub token_url: Option<String>,
    /// How long a login may take.
    pub state_max_age: Duration,
    /// Where `HubAuth` sends visitors without credentials who ask for a page, with `?next=`; they get 403 without it.
    pub login_url: Option<String>,
    /// Who may enter, before any rule of the service itself.
    pub access: DefaultAccess,
    /// Whether somebody has said who may enter; until then, the client's id decides.
    access_said: bool,
    /// Attributes of the cookies.
    pub cookie_options: CookieOptions,
    /// Whether the token cookie is named `__Host-…` (then its path is `/`, and it needs https).
    pub cookie_host_prefix: bool,
    /// The key of the cookies; see [`HubAuthConfig::with_cookie_key`].
    pub cookie_key: Option<Token>,
    /// Whether `HubAuth` looks at the cookie that the hub set for services, as in JupyterHub 0.7 and 0.8.
    pub cookie_auth: bool,
    /// Name of that cookie.
    pub cookie_name: String,
    /// How a request with a cookie proves that it comes from a page of this service.
    pub xsrf: XsrfCheck,
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
            service_url: None,
            client_id: String::new(),
            callback_url: "/oauth_callback".to_owned(),
            authorization_url: None,
            token_url: None,
            state_max_age: DEFAULT_STATE_MAX_AGE,
            login_url: None,
            access: DefaultAccess::AnyUser,
            access_said: false,
            cookie_options: CookieOptions::default(),
            cookie_host_prefix: false,
            cookie_key: None,
            cookie_auth: false,
            cookie_name: SERVICES_COOKIE.to_owned(),
            xsrf: XsrfCheck::default(),
            allow_token_in_url: false,
            allow_websocket_cookie_auth: true,
            cache_max_age: DEFAULT_CACHE_MAX_AGE,
            negative_max_age: DEFAULT_NEGATIVE_MAX_AGE,
            cache_size: DEFAULT_CACHE_SIZE,
            tls: None,
            clock: Arc::new(SystemClock),
        })
    }

    /// The hub's login page, as a browser reaches it: what was configured, or `{host}{base}hub/login`.
    #[must_use]
    pub fn login_url(&self) -> String {
        self.login_url
            .clone()
            .unwrap_or_else(|| format!("{}{}login", self.hub_host, self.hub_prefix))
    }

    /// The hub's logout page, as a browser reaches it.
    #[must_use]
    pub fn logout_url(&self) -> String {
        format!("{}{}logout", self.hub_host, self.hub_prefix)
    }

    /// The hub's authorization page, as a browser reaches it: what was configured, or
    /// `{host}{base}hub/api/oauth2/authorize`.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        self.authorization_url
            .clone()
            .unwrap_or_else(|| format!("{}{}api/oauth2/authorize", self.hub_host, self.hub_prefix))
    }

    /// Where a code becomes a token: what was configured, or `{api_url}/oauth2/token`.
    #[must_use]
    pub fn token_url(&self) -> String {
        self.token_url
            .clone()
            .unwrap_or_else(|| format!("{}/oauth2/token", self.api_url))
    }

    /// The origin (`scheme://host[:port]`) of this service as browsers see it, where it is known.
    #[must_use]
    pub fn public_origin(&self) -> Option<String> {
        self.public_url
            .as_ref()
            .map(|url| url.origin().ascii_serialization())
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
