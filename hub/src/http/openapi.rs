//! The description of the REST API: an OpenAPI 3.1 document, and the page that people read.
//!
//! A route of the API is added together with its `Operation` (`routes`): there is none without. What an operation
//! needs is read off the type of its [`Action`](crate::domain::action::Action), what it answers off the wire models
//! (`schemas`), and what every operation has in common (credentials, errors, parameters of the path) is added by
//! `document`.

pub(crate) mod document;
pub(crate) mod operation;
pub(crate) mod reference;
pub(crate) mod routes;
pub(crate) mod schemas;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hub_types::paths::BaseUrl;
use serde_json::Value;

pub(crate) use operation::{Body, Operation, Parameter, Tag};

/// The OpenAPI document of a hub under this base URL.
#[must_use]
pub fn document(base: &BaseUrl) -> Value {
    document::build(base, &super::api::operations(base))
}

/// The handler of the document, which is written once.
pub(crate) fn served(
    base: &BaseUrl,
    operations: &[operation::Served],
) -> impl Fn() -> std::future::Ready<Response> + Clone + Send + Sync + 'static {
    let text = Bytes::from(document::build(base, operations).to_string());
    move || std::future::ready(json_text(text.clone()))
}

fn json_text(text: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let anybody = HeaderValue::from_static("*");
    (
        [
            (header::CONTENT_TYPE, kind),
            // As with the version: it is the same for all, and pages of other origins may show it.
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody),
        ],
        text,
    )
        .into_response()
}
