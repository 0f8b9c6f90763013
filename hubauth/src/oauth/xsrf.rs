//! XSRF: requests that a cookie authenticates must prove that they come from a page of this service. Pure.
//!
//! Source: wire contract 4.6. The `_xsrf` cookie is signed and bound to the browser session and the token, so that
//! another service, another user or an earlier login cannot plant one; pages send its text back as `_xsrf` in a form or
//! the query, or in the header `X-XSRFToken` or `X-CSRFToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use http::request::Parts;
use http::{HeaderMap, Method};
use hub_types::secret::Token;
use subtle::ConstantTimeEq as _;

use super::form::FormXsrf;
use super::seal::Sealer;
use crate::credential::cookies;
use crate::fetch::{FetchMode, fetch_mode};

/// Name of the cookie and of the argument.
pub const XSRF_COOKIE: &str = "_xsrf";

/// How long a value is good. Source: tornado's signed values (31 days).
const MAX_AGE: TimeDelta = TimeDelta::days(31);

/// Whether a cookie-authenticated request must be checked.
///
/// Not: a WebSocket handshake (its `Origin` is checked instead), a navigation by `GET`, `HEAD` or `OPTIONS`, and a plain
/// sub-resource of our own page. So `fetch()` must send the value even for `GET`.
#[must_use]
pub fn is_needed(method: &Method, headers: &HeaderMap) -> bool {
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !safe {
        return true;
    }
    match fetch_mode(headers) {
        FetchMode::Absent | FetchMode::Navigate => false,
        FetchMode::Websocket => *method != Method::GET,
        FetchMode::NoCors => headers
            .get("sec-fetch-site")
            .is_none_or(|site| site.as_bytes() != b"same-origin"),
        FetchMode::Script => true,
    }
}

/// A new value for one browser session and token.
pub(super) fn make(sealer: &Sealer, session: &str, token: &Token, now: DateTime<Utc>) -> String {
    let time = now.timestamp().to_be_bytes();
    let signature = sign(sealer, session, token, time);
    URL_SAFE_NO_PAD.encode([&time[..], &signature].concat())
}

fn sign(sealer: &Sealer, session: &str, token: &Token, time: [u8; 8]) -> [u8; 32] {
    sealer.sign(&[
        b"xsrf",
        session.as_bytes(),
        token.expose().as_bytes(),
        &time,
    ])
}

fn is_valid(
    sealer: &Sealer,
    session: &str,
    token: &Token,
    now: DateTime<Utc>,
    value: &str,
) -> bool {
    let check = || {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (time, signature) = bytes.split_first_chunk::<8>()?;
        let made = DateTime::from_timestamp(i64::from_be_bytes(*time), 0)?;
        let fresh = made <= now + TimeDelta::minutes(1) && now - made < MAX_AGE;
        let genuine: bool = sign(sealer, session, token, *time)[..]
            .ct_eq(signature)
            .into();
        Some(fresh && genuine)
    };
    check().unwrap_or(false)
}

/// The value among the request's cookies that is good for this session and token; the first one, if there are several.
pub(super) fn current<'a>(
    sealer: &Sealer,
    headers: &'a HeaderMap,
    session: &str,
    token: &Token,
    now: DateTime<Utc>,
) -> Option<&'a str> {
    cookies(headers, XSRF_COOKIE).find(|value| is_valid(sealer, session, token, now, value))
}

/// Headers that send the value back (wire contract 4.6).
pub(super) const XSRF_HEADERS: [&str; 2] = ["x-xsrftoken", "x-csrftoken"];

/// Whether the request sends `expected` back.
pub(super) fn is_sent_back(request: &Parts, expected: &str) -> bool {
    let same = |value: &str| bool::from(value.as_bytes().ct_eq(expected.as_bytes()));
    let header = XSRF_HEADERS
        .into_iter()
        .filter_map(|name| request.headers.get(name)?.to_str().ok())
        .any(same);
    let form = request
        .extensions
        .get::<FormXsrf>()
        .is_some_and(|form| same(&form.0));
    header
        || form
        || request.uri.query().is_some_and(|query| {
            url::form_urlencoded::parse(query.as_bytes())
                .any(|(key, value)| key == XSRF_COOKIE && same(&value))
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| {
                (
                    http::HeaderName::from_static(k),
                    HeaderValue::from_str(v).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn when_it_is_needed() {
        let mode = |mode, site| headers(&[("sec-fetch-mode", mode), ("sec-fetch-site", site)]);
        for (method, headers, expected) in [
            (Method::GET, HeaderMap::new(), false),
            (Method::HEAD, HeaderMap::new(), false),
            (Method::POST, HeaderMap::new(), true),
            (Method::DELETE, mode("navigate", "same-origin"), true),
            (Method::GET, mode("navigate", "cross-site"), false),
            (Method::GET, mode("websocket", "cross-site"), false),
            (Method::POST, mode("websocket", "same-origin"), true),
            (Method::HEAD, mode("websocket", "same-origin"), true),
            (Method::GET, mode("no-cors", "same-origin"), false),
            (Method::GET, mode("no-cors", "same-site"), true),
            (Method::GET, mode("cors", "same-origin"), true),
            (Method::GET, mode("same-origin", "same-origin"), true),
        ] {
            assert_eq!(
                is_needed(&method, &headers),
                expected,
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn values_are_bound() {
        let (sealer, other) = (Sealer::new(b"k"), Sealer::new(b"o"));
        let (token, foreign) = (Token::from_config("t"), Token::from_config("u"));
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let value = make(&sealer, "s", &token, now);
        assert!(is_valid(&sealer, "s", &token, now, &value));
        assert!(is_valid(
            &sealer,
            "s",
            &token,
            now + TimeDelta::days(30),
            &value
        ));
        assert!(!is_valid(
            &sealer,
            "s",
            &token,
            now + TimeDelta::days(31),
            &value
        ));
        assert!(!is_valid(
            &sealer,
            "s",
            &token,
            now - TimeDelta::days(1),
            &value
        ));
        assert!(!is_valid(&sealer, "x", &token, now, &value));
        assert!(!is_valid(&sealer, "s", &foreign, now, &value));
        assert!(!is_valid(&other, "s", &token, now, &value));
        for junk in ["", "a", "ü", "AAAAAAAAAAA"] {
            assert!(!is_valid(&sealer, "s", &token, now, junk), "{junk}");
        }
        let planted = headers(&[("cookie", &format!("_xsrf=planted; _xsrf={value}"))]);
        assert_eq!(
            current(&sealer, &planted, "s", &token, now),
            Some(value.as_str())
        );
    }

    #[test]
    fn ways_back() {
        let request = |uri: &str, pairs: &[(&'static str, &str)]| {
            let mut parts = http::Request::post(uri).body(()).unwrap().into_parts().0;
            parts.headers = headers(pairs);
            parts
        };
        for (parts, expected) in [
            (request("/?_xsrf=v", &[]), true),
            (request("/?_xsrf=w&_xsrf=v", &[]), true),
            (request("/", &[("x-xsrftoken", "v")]), true),
            (request("/", &[("x-csrftoken", "v")]), true),
            (request("/?_xsrf=w", &[("x-xsrftoken", "")]), false),
            (request("/", &[]), false),
        ] {
            assert_eq!(is_sent_back(&parts, "v"), expected, "{parts:?}");
        }
    }
}
