//! The hub's own cookies: names, keys, attributes.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use cookie::{Cookie, CookieJar, SameSite, time::Duration};
use hmac::Mac as _;
use hub_types::names::ServiceName;
use hub_types::paths::BaseUrl;
use hub_types::secret::{Token, TokenHash};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::session;

/// Holds the login; only the hub's own paths see it.
pub const LOGIN_COOKIE: &str = "jupyterhub-hub-login";
/// The same in `__Host-` mode: no page of another host or path can set it, but the whole host sees it.
pub const HOST_LOGIN_COOKIE: &str = "__Host-jupyterhub-hub-login";
/// Names the browser session; servers and services see it too and put it in their cache keys.
pub const SESSION_COOKIE: &str = "jupyterhub-session-id";
/// Holds the XSRF token of the hub's pages.
pub const XSRF_COOKIE: &str = "_xsrf";
/// What a browser remembers of logins that happen elsewhere: how the names of these cookies begin, of which each login has
/// one. The name is oauthenticator's.
pub const STATE_COOKIE: &str = "oauthenticator-state";
/// The same in `__Host-` mode: no page of another host can have a browser end a login that it did not begin.
pub const HOST_STATE_COOKIE: &str = "__Host-oauthenticator-state";
/// The cookie of 0.7 and 0.8 by which services know their visitors. Each service that asks for it has its own.
pub const SERVICES_COOKIE: &str = "jupyterhub-services";
/// Names a browser in which somebody has logged in before, so that its tries count for themselves. It opens nothing.
pub const BROWSER_COOKIE: &str = "jupyterhub-known-browser";

/// How long a browser stays known after a login, in days.
const BROWSER_DAYS: i64 = 90;

/// Keys derived from the cookie secret, one for each purpose.
#[derive(Clone)]
pub struct CookieKeys {
    login: Zeroizing<[u8; 32]>,
    xsrf: Zeroizing<[u8; 32]>,
    services: Zeroizing<[u8; 32]>,
    proxy: Zeroizing<[u8; 32]>,
    browser: Zeroizing<[u8; 32]>,
    elsewhere: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKeys([secret])")
    }
}

