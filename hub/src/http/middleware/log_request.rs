//! One line per request, in JupyterHub's form: `200 GET /hub/home (alice@127.0.0.1) 1.23ms`. Never a secret.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;
use std::time::Instant;

use crate::http::extract::CallerNote;
use crate::state::AppState;

/// Query arguments whose values may be logged. All others may hold a secret, now or later.
const HARMLESS: &[&str] = &[
    "limit",
    "offset",
    "sort",
    "redirects",
    "include_stopped_servers",
];

/// Query arguments that hold a URL: logged up to its own query.
const URLS: &[&str] = &["next", "url"];

/// The longest path that a line holds, in bytes.
const MAX_PATH: usize = 512;

pub(super) async fn log(
    State(_state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let note = CallerNote::default();
    request.extensions_mut().insert(note.clone());
    let method = request.method().clone();
    let path = redacted_path(request.uri());
    let ip = client_ip(
        request.headers(),
        request.extensions().get::<ConnectInfo<SocketAddr>>(),
    );
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let ms = started.elapsed().as_secs_f64() * 1_000.0;
    let user = note.0.get().map(String::as_str).unwrap_or_default();
    let user: String = user.escape_debug().collect();
    if status >= 500 {
        tracing::error!("{status} {method} {path} ({user}@{ip}) {ms:.2}ms");
    } else if status >= 400 {
        tracing::warn!("{status} {method} {path} ({user}@{ip}) {ms:.2}ms");
    } else if quiet(&path) {
        tracing::debug!("{status} {method} {path} ({user}@{ip}) {ms:.2}ms");
    } else {
        tracing::info!("{status} {method} {path} ({user}@{ip}) {ms:.2}ms");
    }
    response
}

/// Requests that come all the time and say nothing.
fn quiet(path: &str) -> bool {
    path.contains("/hub/static/")
        || path.ends_with("/health")
        || path.ends_with("/hub/api")
        || path.ends_with("/activity")
}

/// Who asks, as the proxy saw it. Only for the log: it can be faked, so nothing is decided by it.
fn client_ip(headers: &HeaderMap, peer: Option<&ConnectInfo<SocketAddr>>) -> String {
    let forwarded = headers
        .get("x-forwarded-for")
        .and_then(|value| value.to_str().ok());
    let first = forwarded
        .and_then(|list| list.split(',').next())
        .map(str::trim);
    match first.filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()) {
        Some(ip) => ip.to_owned(),
        None => peer.map(|peer| peer.0.ip().to_string()).unwrap_or_default(),
    }
}

/// Path and query without secrets, without line breaks, and not too long.
#[must_use]
pub fn redacted_path(uri: &Uri) -> String {
    let mut text = redact_lookups(uri.path());
    if let Some(query) = uri.query() {
        text.push('?');
        let pairs: Vec<String> = query.split('&').map(redact_pair).collect();
        text.push_str(&pairs.join("&"));
    }
    let escaped: String = text.escape_debug().collect();
    match escaped.char_indices().nth(MAX_PATH) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

/// The deprecated look-ups carry a token or cookie in their path.
fn redact_lookups(path: &str) -> String {
    for marker in ["/authorizations/token/", "/authorizations/cookie/"] {
        if let Some(at) = path.find(marker) {
            return format!("{}[secret]", &path[..at + marker.len()]);
        }
    }
    path.to_owned()
}

fn redact_pair(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    if HARMLESS.contains(&name) {
        return pair.to_owned();
    }
    let local = value.starts_with('/') || value.starts_with("%2F") || value.starts_with("%2f");
    if URLS.contains(&name) && local {
        let end = ["%3F", "%3f", "?"]
            .iter()
            .filter_map(|mark| value.find(mark))
            .min();
        return match end {
            Some(end) => format!("{name}={}[…]", &value[..end]),
            None => pair.to_owned(),
        };
    }
    format!("{name}=[…]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out() {
        for (uri, expected) in [
            ("/hub/home", "/hub/home"),
            (
                "/hub/x?limit=1&token=abc&state=s",
                "/hub/x?limit=1&token=[…]&state=[…]",
            ),
            (
                "/hub/api/authorizations/token/abc",
                "/hub/api/authorizations/token/[secret]",
            ),
            (
                "/hub/login?next=%2Fhub%2Fx%3Fcode%3Dabc",
                "/hub/login?next=%2Fhub%2Fx[…]",
            ),
            ("/hub/login?next=%2Fhub%2Fx", "/hub/login?next=%2Fhub%2Fx"),
            (
                "/hub/error/503?url=%2Fuser%2Fa%2Fws%3Ftoken%3Dabc",
                "/hub/error/503?url=%2Fuser%2Fa%2Fws[…]",
            ),
            (
                "/hub/login?next=https%3A%2F%2Fu%3Apw%40evil",
                "/hub/login?next=[…]",
            ),
        ] {
            assert_eq!(redacted_path(&uri.parse().unwrap()), expected);
        }
        let long = format!("/hub/{}", "a".repeat(10_000));
        assert!(redacted_path(&long.parse().unwrap()).len() < 1_024);
    }
}
