//! What a visitor gets instead of the service: JSON for programs, a small page for browsers, a redirect to the login.
//!
//! Texts are fixed or caused by the visitor; what went wrong inside is for the log only.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hub_types::error::ErrorBody;

use crate::client::ClientError;
use crate::fetch::wants_page;

/// A complete reply.
pub(crate) type Reply = Response<Bytes>;

/// An error in the form that the visitor can read.
pub(crate) fn refusal(headers: &HeaderMap, status: StatusCode, message: &str) -> Reply {
    let (kind, body) = if wants_page(headers) {
        ("text/html; charset=utf-8", page(status, message))
    } else {
        let body = ErrorBody {
            status: status.as_u16(),
            message: Some(message.to_owned()),
            ..ErrorBody::default()
        };
        (
            "application/json",
            serde_json::to_string(&body).unwrap_or_default(),
        )
    };
    let mut reply = Response::new(Bytes::from(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The hub could not say who the visitor is: 503 or 502, and it says so; never 403.
pub(crate) fn hub_unavailable(headers: &HeaderMap, error: &ClientError) -> Reply {
    tracing::error!(%error, "the hub could not say who a visitor is");
    let status = error.status_for_visitor();
    let message = match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            "The hub does not answer, so nobody can be recognised. Try again in a moment."
        }
        StatusCode::BAD_GATEWAY => {
            "The hub gave no usable answer, so nobody can be recognised. Try again in a moment."
        }
        _ => "This service cannot use the hub; its administrator finds the reason in its log.",
    };
    let mut reply = refusal(headers, status, message);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    reply
}

/// 302. The target may hold a state: it is neither cached nor told to the next page.
pub(crate) fn redirect(location: &str) -> Option<Reply> {
    let location = HeaderValue::from_str(location).ok()?;
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = StatusCode::FOUND;
    let headers = reply.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(reply)
}

fn page(status: StatusCode, message: &str) -> String {
    let title = status.canonical_reason().unwrap_or("Error");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{code} {title}</title>\
         <body style=\"font-family:system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem\">\
         <h1>{code} {title}</h1><p>{message}</p></body></html>",
        code = status.as_u16(),
        message = escape(message)
    )
}

/// HTML escaping of text and attribute values.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_escaped_and_programs_get_json() {
        let mut headers = HeaderMap::new();
        let reply = refusal(&headers, StatusCode::FORBIDDEN, "<a \"b\">");
        assert_eq!(
            &reply.body()[..],
            br#"{"status":403,"message":"<a \"b\">"}"#
        );
        headers.insert("accept", HeaderValue::from_static("text/html"));
        let reply = refusal(&headers, StatusCode::FORBIDDEN, "<a 'b'>");
        let text = String::from_utf8(reply.body().to_vec()).unwrap();
        assert!(
            text.contains("&lt;a &#39;b&#39;&gt;") && !text.contains("<a '"),
            "{text}"
        );
    }
}