fn derive(secret: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    let mut mac = session::keyed(secret);
    mac.update(label.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

impl CookieKeys {
    /// Derives the keys.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            login: derive(secret, "login"),
            xsrf: derive(secret, "xsrf"),
            services: derive(secret, "services"),
            proxy: derive(secret, "proxy-api"),
            browser: derive(secret, "known-browser"),
            elsewhere: derive(secret, "login elsewhere"),
        }
    }

    /// The proxy's API token when none is configured: the same after a restart, so that a running proxy can be adopted.
    #[must_use]
    pub fn proxy_token(&self) -> Token {
        Token::from_config(hex::encode(*self.proxy))
    }

    /// The key that binds XSRF tokens to their session.
    #[must_use]
    pub fn xsrf(&self) -> &[u8; 32] {
        &self.xsrf
    }

    /// The value of the login cookie for a session's secret.
    #[must_use]
    pub fn login_value(&self, secret: &Token, now: DateTime<Utc>) -> String {
        session::sign(&self.login, LOGIN_COOKIE, secret.expose(), now)
    }

    /// What the database knows a session by, from the value of a login cookie; `None` for a forged or old one.
    #[must_use]
    pub fn read_login(
        &self,
        value: &str,
        max_age: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<TokenHash> {
        let secret = session::verify(&self.login, LOGIN_COOKIE, value, max_age, now)?;
        Token::parse(&secret).map(|secret| secret.hash())
    }

    /// The value of the [`BROWSER_COOKIE`] of a browser called `id` in which `user` has just logged in. Whose browser it is
    /// cannot be read from it, only checked.
    #[must_use]
    pub fn browser_value(&self, user: &str, id: &str, now: DateTime<Utc>) -> String {
        session::sign(&derive(&self.browser, user), BROWSER_COOKIE, id, now)
    }

    /// The id of a browser in which `user` has logged in before, from the values of its [`BROWSER_COOKIE`].
    #[must_use]
    pub fn read_browser<'a>(
        &self,
        user: &str,
        mut values: impl Iterator<Item = &'a str>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let key = derive(&self.browser, user);
        let age = TimeDelta::days(BROWSER_DAYS);
        values.find_map(|value| session::verify(&key, BROWSER_COOKIE, value, age, now))
    }

    /// The value of the [`STATE_COOKIE`] that remembers this.
    #[must_use]
    pub fn state_value(&self, kept: &Value, now: DateTime<Utc>) -> String {
        session::sign(&self.elsewhere, STATE_COOKIE, &kept.to_string(), now)
    }

    /// What such a cookie remembers; `None` for a forged or old one.
    #[must_use]
    pub fn read_state(&self, value: &str, max_age: TimeDelta, now: DateTime<Utc>) -> Option<Value> {
        let text = session::verify(&self.elsewhere, STATE_COOKIE, value, max_age, now)?;
        serde_json::from_str(&text).ok()
    }

    /// The value of the [`SERVICES_COOKIE`] of one service in a browser session.
    #[must_use]
    pub fn service_value(
        &self,
        service: &ServiceName,
        session_id: &str,
        now: DateTime<Utc>,
    ) -> String {
        let value = format!("{session_id} {service}");
        session::sign(&self.services, SERVICES_COOKIE, &value, now)
    }

    /// The id of the session that a [`SERVICES_COOKIE`] of this service names; `None` for one of another service, a
    /// forged or an old one.
    #[must_use]
    pub fn read_service(
        &self,
        service: &ServiceName,
        value: &str,
        max_age: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let text = session::verify(&self.services, SERVICES_COOKIE, value, max_age, now)?;
        let (session_id, name) = text.split_once(' ')?;
        (name == service.as_str()).then(|| session_id.to_owned())
    }
}

/// All cookies of a request, in the order in which they came. A name may come more than once (a page of another path
/// or host may have set it): whoever reads takes the first that is valid.
#[derive(Debug, Clone, Default)]
pub struct RequestCookies(Vec<(String, String)>);

impl RequestCookies {
    /// Reads the `Cookie` headers.
    #[must_use]
    pub fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Self {
        let pairs = headers
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self(pairs)
    }

