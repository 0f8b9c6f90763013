//! What a browser says about a request: Fetch Metadata, the protocol it speaks, what it wants back. Pure.

use http::uri::Scheme;
use http::{HeaderMap, Method, Uri, header};

/// `Sec-Fetch-Mode` (W3C Fetch Metadata). Scripts cannot set it; old browsers and other programs do not send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchMode {
    /// Not sent.
    Absent,
    /// The visitor follows a link, submits a form, or enters the address.
    Navigate,
    /// A WebSocket handshake.
    Websocket,
    /// A plain sub-resource (image, script, style).
    NoCors,
    /// Anything else: `fetch()` and its like.
    Script,
}

/// Reads `Sec-Fetch-Mode`.
#[must_use]
pub fn fetch_mode(headers: &HeaderMap) -> FetchMode {
    match text(headers, "sec-fetch-mode") {
        None => FetchMode::Absent,
        Some("navigate") => FetchMode::Navigate,
        Some("websocket") => FetchMode::Websocket,
        Some("no-cors") => FetchMode::NoCors,
        Some(_) => FetchMode::Script,
    }
}

/// Whether this is a navigation, as far as can be told.
#[must_use]
pub fn is_navigation(headers: &HeaderMap) -> bool {
    matches!(fetch_mode(headers), FetchMode::Absent | FetchMode::Navigate)
}

/// Whether this asks for a WebSocket (RFC 6455 4.1).
#[must_use]
pub fn is_websocket_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && (text(headers, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
            || fetch_mode(headers) == FetchMode::Websocket)
}

/// Whether the visitor's browser speaks https. Source: wire contract 4.5: the first `proto=` of `Forwarded`, else the
/// first item of `X-Scheme` or `X-Forwarded-Proto`, else the connection.
#[must_use]
pub fn browser_is_https(uri: &Uri, headers: &HeaderMap) -> bool {
    let forwarded = text(headers, "forwarded").and_then(|value| {
        value
            .split([',', ';'])
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("proto"))
            .map(|(_, value)| value.trim().trim_matches('"'))
    });
    let proto = forwarded.or_else(|| {
        ["x-scheme", "x-forwarded-proto"]
            .into_iter()
            .find_map(|name| text(headers, name))
            .and_then(|value| value.split(',').next())
            .map(str::trim)
    });
    match proto {
        Some(proto) => proto.eq_ignore_ascii_case("https") || proto.eq_ignore_ascii_case("wss"),
        None => uri.scheme() == Some(&Scheme::HTTPS),
    }
}

/// Whether a page is a better answer than JSON: the client names `text/html` in `Accept`.
#[must_use]
pub fn wants_page(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT.as_str()).is_some_and(|accept| {
        accept.split(',').any(|item| {
            let kind = item.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/html")
                || kind.eq_ignore_ascii_case("application/xhtml+xml")
        })
    })
}

