//! Users' servers. The default server has an empty name.

pub(super) mod create;
pub(super) mod get;
pub(super) mod notice;
pub(super) mod progress;
pub(super) mod start;
pub(super) mod stop;
pub(super) mod update;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hub_types::names::ServerName;
use serde_json::{Map, Value};

use super::body::{object, shown};
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;

/// What a body says of a server. Source: wire contract 5.3.
#[derive(Debug, Default, PartialEq)]
struct ServerBody {
    display_name: Option<String>,
    user_options: Option<Map<String, Value>>,
}

impl ServerBody {
    /// `display_name` and `user_options`; an object with neither *is* the options (clients of before 6.0).
    fn read(body: Option<Value>) -> Result<Self, ApiError> {
        let Some(mut fields) = object(body, "Body must be a JSON object")? else {
            return Ok(Self::default());
        };
        if fields.is_empty() {
            return Ok(Self::default());
        }
        let display_name = match fields.remove("display_name") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(ApiError::bad_request("display_name must be a string")),
        };
        let user_options = match fields.remove("user_options") {
            Some(Value::Null) => None,
            Some(Value::Object(options)) => Some(options),
            Some(_) => {
                return Err(ApiError::bad_request(
                    "user_options must be an object or null",
                ));
            }
            None if display_name.is_some() => None,
            None => Some(fields),
        };
        Ok(Self {
            display_name: display_name.filter(|name| !name.is_empty()),
            user_options,
        })
    }
}

/// Checks the name of a server that is about to be made.
fn check_new_name(name: &ServerName) -> Result<(), ApiError> {
    match ServerName::new(name.as_str()) {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::bad_request(format!(
            "Invalid server_name: {}",
            shown(name.as_str())
        ))),
    }
}

/// Checks what people shall call a new server: 1 to 255 printable characters, single spaces between words.
pub(in crate::http) fn check_display_name(name: &str) -> Result<(), ApiError> {
    let spaced = name.trim() == name && !name.contains("  ");
    if spaced && !name.is_empty() {
        return check_characters(name);
    }
    Err(invalid_display_name(name))
}

/// Checks what people shall call a server that exists. As in JupyterHub it can have more spaces than a new one; but nothing
/// that people cannot see, and no text without end (security case 57).
fn check_characters(name: &str) -> Result<(), ApiError> {
    let printable = name
        .chars()
        .all(|c| c == ' ' || !(c.is_whitespace() || c.is_control() || invisible(c)));
    if name.chars().count() <= 255 && printable {
        return Ok(());
    }
    Err(invalid_display_name(name))
}

fn invalid_display_name(name: &str) -> ApiError {
    ApiError::bad_request(format!("Invalid display_name: {}", shown(name)))
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What a server that has just been made is called, when nobody says.
fn default_display_name(server: &ServerRef) -> String {
    server.name.as_str().to_owned()
}

/// How messages name a server: `alice`, `alice:gpu`.
fn log_name(server: &ServerRef) -> String {
    if server.name.is_default() {
        server.user.to_string()
    } else {
        format!("{}:{}", server.user, server.name)
    }
}

/// An answer without a body, as starts and stops have it.
fn empty(status: StatusCode) -> Response {
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, "text/plain")]).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies() {
        let read = |body: Value| {
            ServerBody::read(Some(body))
                .map(|body| (body.display_name, body.user_options.map(Value::Object)))
        };
        for (body, expected) in [
            (json!({}), (None, None)),
            (json!(null), (None, None)),
            (json!({"display_name": "A B"}), (Some("A B"), None)),
            (
                json!({"user_options": {"x": 1}}),
                (None, Some(json!({"x": 1}))),
            ),
            (
                json!({"user_options": null, "display_name": ""}),
                (None, None),
            ),
            (
                json!({"profile": "big"}),
                (None, Some(json!({"profile": "big"}))),
            ),
        ] {
            let (name, options) = read(body.clone()).unwrap();
            assert_eq!((name.as_deref(), options), expected, "{body}");
        }
        for (body, message) in [
            (json!([1]), "Body must be a JSON object"),
            (json!("x"), "Body must be a JSON object"),
            (json!({"display_name": 1}), "display_name must be a string"),
            (
                json!({"user_options": "x"}),
                "user_options must be an object or null",
            ),
        ] {
            assert_eq!(
                read(body.clone()).unwrap_err().message(),
                Some(message),
                "{body}"
            );
        }
    }

    #[test]
    fn display_names() {
        for good in ["G P U", "ünï", "a"] {
            assert!(check_display_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "a  b",
            "a\nb",
            "a\u{202e}b",
            &"a".repeat(256),
        ] {
            assert!(check_display_name(bad).is_err(), "{bad:?}");
        }
        for (name, may_stay) in [
            (" a", true),
            ("a  b", true),
            ("a\nb", false),
            ("a\u{202e}b", false),
            (&"a".repeat(256), false),
        ] {
            assert_eq!(check_characters(name).is_ok(), may_stay, "{name:?}");
        }
    }
}
