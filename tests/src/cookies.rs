//! Cookies as a browser keeps them: by name, path and host.

use chrono::{DateTime, Utc};
use hub_types::clock::{Clock as _, SystemClock};
use reqwest::header::{HeaderMap, SET_COOKIE};

/// One cookie with the attributes that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, with the quotes it was sent with.
    pub value: String,
    /// Where it is sent to.
    pub path: String,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it is only sent over https.
    pub secure: bool,
    /// `SameSite`, if given.
    pub same_site: Option<String>,
    /// `Domain`, if given: hosts below it see the cookie as well.
    pub domain: Option<String>,
    /// The host that set it; empty for one that every host sees.
    host: String,
}

/// The cookies of one visitor.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

impl Jar {
    /// Takes over what a reply of `host` sets; an expired cookie is removed.
    pub fn store(&mut self, host: &str, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let text = header.to_str().expect("cookies are ASCII");
            let (mut cookie, expired) = parse(text);
            host.clone_into(&mut cookie.host);
            self.cookies.retain(|old| old.key() != cookie.key());
            if !expired {
                self.cookies.push(cookie);
            }
        }
    }

    /// Adds a cookie as if it had been set.
    pub fn insert(&mut self, name: &str, value: &str, path: &str) {
        self.cookies.push(Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            path: path.to_owned(),
            http_only: false,
            secure: false,
            same_site: None,
            domain: None,
            host: String::new(),
        });
    }

    /// The `Cookie` header for a request path on the only host that there is.
    #[must_use]
    pub fn header(&self, path: &str) -> Option<String> {
        self.header_at("", path)
    }

    /// The `Cookie` header for a request; longer paths first, as RFC 6265 §5.4 asks.
    #[must_use]
    pub fn header_at(&self, host: &str, path: &str) -> Option<String> {
        let mut sent: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.is_seen_by(host) && matches(&cookie.path, path))
            .collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookie of that name that is sent to `path`.
    #[must_use]
    pub fn get(&self, name: &str, path: &str) -> Option<&Cookie> {
        self.cookies
            .iter()
            .filter(|cookie| cookie.name == name && matches(&cookie.path, path))
            .max_by_key(|cookie| cookie.path.len())
    }

    /// All cookies.
    #[must_use]
    pub fn all(&self) -> &[Cookie] {
        &self.cookies
    }
}

impl Cookie {
    /// What there is only one of.
    fn key(&self) -> (&str, &str, &str) {
        let scope = self.domain.as_deref().unwrap_or(&self.host);
        (&self.name, &self.path, scope)
    }

    /// Domain matching of RFC 6265 §5.1.3. An empty host is any host.
    fn is_seen_by(&self, host: &str) -> bool {
        let any = host.is_empty() || self.host.is_empty();
        any || match &self.domain {
            None => self.host == host,
            Some(domain) => {
                let below = host.strip_suffix(domain.as_str());
                below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

/// Path matching of RFC 6265 §5.1.4.
fn matches(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// A `Set-Cookie` value, and whether it expires at once.
fn parse(text: &str) -> (Cookie, bool) {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts
        .next()
        .and_then(|pair| pair.split_once('='))
        .unwrap_or_else(|| panic!("not a cookie: {text}"));
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        path: "/".to_owned(),
        http_only: false,
        secure: false,
        same_site: None,
        domain: None,
        host: String::new(),
    };
    let (mut max_age, mut expires) = (None, None);
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.to_ascii_lowercase().as_str() {
            "path" => value.clone_into(&mut cookie.path),
            "httponly" => cookie.http_only = true,
            "secure" => cookie.secure = true,
            "domain" => cookie.domain = Some(value.trim_start_matches('.').to_owned()),
            "samesite" => cookie.same_site = Some(value.to_owned()),
            "max-age" => max_age = value.parse::<i64>().ok(),
            "expires" => expires = DateTime::parse_from_rfc2822(value).ok(),
            _ => {}
        }
    }
    let now: DateTime<Utc> = SystemClock.now();
    let expired = match (max_age, expires) {
        (Some(seconds), _) => seconds <= 0,
        (None, Some(date)) => date <= now,
        (None, None) => false,
    };
    (cookie, expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_where_their_path_says() {
        let mut jar = Jar::default();
        jar.insert("a", "1", "/");
        jar.insert("a", "2", "/hub/");
        jar.insert("b", "3", "/user/mal");
        assert_eq!(jar.header("/hub/login").as_deref(), Some("a=2; a=1"));
        assert_eq!(jar.header("/user/mal/lab").as_deref(), Some("b=3; a=1"));
        assert_eq!(jar.header("/user/malcolm").as_deref(), Some("a=1"));
        assert_eq!(
            jar.get("a", "/hub/home").map(|c| c.value.as_str()),
            Some("2")
        );
    }

    #[test]
    fn an_expired_cookie_is_removed() {
        let mut jar = Jar::default();
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, "a=1; Path=/hub/; HttpOnly".parse().unwrap());
        jar.store("h", &headers);
        assert!(jar.get("a", "/hub/").unwrap().http_only);
        headers.clear();
        let gone = "a=\"\"; Path=/hub/; expires=Fri, 22 Nov 2024 05:24:00 GMT";
        headers.append(SET_COOKIE, gone.parse().unwrap());
        jar.store("h", &headers);
        assert_eq!(jar.all(), []);
    }

    #[test]
    fn cookies_stay_on_their_host_unless_they_have_a_domain() {
        let mut jar = Jar::default();
        for (host, cookie) in [
            ("hub.test", "login=1; Path=/hub/"),
            ("hub.test", "session=2; Path=/; Domain=hub.test"),
            ("a.hub.test", "a=3; Path=/"),
        ] {
            let headers = HeaderMap::from_iter([(SET_COOKIE, cookie.parse().unwrap())]);
            jar.store(host, &headers);
        }
        for (host, expected) in [
            ("hub.test", "login=1; session=2"),
            ("a.hub.test", "session=2; a=3"),
            ("b.hub.test", "session=2"),
            ("evilhub.test", ""),
        ] {
            let sent = jar.header_at(host, "/hub/").unwrap_or_default();
            assert_eq!(sent, expected, "{host}");
        }
    }
}