    /// Every value that came under `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every name that begins so, with its value.
    pub fn beginning<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(start))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value that came under `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How cookies are set: where they are good for, and whether only over TLS.
#[derive(Debug, Clone)]
pub struct CookieStyle {
    /// The base URL of the deployment.
    pub base: BaseUrl,
    /// `Domain` of what servers and services need to see, when they have hosts below the hub's.
    pub domain: Option<String>,
    /// Whether browsers reach the hub over https.
    pub secure: bool,
    /// Whether the login cookie is a `__Host-` one.
    pub host_prefix: bool,
}

/// The name of the login cookie in this mode. The other mode's does not count: whoever can set that must not log anybody
/// in.
#[must_use]
pub fn login_cookie(host_prefix: bool) -> &'static str {
    if host_prefix {
        HOST_LOGIN_COOKIE
    } else {
        LOGIN_COOKIE
    }
}

/// How the names of the cookies begin that remember logins that happen elsewhere, in this mode.
#[must_use]
pub fn state_cookies(host_prefix: bool) -> &'static str {
    if host_prefix {
        HOST_STATE_COOKIE
    } else {
        STATE_COOKIE
    }
}

/// The name of the cookie that remembers one login that happens elsewhere. What a login is called comes from strangers, too:
/// a hash of it can stand in a name.
#[must_use]
pub fn state_cookie(host_prefix: bool, login: &str) -> String {
    let hash = hex::encode(Sha256::digest(login));
    format!("{}-{}", state_cookies(host_prefix), &hash[..16])
}

impl CookieStyle {
    fn cookie(
        &self,
        name: impl Into<Cow<'static, str>>,
        value: String,
        path: String,
    ) -> Cookie<'static> {
        Cookie::build((name, value))
            .path(path)
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .build()
    }

    /// A cookie that hosts below the hub's see as well.
    fn shared(&self, name: &'static str, value: String, path: String) -> Cookie<'static> {
        let mut cookie = self.cookie(name, value, path);
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.clone());
        }
        cookie
    }

    /// The login cookie, for `max_age`.
    #[must_use]
    pub fn login(&self, value: String, max_age: TimeDelta) -> Cookie<'static> {
        let mut cookie = self.login_without_age(value);
        cookie.set_max_age(Duration::seconds(max_age.num_seconds()));
        cookie
    }

    fn login_without_age(&self, value: String) -> Cookie<'static> {
        if !self.host_prefix {
            return self.cookie(LOGIN_COOKIE, value, self.base.hub());
        }
        let mut cookie = self.cookie(HOST_LOGIN_COOKIE, value, "/".to_owned());
        cookie.set_secure(true);
        cookie
    }

    /// The cookie of a browser in which somebody has logged in. Only the login page sees it; logging out leaves it.
    #[must_use]
    pub fn browser(&self, value: String) -> Cookie<'static> {
        let mut cookie = self.cookie(BROWSER_COOKIE, value, self.base.hub_path("login"));
        cookie.set_max_age(Duration::days(BROWSER_DAYS));
        cookie
    }

    /// What is remembered under this [name](state_cookie) of a login that happens elsewhere, for `max_age`; nothing if that is
    /// zero.
    #[must_use]
    pub fn state(&self, name: String, value: String, max_age: TimeDelta) -> Cookie<'static> {
        let path = match self.host_prefix {
            false => self.base.hub(),
            true => "/".to_owned(),
        };
        let mut cookie = self.cookie(name, value, path);
        cookie.set_secure(self.secure || self.host_prefix);
        cookie.set_max_age(Duration::seconds(max_age.num_seconds()));
        if max_age.is_zero() {
            cookie.make_removal();
        }
        cookie
    }

    /// The cookie of a service of old, for `max_age`.
    #[must_use]
    pub fn service(
        &self,
        service: &ServiceName,
        value: String,
        max_age: TimeDelta,
    ) -> Cookie<'static> {
        let mut cookie = self.shared(SERVICES_COOKIE, value, self.base.service(service));
        cookie.set_max_age(Duration::seconds(max_age.num_seconds()));
        cookie
    }

    /// The session id, until the browser closes.
    #[must_use]
    pub fn session(&self, id: String) -> Cookie<'static> {
        self.shared(SESSION_COOKIE, id, self.base.as_str().to_owned())
    }

    /// The XSRF token; pages' scripts read it, so not `HttpOnly`. Anonymous ones end after an hour.
    #[must_use]
    pub fn xsrf(&self, value: String, anonymous: bool) -> Cookie<'static> {
        let mut cookie = self.cookie(XSRF_COOKIE, value, self.base.hub());
        cookie.set_http_only(false);
        if anonymous {
            cookie.set_max_age(Duration::hours(1));
        }
        cookie
    }

    /// What logout sends: every cookie of ours, emptied and expired. `services` are those with a [`SERVICES_COOKIE`].
    #[must_use]
    pub fn cleared(&self, services: &[ServiceName]) -> Vec<Cookie<'static>> {
        let base = self.base.as_str();
        let mut cookies = vec![
            self.login_without_age(String::new()),
            self.session(String::new()),
            self.xsrf(String::new(), false),
            // As JupyterHub of old set it, one for all services.
            self.shared(SERVICES_COOKIE, String::new(), format!("{base}services")),
        ];
        cookies.extend(services.iter().map(|service| {
            self.shared(SERVICES_COOKIE, String::new(), self.base.service(service))
        }));
        for cookie in &mut cookies {
            cookie.make_removal();
        }
        cookies
    }
}

/// `Set-Cookie` values of a jar's changes.
#[must_use]
pub fn set_cookie_values(jar: &CookieJar) -> Vec<String> {
    jar.delta().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
