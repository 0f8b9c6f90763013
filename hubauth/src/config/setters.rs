//! The `with_…` methods of [`HubAuthConfig`].

use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::Clock;
use hub_types::paths::BaseUrl;
use hub_types::scope::Scope;
use hub_types::secret::Token;
use url::Url;

use super::{CookieOptions, DefaultAccess, HubAuthConfig, TlsFiles, XsrfCheck, default_api_url};

impl HubAuthConfig {
    /// The hub's API; a trailing slash is dropped.
    #[must_use]
    pub fn with_api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into().trim_end_matches('/').to_owned();
        self
    }

    /// Base URL of the deployment; moves the hub's prefix along, and its API unless that was given.
    #[must_use]
    pub fn with_base_url(mut self, base: &str) -> Self {
        let by_default = self.api_url == default_api_url(&self.base_url);
        self.base_url = BaseUrl::new(base);
        self.hub_prefix = self.base_url.hub();
        if by_default {
            self.api_url = default_api_url(&self.base_url);
        }
        self
    }

    /// `scheme://host[:port]` of the hub as browsers see it, when it differs from this service's.
    #[must_use]
    pub fn with_hub_host(mut self, host: impl Into<String>) -> Self {
        self.hub_host = host.into().trim_end_matches('/').to_owned();
        self
    }

    /// Path of this service under the proxy; moves the callback along, unless that was given.
    #[must_use]
    pub fn with_service_prefix(mut self, prefix: &str) -> Self {
        let by_default = self.callback_url == format!("{}oauth_callback", self.service_prefix);
        self.service_prefix = BaseUrl::new(prefix).as_str().to_owned();
        if by_default {
            self.callback_url = format!("{}oauth_callback", self.service_prefix);
        }
        self
    }

    /// Where the hub expects this service ([`listen_address`](Self::listen_address)).
    #[must_use]
    pub fn with_service_url(mut self, url: impl Into<String>) -> Self {
        self.service_url = Some(url.into());
        self
    }

    /// OAuth client id (`service-NAME`). Until [`with_access`](Self::with_access) or
    /// [`with_access_scopes`](Self::with_access_scopes) says otherwise, whoever holds `access:services!service=NAME` may
    /// enter, and with an id of another form nobody.
    #[must_use]
    pub fn with_client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        if !self.access_said {
            self.access = DefaultAccess::of_client(&self.client_id);
        }
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
        self.access_said = true;
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

    /// Path of the hub under the proxy, when it is not `{base_url}hub/`.
    #[must_use]
    pub fn with_hub_prefix(mut self, prefix: &str) -> Self {
        self.hub_prefix = BaseUrl::new(prefix).as_str().to_owned();
        self
    }

    /// URL of this service as browsers see it. Its scheme decides about `Secure`, its origin is the only one whose pages
    /// count as our own.
    #[must_use]
    pub fn with_public_url(mut self, url: Url) -> Self {
        self.public_url = Some(url);
        self
    }

    /// The hub's authorization page, when it is not `{hub_host}{hub_prefix}api/oauth2/authorize`.
    #[must_use]
    pub fn with_authorization_url(mut self, url: impl Into<String>) -> Self {
        self.authorization_url = Some(url.into());
        self
    }

    /// Where a code becomes a token, when it is not `{api_url}/oauth2/token`. The client's secret is sent there.
    #[must_use]
    pub fn with_token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// How long a login may take, from the redirect to the hub to the way back.
    #[must_use]
    pub fn with_state_max_age(mut self, age: Duration) -> Self {
        self.state_max_age = age;
        self
    }

    /// Where `HubAuth` (without OAuth) sends visitors who have no credentials and ask for a page; `?next=` is added.
    #[must_use]
    pub fn with_login_url(mut self, url: impl Into<String>) -> Self {
        self.login_url = Some(url.into());
        self
    }

    /// Any one of these scopes lets a visitor in; an empty list lets nobody in.
    #[must_use]
    pub fn with_access_scopes(self, any_of: impl IntoIterator<Item = Scope>) -> Self {
        let scopes: Vec<Scope> = any_of.into_iter().collect();
        self.with_access(if scopes.is_empty() {
            DefaultAccess::Nobody
        } else {
            DefaultAccess::Scopes(scopes)
        })
    }

    /// Attributes of the cookies.
    #[must_use]
    pub fn with_cookie_options(mut self, options: CookieOptions) -> Self {
        self.cookie_options = options;
        self
    }

    /// Whether the token cookie is named `__Host-…`: bound to this very host, sent to all its paths, https only.
    #[must_use]
    pub fn with_cookie_host_prefix(mut self, enabled: bool) -> Self {
        self.cookie_host_prefix = enabled;
        self
    }

    /// Whether `HubAuth` looks at the cookie that the hub set for services at login (JupyterHub 0.7, 0.8, and our hub for
    /// services with `cookie_auth`). Visitors without credentials are then sent to the hub's login page. The hub tells no
    /// scopes with that cookie: who may enter is decided by name and group, as services of that time did.
    #[must_use]
    pub fn with_cookie_auth(mut self, enabled: bool) -> Self {
        self.cookie_auth = enabled;
        self
    }

    /// Name of that cookie.
    #[must_use]
    pub fn with_cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// How a request with a cookie proves that it comes from a page of this service.
    #[must_use]
    pub fn with_xsrf(mut self, check: XsrfCheck) -> Self {
        self.xsrf = check;
        self
    }

    /// Whether a cookie suffices for a WebSocket.
    #[must_use]
    pub fn with_websocket_cookie_auth(mut self, allow: bool) -> Self {
        self.allow_websocket_cookie_auth = allow;
        self
    }

    /// Certificates for internal TLS.
    #[must_use]
    pub fn with_tls_files(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }
}
