//! Under which scheme and host the client sees us: of the configured public URL, else as the request says.
//!
//! What a request says is shown in links at most; nothing is decided by it (security case 22). `X-Forwarded-Host` and
//! `Forwarded` do not count at all.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use hub_types::socket_url;

use crate::addresses::Addresses;

/// The scheme that the browser uses: `https` or `http`.
#[must_use]
pub fn scheme(addresses: &Addresses, headers: &HeaderMap) -> &'static str {
    let says_https = match &addresses.configured_public_origin {
        Some(origin) => origin.starts_with("https:"),
        None => forwarded(headers)
            .first()
            .is_some_and(|scheme| matches!(*scheme, "https" | "wss")),
    };
    if says_https { "https" } else { "http" }
}

/// What each proxy says of the request that it got, the first of them first.
fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let value = headers.get("x-forwarded-proto");
    let list = value.and_then(|value| value.to_str().ok());
    list.map(|list| list.split(',').map(str::trim).collect())
        .unwrap_or_default()
}

/// The origin under which a browser sees us: `scheme://host[:port]`.
#[must_use]
pub fn of_browser(addresses: &Addresses, headers: &HeaderMap) -> String {
    match (&addresses.configured_public_origin, host(headers)) {
        (Some(origin), _) => origin.clone(),
        (None, Some(host)) => format!("{}://{host}", scheme(addresses, headers)),
        (None, None) => addresses.public_origin.clone(),
    }
}

/// The origin under which a client of the API sees us. Servers and services ask the hub directly: they are answered in
/// terms of the hub's own address, which they can reach. Others are answered in terms of the proxy in front of the hub, as
/// in JupyterHub: what proxies further out say counts for browsers only.
#[must_use]
pub fn of_client(addresses: &Addresses, headers: &HeaderMap) -> String {
    // Clients of a socket have nothing better to call it than "localhost", or its path in lower case.
    let through_proxy = ["x-forwarded-for", "x-forwarded-proto"];
    if socket_url::split(&addresses.hub_origin).is_some()
        && !through_proxy.iter().any(|name| headers.contains_key(*name))
    {
        return addresses.hub_origin.clone();
    }
    let own = [addresses.hub_origin.as_str(), addresses.api_url.as_str()];
    let asked = host(headers);
    let direct = own.into_iter().find_map(|url| {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        (asked.as_deref() == Some(authority)).then(|| format!("{scheme}://{authority}"))
    });
    match direct {
        Some(origin) => origin,
        None if asked.is_none() && addresses.configured_public_origin.is_none() => {
            addresses.hub_origin.clone()
        }
        None => match (&addresses.configured_public_origin, asked) {
            (None, Some(host)) => {
                let https = forwarded(headers).last() == Some(&"https");
                format!("{}://{host}", if https { "https" } else { "http" })
            }
            _ => of_browser(addresses, headers),
        },
    }
}

/// The `Host` of the request, if it is one: a host and perhaps a port, nothing else, and only once.
fn host(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::HOST).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let text = value.to_str().ok()?;
    let authority: Authority = text.parse().ok()?;
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let whole = match authority.port() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    (text.bytes().all(plain) && whole == text && !authority.host().is_empty())
        .then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(public: Option<&str>) -> Addresses {
        Addresses {
            public_origin: "http://127.0.0.1:8000".into(),
            configured_public_origin: public.map(ToOwned::to_owned),
            hub_origin: "http://127.0.0.1:8081".into(),
            api_url: "http://hub.internal:8081/hub/api".into(),
            ..Addresses::default()
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_host_is_a_host() {
        for good in ["h", "h:1", "127.0.0.1:8000", "[::1]:80", "a-b.c_d"] {
            assert_eq!(host(&headers(&[("host", good)])).as_deref(), Some(good));
        }
        for bad in [
            "", "a b", "u@h", "h/x", "h?x", "h#x", "h:", "h:x", "a,b", "\"h\"", "h\\x", "<h>",
            "%41",
        ] {
            assert_eq!(host(&headers(&[("host", bad)])), None, "{bad}");
        }
        assert_eq!(host(&headers(&[("host", "a"), ("host", "b")])), None);
        assert_eq!(host(&headers(&[])), None);
    }

    #[test]
    fn what_is_configured_wins() {
        let own = addresses(Some("https://h.example"));
        let evil = headers(&[
            ("host", "evil"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "host=evil;proto=http"),
        ]);
        assert_eq!(of_browser(&own, &evil), "https://h.example");
        assert_eq!(of_client(&own, &evil), "https://h.example");
        assert_eq!(scheme(&own, &evil), "https");
        let direct = headers(&[("host", "hub.internal:8081")]);
        assert_eq!(of_client(&own, &direct), "http://hub.internal:8081");
        assert_eq!(of_browser(&own, &direct), "https://h.example");
    }

    #[test]
    fn else_the_request_says() {
        let own = addresses(None);
        for (pairs, expected) in [
            (&[("host", "h:1")][..], "http://h:1"),
            (
                &[("host", "h"), ("x-forwarded-proto", "https,http")],
                "https://h",
            ),
            (&[("host", "h"), ("x-forwarded-host", "evil")], "http://h"),
            (&[("host", "u@evil")], "http://127.0.0.1:8000"),
        ] {
            assert_eq!(of_browser(&own, &headers(pairs)), expected);
        }
        assert_eq!(of_client(&own, &headers(&[])), "http://127.0.0.1:8081");
        let socket = Addresses {
            hub_origin: "http+unix://%2Frun%2Fhub.sock".into(),
            ..addresses(Some("https://h.example"))
        };
        for host in ["localhost", "%2frun%2fhub.sock"] {
            let asked = headers(&[("host", host)]);
            assert_eq!(of_client(&socket, &asked), socket.hub_origin, "{host}");
        }
        let through_proxy = headers(&[("host", "h.example"), ("x-forwarded-for", "1.2.3.4")]);
        assert_eq!(of_client(&socket, &through_proxy), "https://h.example");
        for (forwarded, expected) in [
            ("https", "https://h"),
            ("http, https", "https://h"),
            ("https,http", "http://h"),
            ("ftp", "http://h"),
        ] {
            let asked = headers(&[("host", "h"), ("x-forwarded-proto", forwarded)]);
            assert_eq!(of_client(&own, &asked), expected, "{forwarded}");
        }
    }
}
