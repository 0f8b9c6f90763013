//! What a visitor sees who does not pass: a page for people, JSON for programs.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hub_types::error::ErrorBody;
use hubauth::fetch;

use crate::look::{self, Page};

/// A refusal. `message` is fixed, or made of what the visitor is or sent.
pub(super) fn refusal(
    prefix: &str,
    headers: &HeaderMap,
    status: StatusCode,
    message: &str,
) -> Response {
    if !fetch::wants_page(headers) {
        let body = ErrorBody {
            status: status.as_u16(),
            message: Some(message.to_owned()),
            ..ErrorBody::default()
        };
        return (status, look::PRIVATE, Json(body)).into_response();
    }
    let title = status.canonical_reason().unwrap_or("Error");
    let logout = format!("{prefix}logout");
    let page = Page {
        title,
        prefix,
        brand: "Login",
        links: &[("Log out", &logout)],
        script: None,
        body: format!(
            "<h1>{} {}</h1>\n<p>{}</p>",
            status.as_u16(),
            look::escape(title),
            look::escape(message)
        ),
    };
    (status, page).into_response()
}
