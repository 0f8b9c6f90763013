//! Bodies of requests, checked in JupyterHub's words.

use serde_json::{Map, Value};

use crate::http::error::ApiError;

/// A value as Python writes it: error texts of the wire contain such.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().take(SHOWN).map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .take(SHOWN)
                .map(|(key, value)| format!("{}: {}", quoted(key), python(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// How many items of a list, and four times how many characters of a text, an error shows.
const SHOWN: usize = 16;

/// A text from outside in an error: escaped and not too long.
pub(super) fn shown(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(SHOWN * 4)
        .flat_map(char::escape_debug)
        .collect();
    let more = if text.chars().nth(SHOWN * 4).is_some() {
        "…"
    } else {
        ""
    };
    format!("{shown}{more}")
}

/// The same in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", shown(text))
}

/// The type of a value as Python names it.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<class 'NoneType'>",
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        Value::Object(_) => "<class 'dict'>",
    }
}

/// The fields of a user's model that a request may name, with their types.
const USER_FIELDS: &[(&str, &str)] = &[
    ("name", "<class 'str'>"),
    ("admin", "<class 'bool'>"),
    ("groups", "<class 'list'>"),
    ("roles", "<class 'list'>"),
    ("auth_state", "<class 'dict'>"),
];

/// Checks the keys and types of a user's model.
pub(super) fn check_user(fields: &Map<String, Value>) -> Result<(), ApiError> {
    let known = |key: &str| USER_FIELDS.iter().find(|(name, _)| *name == key);
    if fields.keys().any(|key| known(key).is_none()) {
        let all = python(&Value::Object(fields.clone()));
        return Err(ApiError::bad_request(format!("Invalid JSON keys: {all}")));
    }
    for (key, value) in fields {
        let (_, wanted) = known(key).copied().unwrap_or_default();
        let found = python_type(value);
        if wanted != found {
            return Err(ApiError::bad_request(format!(
                "user.{key} must be {wanted}, not: {found}"
            )));
        }
    }
    Ok(())
}

/// A body that must be an object, if there is one.
pub(super) fn object(
    body: Option<Value>,
    otherwise: &str,
) -> Result<Option<Map<String, Value>>, ApiError> {
    match body {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(ApiError::bad_request(otherwise)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn user_models() {
        for (body, message) in [
            (json!({"admin": true, "name": "x"}), None),
            (
                json!({"zzz": true}),
                Some("Invalid JSON keys: {'zzz': True}"),
            ),
            (
                json!({"admin": "yes"}),
                Some("user.admin must be <class 'bool'>, not: <class 'str'>"),
            ),
            (
                json!({"name": 1}),
                Some("user.name must be <class 'str'>, not: <class 'int'>"),
            ),
        ] {
            let result = check_user(body.as_object().unwrap());
            assert_eq!(
                result.as_ref().err().and_then(ApiError::message),
                message,
                "{body}"
            );
        }
    }

    #[test]
    fn python_forms() {
        let value = json!({"a": [null, true, 1, 1.5, "x'y\n"]});
        assert_eq!(python(&value), r"{'a': [None, True, 1, 1.5, 'x\'y\n']}");
        assert!(quoted(&"x".repeat(10_000)).len() < 100);
    }
}
