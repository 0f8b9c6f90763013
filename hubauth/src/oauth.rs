//! [`HubOAuth`]: sends browsers to the hub's login and back, and recognises them afterwards by a cookie.
//!
//! ```text
//! GET /services/whoami/  ─► no cookie ─► 302 {hub}/api/oauth2/authorize?client_id&redirect_uri&state&code_challenge
//!                                        Set-Cookie: service-whoami-oauth-state-…   (binds the state to this browser)
//! hub: login, consent    ─► 302 /services/whoami/oauth_callback?code&state
//! callback: state opens, cookie matches ─► POST {hub}/api/oauth2/token ─► GET {hub}/api/user
//!                        ─► 302 to where the visitor wanted to go
//!                           Set-Cookie: service-whoami (the token, encrypted), _xsrf
//! ```
//!
//! Nothing is kept between the two halves but in the state itself, which is encrypted: logins survive a restart and
//! work with several replicas.
//!
//! The pieces are public for those who assemble their own flow: [`next::within`], [`HubOAuth::start_login`],
//! [`HubOAuth::pending_login`], [`HubOAuth::token_for_code`], [`HubOAuth::login_cookies`], [`HubOAuth::cookie_tokens`],
//! [`HubOAuth::recognise`], [`HubOAuth::clear_login`].

pub mod callback;
pub mod cookie;
mod exchange;
mod form;
pub mod next;
mod recognise;
mod routes;
mod seal;
pub mod state;
pub mod xsrf;

pub use callback::{CallbackError, PendingLogin};
pub use exchange::Granted;

use std::sync::Arc;

use ::cookie::Cookie;
use chrono::TimeDelta;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use hub_types::env::{EnvSource, ProcessEnv};
use hub_types::secret::Token;
use oauth2::PkceCodeChallenge;

use crate::auth::HubAuth;
use crate::config::{ConfigError, HubAuthConfig};
use crate::reply::{Reply, redirect};
use crate::user::HubUser;
use cookie::CookieJar;
use seal::Sealer;
use state::{Login, SpentStates};

/// Recognises tokens and logged-in browsers, and runs the login flow. Cheap to clone; clones share the cache.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use hubauth::{Access, HubOAuth, HubUser};
///
/// # fn demo() -> Result<Router, hubauth::ConfigError> {
/// let hub = HubOAuth::from_env()?;
/// let app = Router::new()
///     .route("/", get(|user: HubUser| async move { format!("hello {}", user.name) }))
///     .layer(hub.layer().require(Access::any_user()))
///     .merge(hub.callback_routes());
/// Ok(hub.mount(app)) // at JUPYTERHUB_SERVICE_PREFIX
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HubOAuth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    auth: HubAuth,
    sealer: Sealer,
    jar: CookieJar,
    spent: SpentStates,
    endpoint: exchange::Endpoint,
    callback_path: String,
}

