//! One line per request, in JupyterHub's form: `200 GET /hub/home (alice@127.0.0.1) 1.23ms`. Never a secret:
//! what is shown of the target is decided by [`hub_types::redact`], and headers are not logged at all.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use hub_types::redact;
use std::time::Instant;

use crate::http::client_ip::ClientIp;
use crate::http::extract::CallerNote;
use crate::state::AppState;

/// What requests are counted under that no route has answered.
const NO_ROUTE: &str = "(none)";

/// The method for metrics: anybody can make up others, and each would be a number of its own for ever.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "(other)",
    }
}

pub(super) async fn log(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let note = CallerNote::default();
    request.extensions_mut().insert(note.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = redact::target(
        request
            .uri()
            .path_and_query()
            .map_or("", |target| target.as_str()),
    );
    let settings = &state.config.jupyterhub;
    let ip = ClientIp::of(request.headers(), request.extensions(), settings).0;
    let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let took = started.elapsed();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    state.metrics.request(known(&method), route, status, took);
    let ms = took.as_secs_f64() * 1_000.0;
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
        || path.ends_with("/metrics")
        || path.ends_with("/hub/api")
        || path.ends_with("/activity")
}
