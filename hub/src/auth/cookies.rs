//! The hub's own cookies: names, keys, attributes.

use chrono::{DateTime, TimeDelta, Utc};
use cookie::{Cookie, CookieJar, SameSite, time::Duration};
use hmac::Mac as _;
use hub_types::paths::BaseUrl;
use hub_types::secret::{Token, TokenHash};
use zeroize::Zeroizing;

use crate::domain::session;

/// Holds the login; only the hub's own paths see it.
pub const LOGIN_COOKIE: &str = "jupyterhub-hub-login";
/// Names the browser session; servers and services see it too and put it in their cache keys.
pub const SESSION_COOKIE: &str = "jupyterhub-session-id";
/// Holds the XSRF token of the hub's pages.
pub const XSRF_COOKIE: &str = "_xsrf";
/// The login cookie of 0.7 and 0.8; cleared at logout.
pub const SERVICES_COOKIE: &str = "jupyterhub-services";

/// Keys derived from the cookie secret, one for each purpose.
#[derive(Clone)]
pub struct CookieKeys {
    login: Zeroizing<[u8; 32]>,
    xsrf: Zeroizing<[u8; 32]>,
    proxy: Zeroizing<[u8; 32]>,
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
            proxy: derive(secret, "proxy-api"),
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
    /// Whether browsers reach the hub over https.
    pub secure: bool,
}

impl CookieStyle {
    fn cookie(&self, name: &'static str, value: String, path: String) -> Cookie<'static> {
        Cookie::build((name, value))
            .path(path)
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .build()
    }

    /// The login cookie, for `max_age`.
    #[must_use]
    pub fn login(&self, value: String, max_age: TimeDelta) -> Cookie<'static> {
        let mut cookie = self.cookie(LOGIN_COOKIE, value, self.base.hub());
        cookie.set_max_age(Duration::seconds(max_age.num_seconds()));
        cookie
    }

    /// The session id, until the browser closes.
    #[must_use]
    pub fn session(&self, id: String) -> Cookie<'static> {
        self.cookie(SESSION_COOKIE, id, self.base.as_str().to_owned())
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

    /// What logout sends: every cookie of ours, emptied and expired.
    #[must_use]
    pub fn cleared(&self) -> Vec<Cookie<'static>> {
        let places = [
            (LOGIN_COOKIE, self.base.hub()),
            (SESSION_COOKIE, self.base.as_str().to_owned()),
            (XSRF_COOKIE, self.base.hub()),
            (SERVICES_COOKIE, format!("{}services", self.base.as_str())),
        ];
        places
            .into_iter()
            .map(|(name, path)| {
                let mut cookie = self.cookie(name, String::new(), path);
                cookie.make_removal();
                cookie
            })
            .collect()
    }
}

/// `Set-Cookie` values of a jar's changes.
#[must_use]
pub fn set_cookie_values(jar: &CookieJar) -> Vec<String> {
    jar.delta().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let style = CookieStyle {
            base: BaseUrl::new("/pfx/"),
            secure: true,
        };
        let text = style.login("v".into(), TimeDelta::days(14)).to_string();
        for part in [
            "jupyterhub-hub-login=v",
            "HttpOnly",
            "SameSite=Lax",
            "Secure",
            "Path=/pfx/hub/",
            "Max-Age=1209600",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !style
                .xsrf("x".into(), false)
                .to_string()
                .contains("HttpOnly")
        );
        assert_eq!(style.session("s".into()).path(), Some("/pfx/"));
        assert!(
            style
                .cleared()
                .iter()
                .all(|cookie| cookie.to_string().contains("Max-Age=0"))
        );
    }

    #[test]
    fn a_name_may_come_more_than_once() {
        let cookies = RequestCookies::parse(["a=1; b=\"2\"", "a=3;bad; =x"].into_iter());
        assert_eq!(cookies.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(cookies.first("b"), Some("\"2\""));
        assert_eq!(cookies.first("bad"), None);
    }

    #[test]
    fn keys_differ_by_purpose_and_not_by_restart() {
        let keys = CookieKeys::new(&[1; 32]);
        assert_eq!(keys.proxy_token(), CookieKeys::new(&[1; 32]).proxy_token());
        assert_ne!(keys.proxy_token().expose(), hex::encode(keys.xsrf()));
    }
}