/// Whether a WebSocket handshake comes from a page of this very site. Browsers always send `Origin` with one; a program
/// that sends none has no visitor's cookies to abuse.
#[must_use]
pub fn is_own_origin(headers: &HeaderMap, public_origin: Option<&str>) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if public_origin.is_some_and(|public| public.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    match (authority, text(headers, header::HOST.as_str())) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// Whether a request may have been caused by a page of this very site, or by no page at all: what
/// [`XsrfCheck::Origin`](crate::config::XsrfCheck::Origin) demands of requests with a cookie.
///
/// A foreign `Origin` never passes, whatever the method: browsers send it with every form that is posted and every script
/// that reads. Without one, another site may lead here by a link (a navigation by `GET` or `HEAD`), and nothing else.
/// Whoever sends neither `Origin` nor `Sec-Fetch-Site` is no browser of today, and nobody's cookies are abused.
#[must_use]
pub fn may_come_from_own_page(
    method: &Method,
    headers: &HeaderMap,
    public_origin: Option<&str>,
) -> bool {
    if headers.contains_key(header::ORIGIN) {
        return is_own_origin(headers, public_origin);
    }
    match text(headers, "sec-fetch-site") {
        None | Some("same-origin" | "none") => true,
        Some(_) => {
            matches!(*method, Method::GET | Method::HEAD)
                && fetch_mode(headers) == FetchMode::Navigate
        }
    }
}

/// The URL before a router of axum has taken prefixes off.
#[cfg(feature = "tower")]
pub(crate) fn original_uri(request: &http::request::Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions.get::<axum::extract::OriginalUri>() {
        return &original.0;
    }
    &request.uri
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| {
                (
                    http::HeaderName::from_static(k),
                    HeaderValue::from_static(v),
                )
            })
            .collect()
    }

    #[test]
    fn protocols() {
        let path: Uri = "/x".parse().unwrap();
        for (pairs, expected) in [
            (&[][..], false),
            (&[("x-forwarded-proto", "https,http")], true),
            (&[("x-forwarded-proto", "http, https")], false),
            (
                &[("x-scheme", "https"), ("x-forwarded-proto", "http")],
                true,
            ),
            (
                &[
                    ("forwarded", "for=1;proto=https, for=2;proto=http"),
                    ("x-scheme", "http"),
                ],
                true,
            ),
            (&[("forwarded", "for=1"), ("x-scheme", "https")], true),
            (&[("x-forwarded-proto", "wss")], true),
        ] {
            assert_eq!(
                browser_is_https(&path, &headers(pairs)),
                expected,
                "{pairs:?}"
            );
        }
        assert!(browser_is_https(
            &"https://h/x".parse().unwrap(),
            &HeaderMap::new()
        ));
    }

    #[test]
    fn origins() {
        let host = ("host", "hub.example:8000");
        for (pairs, expected) in [
            (vec![host], true),
            (vec![host, ("origin", "http://hub.example:8000")], true),
            (vec![host, ("origin", "http://hub.example")], false),
            (vec![host, ("origin", "https://public.example")], true),
            (vec![host, ("origin", "http://evil.example:8000")], false),
            (vec![host, ("origin", "null")], false),
            (vec![("origin", "http://x")], false),
            (
                vec![
                    host,
                    ("origin", "http://hub.example:8000"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
        ] {
            assert_eq!(
                is_own_origin(&headers(&pairs), Some("https://public.example")),
                expected,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn who_may_have_caused_a_request() {
        let (get, post) = (Method::GET, Method::POST);
        let site = |site, mode| headers(&[("sec-fetch-site", site), ("sec-fetch-mode", mode)]);
        let origin = |origin| headers(&[("host", "h"), ("origin", origin)]);
        for (method, headers, expected) in [
            (&get, HeaderMap::new(), true),
            (&post, HeaderMap::new(), true),
            (&post, site("same-origin", "navigate"), true),
            (&get, site("none", "navigate"), true),
            (&get, site("cross-site", "navigate"), true),
            (&get, site("same-site", "navigate"), true),
            (&post, site("cross-site", "navigate"), false),
            (&post, site("same-site", "navigate"), false),
            (&get, site("cross-site", "no-cors"), false),
            (&get, site("same-site", "cors"), false),
            (&get, site("junk", "cors"), false),
            (&post, origin("https://public.example"), true),
            (&post, origin("http://h"), true),
            (&post, origin("null"), false),
            (&get, origin("https://evil.example"), false),
            (
                &post,
                headers(&[
                    ("origin", "https://public.example"),
                    ("sec-fetch-site", "cross-site"),
                ]),
                false,
            ),
        ] {
            let public = Some("https://public.example");
            assert_eq!(
                may_come_from_own_page(method, &headers, public),
                expected,
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn pages() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true),
            ("application/json", false),
            ("*/*", false),
            ("Text/HTML;q=0.1", true),
        ] {
            assert_eq!(
                wants_page(&headers(&[("accept", accept)])),
                expected,
                "{accept}"
            );
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
