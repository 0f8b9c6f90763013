//! Headers that every response of the hub carries. Source: wire contract 5.0; security cases 17, 18, 41.

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use hub_types::{JUPYTERHUB_VERSION, VERSION_HEADER};

use crate::state::AppState;

pub(super) async fn add(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let base = &state.addresses.base;
    let is_api = uri
        .path()
        .strip_prefix(&base.api())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(
        headers,
        HeaderName::from_static(VERSION_HEADER),
        JUPYTERHUB_VERSION,
    );
    set(
        headers,
        ACCESS_CONTROL_ALLOW_HEADERS,
        "accept, content-type, authorization",
    );
    set(headers, REFERRER_POLICY, "same-origin");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    let report = base.hub_path("security/csp-report");
    let policy = if is_api {
        format!("frame-ancestors 'none'; report-uri {report}; default-src 'none'")
    } else {
        format!("frame-ancestors 'none'; report-uri {report}")
    };
    set(headers, CONTENT_SECURITY_POLICY, &policy);
    response
}

/// Sets a header unless the handler has said something else.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.entry(name).or_insert(value);
    }
}
