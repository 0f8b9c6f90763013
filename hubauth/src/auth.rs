//! [`HubAuth`]: tokens and cookies in, users out, with a cache between. It owns no login flow (that is `HubOAuth`).

use std::sync::Arc;

use http::request::Parts;
use hub_types::env::{EnvSource, ProcessEnv};
use hub_types::secret::Token;
use url::{Host, Url};

use crate::access::{Access, Decision};
use crate::cache::{CachePolicy, CacheStats, CacheUse, Cached};
use crate::client::{ClientError, HubClient};
use crate::config::{ConfigError, HubAuthConfig};
#[cfg(feature = "tower")]
use crate::credential::without_token;
use crate::credential::{cookies, session_id, tokens};
#[cfg(feature = "tower")]
use crate::fetch::original_uri;
use crate::fetch::{is_websocket_upgrade, may_come_from_own_page};
use crate::resolve::{Lookup, Resolve};
use crate::user::HubUser;

/// Calls to the hub at one time.
const CONCURRENCY: usize = 64;

/// Cookies of the right name that are tried at most; more than one only occurs when something plants them.
const MAX_CANDIDATES: usize = 3;

pub use crate::config::SERVICES_COOKIE;

/// A visitor, and with what they were recognised.
type Found = (HubUser, Lookup);

/// Asks the hub who a token belongs to, and remembers the answer. Cheap to clone; clones share the cache.
///
/// For services whose clients send tokens. Browsers that should be sent to the hub's login need
/// `HubOAuth`, which contains one of these.
///
/// ```no_run
/// # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
/// use hubauth::{HubAuth, Token};
///
/// let hub = HubAuth::from_env()?;
/// match hub.user_for_token(&Token::from_config("…")).await? {
///     Some(user) if hub.check(&user).is_allowed() => println!("hello {}", user.name),
///     Some(user) => println!("{} may not enter", user.name),
///     None => println!("the hub does not know this token"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HubAuth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: HubAuthConfig,
    client: HubClient,
    cache: Cached,
    access: Access,
}

impl HubAuth {
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
    /// [`ConfigError`] when the client cannot be built.
    pub fn new(config: HubAuthConfig) -> Result<Self, ConfigError> {
        let client = client_of(&config)?;
        let resolve = Arc::new(client.clone());
        Ok(Self::assemble(config, client, resolve))
    }

    /// Uses `config`, but asks `resolve` who a credential belongs to.
    ///
    /// # Errors
    /// [`ConfigError`] when the client (for everything else) cannot be built.
    pub fn with_resolver(
        config: HubAuthConfig,
        resolve: Arc<dyn Resolve>,
    ) -> Result<Self, ConfigError> {
        let client = client_of(&config)?;
        Ok(Self::assemble(config, client, resolve))
    }