impl HubOAuth {
    /// Reads the environment of this process ([`HubAuthConfig::from_env`]).
    ///
    /// # Errors
    /// [`ConfigError`] when something is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_env_source(&ProcessEnv)
    }

    /// Reads the environment from `env`.
    ///
    /// # Errors
    /// [`ConfigError`] when something is missing or malformed.
    pub fn from_env_source(env: &impl EnvSource) -> Result<Self, ConfigError> {
        Self::new(HubAuthConfig::from_env(env)?)
    }

    /// Uses `config`.
    ///
    /// # Errors
    /// [`ConfigError`] without a client id, or when the hub's address cannot be used for OAuth.
    pub fn new(config: HubAuthConfig) -> Result<Self, ConfigError> {
        Self::from_auth(HubAuth::new(config)?)
    }

    /// Puts the login flow before `auth`; both share one cache.
    ///
    /// # Errors
    /// [`ConfigError`] without a client id, or when the hub's address cannot be used for OAuth.
    pub fn from_auth(auth: HubAuth) -> Result<Self, ConfigError> {
        let config = auth.config();
        if config.client_id.is_empty() {
            return Err(ConfigError::Missing {
                name: "JUPYTERHUB_CLIENT_ID",
                remedy: "set it to the OAuth client id that the hub has for this service (service-NAME), or set \
                         JUPYTERHUB_SERVICE_NAME",
            });
        }
        if !config.client_id.bytes().all(cookie::is_name_byte) {
            return Err(ConfigError::Malformed {
                name: "JUPYTERHUB_CLIENT_ID",
                reason: "it contains characters that a cookie's name cannot have".to_owned(),
                remedy: "Copy it from the hub's configuration",
            });
        }
        let sealer = Sealer::for_config(config);
        let jar = CookieJar::for_config(config);
        let endpoint = exchange::Endpoint::for_config(config)?;
        let inner = Inner {
            sealer,
            jar,
            spent: SpentStates::new(config.state_max_age),
            endpoint,
            callback_path: config.callback_path(),
            auth,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The token side: cache, client, configuration.
    #[must_use]
    pub fn auth(&self) -> &HubAuth {
        &self.inner.auth
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &HubAuthConfig {
        self.inner.auth.config()
    }

    /// Who sent a request: by token, else by the login cookie. `None` for a visitor who must log in.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError) when the hub cannot say.
    pub async fn user_for_request(
        &self,
        request: &Parts,
    ) -> Result<Option<HubUser>, crate::ClientError> {
        Ok(self.recognise(request).await?.user)
    }

    /// 302 to the hub's authorization page, with the state cookie; afterwards the visitor comes back to this request's
    /// URL if that lies in the service, else to its front page.
    pub(crate) fn login_redirect(&self, request: &Parts) -> Option<Reply> {
        let next = next::of_request(request, &self.config().service_prefix);
        self.login_reply(request, next)
    }

    /// 302 to the hub's authorization page, for a login that ends at `next`.
    fn login_reply(&self, request: &Parts, next: String) -> Option<Reply> {
        let (location, cookie) = self.start_login(request, next);
        let mut reply = redirect(&location)?;
        append(reply.headers_mut(), &cookie);
        Some(reply)
    }

    /// Starts a login that ends at `next`: the URL to send the browser to, and the cookie to set with it. A `next` that
    /// came from outside must go through [`next::within`] first; it is not checked again.
    #[must_use]
    pub fn start_login(&self, request: &Parts, next: String) -> (String, Cookie<'static>) {
        let inner = &self.inner;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (suffix, binding) = self.binding(&request.headers);
        let login = Login {
            next,
            verifier: Token::from_config(verifier.secret().as_str()),
            suffix,
            binding,
            expires: self.config().clock.now() + self.state_max_age(),
        };
        let cookie = inner
            .jar
            .state_cookie(request, &login.suffix, login.binding.expose());
        let state = login.seal(&inner.sealer);
        (inner.endpoint.authorize_url(&state, challenge), cookie)
    }

    fn state_max_age(&self) -> TimeDelta {
        let day = TimeDelta::days(1);
        TimeDelta::from_std(self.config().state_max_age).map_or(day, |age| age.min(day))
    }

    /// The browser's half of a state. A browser that is already logging in (another tab) keeps the one it has, so that
    /// both tabs finish.
    fn binding(&self, headers: &HeaderMap) -> (String, Token) {
        self.inner
            .jar
            .states(headers)
            .next()
            .map_or_else(state::new_binding, |(suffix, binding)| {
                (suffix.to_owned(), binding)
            })
    }

    /// Logs this browser out of the service: the cookies to set. The cached answer is forgotten. To log out of the hub
    /// too, redirect to [`HubAuthConfig::logout_url`].
    #[must_use]
    pub fn clear_login(&self, request: &Parts) -> Vec<Cookie<'static>> {
        let inner = &self.inner;
        let session = crate::credential::session_id(&request.headers);
        for token in self.cookie_tokens(&request.headers) {
            inner.auth.invalidate(session, &token);
        }
        let mut cookies = inner.jar.clear_token(request);
        cookies.push(inner.jar.clear_xsrf(request));
        cookies
    }
}

/// Appends `Set-Cookie`. Every part of our cookies is base64 or configuration, so the value is always legal.
fn append(headers: &mut HeaderMap, cookie: &Cookie<'_>) {
    if let Some(value) = header_value(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

fn header_value(cookie: &Cookie<'_>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    // No log of a header shows it.
    value.set_sensitive(true);
    Some(value)
}
