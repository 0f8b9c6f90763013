//! Headers on their way through; pure.
//!
//! Order matters: what the client named in `Connection` goes first, ours are added last, so that a client can neither
//! remove nor fake them.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, LOCATION,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, StatusCode};
use url::Url;

use crate::forward::forwarded::{self, Trusted};
use crate::target::Target;

/// Always hop-by-hop (RFC 9110 7.6.1, and what older proxies send).
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whether a list header (RFC 9110 5.6.1) has `token`, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Removes what is meant for the next hop only: the headers that `Connection` names, then the standard ones.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in &named {
        headers.remove(name);
    }
    // One look at the names costs less than nine look-ups, most of which find nothing.
    let found = headers.keys().filter_map(|name| {
        let at = HOP_BY_HOP.iter().position(|hop| hop == name)?;
        Some(1_u16 << at)
    });
    let found = found.fold(0, |all, one| all | one);
    for (at, name) in HOP_BY_HOP.iter().enumerate() {
        if found & (1 << at) != 0 {
            headers.remove(name);
        }
    }
}

/// How a request came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The client's address; `None` when it came by a UNIX domain socket.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the public listener speaks TLS.
    pub(crate) tls: bool,
}

/// How much of a body a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// No body.
    None,
    /// As many bytes as `Content-Length` says.
    Known,
    /// Told by its end only: chunked, or HTTP/2.
    Unknown,
}

/// Turns the client's headers into those for the target; `upgrade` for a WebSocket handshake.
pub(crate) fn to_target(
    headers: &mut HeaderMap,
    method: &Method,
    length: Length,
    forwarded: Option<(Origin, Option<&Trusted>)>,
    upgrade: bool,
) {
    strip_hop_by_hop(headers);
    // hyper has answered `100 Continue` itself by the time the body flows.
    headers.remove(EXPECT);
    remove_aliases(headers);
    if let Some((origin, trusted)) = forwarded {
        forwarded::add(headers, origin, upgrade, trusted);
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        return;
    }
    match length {
        Length::Known => {}
        Length::Unknown => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Length::None if matches!(*method, Method::GET | Method::HEAD) => {}
        Length::None => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }
}

/// Drops `X_Forwarded_For` and the like, which CGI-style targets would read as ours.
fn remove_aliases(headers: &mut HeaderMap) {
    let aliases: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains(['_', '.']))
        .filter(|name| {
            let name = name.as_str().replace(['_', '.'], "-");
            name.starts_with("x-forwarded-") || matches!(name.as_str(), "x-real-ip" | "x-scheme")
        })
        .cloned()
        .collect();
    for name in aliases {
        headers.remove(name);
    }
}

/// Turns the target's headers into those for the client.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    // With a transfer coding the length is not that of the body (RFC 9112 6.3).
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    strip_hop_by_hop(headers);
}

/// Whether a 101 really switches to WebSocket.
pub(crate) fn is_websocket_switch(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket")
}

/// `--auto-rewrite` and `--protocol-rewrite`.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocationRewrite {
    /// Put the client's `Host` into redirects that point to the target.
    pub(crate) host: bool,
    /// Put this scheme into them.
    pub(crate) protocol: Option<String>,
}

/// Rewrites the `Location` of a redirect that points to the target itself, as http-proxy does.
pub(crate) fn rewrite_location(
    rewrite: &LocationRewrite,
    status: StatusCode,
    headers: &mut HeaderMap,
    target: &Target,
    client_host: Option<&HeaderValue>,
) {
    let redirect = matches!(status.as_u16(), 201 | 301 | 302 | 307 | 308);
    if !redirect || (!rewrite.host && rewrite.protocol.is_none()) {
        return;
    }
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Ok(mut url) = Url::parse(location) else {
        return;
    };
    if !target.is_at(&url) {
        return;
    }
    if let Some(host) = client_host
        .and_then(|host| host.to_str().ok())
        .filter(|_| rewrite.host)
    {
        let Ok(own) = Url::parse(&format!("http://{host}")) else {
            return;
        };
        if url.set_host(own.host_str()).is_err() || url.set_port(own.port()).is_err() {
            return;
        }
    }
    if let Some(protocol) = &rewrite.protocol {
        // Fails only for schemes that cannot take the place of http, which the command line refuses.
        let _ = url.set_scheme(protocol);
    }
    if let Ok(value) = HeaderValue::from_str(url.as_str()) {
        headers.insert(LOCATION, value);
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