    fn assemble(config: HubAuthConfig, client: HubClient, resolve: Arc<dyn Resolve>) -> Self {
        let policy = CachePolicy {
            max_age: config.cache_max_age,
            negative_max_age: config.negative_max_age,
            size: config.cache_size,
            concurrency: CONCURRENCY,
        };
        let cache = Cached::new(resolve, Arc::clone(&config.clock), policy);
        let access = Access::from_default(&config.access);
        Self {
            inner: Arc::new(Inner {
                config,
                client,
                cache,
                access,
            }),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &HubAuthConfig {
        &self.inner.config
    }

    /// The client of the hub's API, with this service's own token.
    #[must_use]
    pub fn client(&self) -> &HubClient {
        &self.inner.client
    }

    /// Who `token` belongs to; `None` when the hub does not know it.
    ///
    /// # Errors
    /// [`ClientError`] when the hub cannot say. It is not kept: the next call asks again.
    pub async fn user_for_token(&self, token: &Token) -> Result<Option<HubUser>, ClientError> {
        self.look_up("", &Lookup::Token(token.clone()), CacheUse::Normal)
            .await
    }

    /// Who the cookie `jupyterhub-services` belongs to, as hubs of 0.7 and 0.8 (and ours) answer it.
    ///
    /// # Errors
    /// As [`HubAuth::user_for_token`].
    pub async fn user_for_cookie(&self, value: &Token) -> Result<Option<HubUser>, ClientError> {
        let lookup = Lookup::Cookie {
            name: self.config().cookie_name.clone(),
            value: value.clone(),
        };
        self.look_up("", &lookup, CacheUse::Normal).await
    }

    /// Who sent a request: `?token=` where allowed, then `Authorization`, then the cookie that the hub set for services if
    /// the configuration says so ([`HubAuthConfig::with_cookie_auth`]).
    ///
    /// # Errors
    /// As [`HubAuth::user_for_token`].
    pub async fn user_for_request(&self, request: &Parts) -> Result<Option<HubUser>, ClientError> {
        let found = match self.by_token(request).await? {
            None => self.by_services_cookie(request).await?.ok().flatten(),
            found => found,
        };
        Ok(found.map(|(user, _)| user))
    }

    /// The same, with the reason why a cookie did not count.
    #[cfg(feature = "tower")]
    pub(crate) async fn recognise(
        &self,
        request: &Parts,
    ) -> Result<crate::gate::Recognised, ClientError> {
        let mut recognised = crate::gate::Recognised::default();
        let found = match self.by_token(request).await? {
            None => match self.by_services_cookie(request).await? {
                Ok(found) => found,
                Err(reason) => {
                    recognised.refused_cookie = Some(reason);
                    None
                }
            },
            found => found,
        };
        (recognised.user, recognised.credential) = found.unzip();
        Ok(recognised)
    }

    /// Where a visitor without credentials goes who asks for a page: the hub's login page with `?next=`, in services that
    /// are set up for it; `None` in all others, where such a visitor gets 403.
    #[cfg(feature = "tower")]
    pub(crate) fn login_redirect_url(&self, request: &Parts) -> Option<String> {
        let config = self.config();
        if config.login_url.is_none() && !config.cookie_auth {
            return None;
        }
        let login = config.login_url();
        let uri = original_uri(request);
        let path = match uri.query().map(without_token) {
            Some(query) if !query.is_empty() => format!("{}?{query}", uri.path()),
            _ => uri.path().to_owned(),
        };
        // A login page on another host must be told which one to come back to.
        let next = match config.public_origin().filter(|_| login.contains("://")) {
            Some(origin) => format!("{origin}{path}"),
            None => path,
        };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let joint = if login.contains('?') { '&' } else { '?' };
        Some(format!("{login}{joint}next={next}"))
    }

    /// Who the hub's cookie for services belongs to; the reason when it must not be used for this request. The hub keeps
    /// no `_xsrf` value for us, so the browser has to say that one of our own pages asks.
    async fn by_services_cookie(
        &self,
        request: &Parts,
    ) -> Result<Result<Option<Found>, &'static str>, ClientError> {
        let config = self.config();
        let headers = &request.headers;
        if !config.cookie_auth || cookies(headers, &config.cookie_name).next().is_none() {
            return Ok(Ok(None));
        }
        let origin = config.public_origin();
        if !may_come_from_own_page(&request.method, headers, origin.as_deref()) {
            return Ok(Err("XSRF: the request comes from a page of another site."));
        }
        if is_websocket_upgrade(&request.method, headers) && !config.allow_websocket_cookie_auth {
            return Ok(Err(
                "WebSockets need a token here, a cookie does not suffice.",
            ));
        }
        for value in cookies(headers, &config.cookie_name).take(MAX_CANDIDATES) {
            let lookup = Lookup::Cookie {
                name: config.cookie_name.clone(),
                value: Token::from_config(value),
            };
            let session = session_id(headers);
            if let Some(user) = self.look_up(session, &lookup, CacheUse::Normal).await? {
                return Ok(Ok(Some((user, lookup))));
            }
        }
        Ok(Ok(None))
    }

    async fn by_token(&self, request: &Parts) -> Result<Option<Found>, ClientError> {
        let Parts {
            method,
            uri,
            headers,
            ..
        } = request;
        let session = session_id(headers);
        for (source, token) in tokens(method, uri, headers, self.config().allow_token_in_url) {
            let lookup = Lookup::Token(token);
            if let Some(user) = self.look_up(session, &lookup, CacheUse::Normal).await? {
                return Ok(Some((user.recognised_by(source), lookup)));
            }
        }
        Ok(None)
    }

    /// The look-up below all others: a credential, seen from a browser session (empty without one), with or without
    /// what was kept.
    ///
    /// # Errors
    /// As [`HubAuth::user_for_token`].
    pub async fn look_up(
        &self,
        session: &str,
        lookup: &Lookup,
        cache: CacheUse,
    ) -> Result<Option<HubUser>, ClientError> {
        self.inner.cache.look_up(session, lookup, cache).await
    }

    /// Whether the hub's configuration lets `user` into this service (wire contract 4.4).
    #[must_use]
    pub fn check(&self, user: &HubUser) -> Decision {
        self.inner.access.decide(user)
    }

    /// The rule behind [`HubAuth::check`].
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.inner.access
    }

    /// Forgets what is known of `token` in a browser session (empty without one).
    pub fn invalidate(&self, session: &str, token: &Token) {
        self.inner
            .cache
            .invalidate(session, &Lookup::Token(token.clone()));
    }

    /// Forgets everything.
    pub fn invalidate_all(&self) {
        self.inner.cache.invalidate_all();
    }

    /// Counters of the cache.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.inner.cache.stats()
    }
}

fn client_of(config: &HubAuthConfig) -> Result<HubClient, ConfigError> {
    let mut builder = HubClient::builder(&config.api_url)
        .token(config.api_token.clone())
        .clock(Arc::clone(&config.clock));
    if let Some(files) = &config.tls {
        builder = builder.tls_files(files.clone());
    }
    if sends_tokens_in_clear(&config.api_url) {
        tracing::warn!(
            "the hub's API is on another machine without https: tokens can be read on the way"
        );
    }
    builder
        .build()
        .map_err(|error| ConfigError::Client(error.to_string()))
}

/// Whether the URL is plain `http` to something that is not this machine.
fn sends_tokens_in_clear(api_url: &str) -> bool {
    let Ok(url) = Url::parse(api_url) else {
        return false;
    };
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(ip)) => !ip.is_loopback(),
            Some(Host::Ipv6(ip)) => !ip.is_loopback(),
            Some(Host::Domain(name)) => name != "localhost",
            None => false,
        }
}
