//! The request that the web server asks about, as far as it tells. Pure.
//!
//! Each way of asking reads only the headers which that web server sets (and thereby overwrites); those of the other are
//! the client's own words.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};

/// The original request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Original {
    method: Method,
    path: Option<String>,
}

/// Why it cannot be told.
const TWICE: &str = "The web server passes on more than one original request.";
const UNNAMED: &str = "The web server does not say what it asks about.";
const NO_METHOD: &str = "The method of the original request cannot be read.";

impl Original {
    /// What nginx tells with `proxy_set_header X-Original-Method` and `X-Original-URI`. Without them it is a `GET` of an
    /// unknown page: good enough to recognise visitors, who then come back to the front page.
    pub(super) fn of_subrequest(headers: &HeaderMap) -> Result<Self, &'static str> {
        Ok(Self {
            method: method(single(headers, "x-original-method")?.unwrap_or("GET"))?,
            path: single(headers, "x-original-uri")?.map(str::to_owned),
        })
    }

    /// What Traefik and Caddy tell with `X-Forwarded-Method` and `X-Forwarded-Uri`; they always do.
    pub(super) fn forwarded(headers: &HeaderMap) -> Result<Self, &'static str> {
        Ok(Self {
            method: method(single(headers, "x-forwarded-method")?.ok_or(UNNAMED)?)?,
            path: Some(
                single(headers, "x-forwarded-uri")?
                    .ok_or(UNNAMED)?
                    .to_owned(),
            ),
        })
    }

    /// Path and query, not checked.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether it can be repeated after a login.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// The request as the SDK judges it: the visitor's headers and method. The URL is left out: a token in it belongs to the
    /// application.
    pub(super) fn as_visitor(&self, asked: &Parts) -> Parts {
        let mut visitor = asked.clone();
        visitor.method = self.method.clone();
        visitor.uri = Uri::from_static("/");
        visitor
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(TWICE);
    }
    Ok(first.and_then(|value| value.to_str().ok()))
}

fn method(text: &str) -> Result<Method, &'static str> {
    text.parse().map_err(|_| NO_METHOD)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for &(name, value) in pairs {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        map
    }

    #[test]
    fn each_web_server_is_heard_in_its_own_headers() {
        let all = headers(&[
            ("x-original-method", "POST"),
            ("x-original-uri", "/a?b"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/c"),
        ]);
        let nginx = Original::of_subrequest(&all).unwrap();
        assert_eq!((nginx.is_read(), nginx.path()), (false, Some("/a?b")));
        let caddy = Original::forwarded(&all).unwrap();
        assert_eq!((caddy.is_read(), caddy.path()), (true, Some("/c")));
        let nothing = HeaderMap::new();
        assert!(Original::of_subrequest(&nothing).unwrap().is_read());
        assert_eq!(Original::forwarded(&nothing), Err(UNNAMED));
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        for pairs in [
            [("x-original-uri", "/a"), ("x-original-uri", "/b")],
            [("x-original-method", "GET"), ("x-original-method", "GET")],
        ] {
            assert_eq!(Original::of_subrequest(&headers(&pairs)), Err(TWICE));
        }
        let odd = headers(&[("x-forwarded-method", "G T"), ("x-forwarded-uri", "/")]);
        assert_eq!(Original::forwarded(&odd), Err(NO_METHOD));
    }
}
