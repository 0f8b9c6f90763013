//! Headers that every response of the hub carries. Source: wire contract 5.0; security cases 17, 18, 39, 41.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;
use hub_types::paths::BaseUrl;
use hub_types::{JUPYTERHUB_VERSION, VERSION_HEADER};

/// What does not change from one response to the next.
#[derive(Debug)]
pub(super) struct Headers {
    api: String,
    policy: HeaderValue,
    api_policy: HeaderValue,
}

impl Headers {
    /// The headers of a hub under this base URL.
    pub(super) fn new(base: &BaseUrl) -> Self {
        let report = base.hub_path("security/csp-report");
        let policy = format!("frame-ancestors 'none'; report-uri {report}");
        let none = HeaderValue::from_static("default-src 'none'");
        Self {
            api: base.api(),
            api_policy: HeaderValue::from_str(&format!("{policy}; default-src 'none'"))
                .unwrap_or_else(|_| none.clone()),
            policy: HeaderValue::from_str(&policy).unwrap_or(none),
        }
    }
}

pub(super) async fn add(
    State(all): State<Arc<Headers>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let is_api = uri
        .path()
        .strip_prefix(&all.api)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if is_api { &all.api_policy } else { &all.policy };
    for (name, value) in [
        (
            HeaderName::from_static(VERSION_HEADER),
            HeaderValue::from_static(JUPYTERHUB_VERSION),
        ),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("accept, content-type, authorization"),
        ),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // A page of a user's server on this host that opens one of ours in a window gets no hold of it.
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("noopener-allow-popups"),
        ),
        (CONTENT_SECURITY_POLICY, policy.clone()),
    ] {
        // Unless the handler has said something else.
        headers.entry(name).or_insert(value);
    }
    response
}
