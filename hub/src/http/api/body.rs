//! Bodies of requests, checked in JupyterHub's words.

use serde_json::{Map, Value, json};

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

/// A field that the body of a request may have, with its type as Python names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    class: &'static str,
}

impl Field {
    const fn new(name: &'static str, class: &'static str) -> Self {
        Self { name, class }
    }

    /// The field's name and its type as a JSON schema.
    pub(super) fn schema(&self) -> (String, Value) {
        let schema = match self.class {
            "<class 'str'>" => json!({"type": "string"}),
            "<class 'bool'>" => json!({"type": "boolean"}),
            "<class 'int'>" => json!({"type": "integer"}),
            "<class 'list'>" => json!({"type": "array"}),
            _ => json!({"type": "object"}),
        };
        (self.name.to_owned(), schema)
    }

    /// A text.
    pub(super) const fn text(name: &'static str) -> Self {
        Self::new(name, "<class 'str'>")
    }

    /// Yes or no.
    pub(super) const fn flag(name: &'static str) -> Self {
        Self::new(name, "<class 'bool'>")
    }

    /// A whole number.
    pub(super) const fn number(name: &'static str) -> Self {
        Self::new(name, "<class 'int'>")
    }

    /// A list.
    pub(super) const fn list(name: &'static str) -> Self {
        Self::new(name, "<class 'list'>")
    }

    /// An object.
    pub(super) const fn object(name: &'static str) -> Self {
        Self::new(name, "<class 'dict'>")
    }
}

/// The fields of a user's model that a request may name.
pub(super) const USER_FIELDS: &[Field] = &[
    Field::text("name"),
    Field::flag("admin"),
    Field::list("groups"),
    Field::list("roles"),
    Field::object("auth_state"),
];

/// Checks the keys and types of a user's model.
pub(super) fn check_user(fields: &Map<String, Value>) -> Result<(), ApiError> {
    check_model("user", USER_FIELDS, fields)
}

/// Checks the keys and types of the model of a `what`.
pub(super) fn check_model(
    what: &str,
    known: &[Field],
    fields: &Map<String, Value>,
) -> Result<(), ApiError> {
    let find = |key: &str| known.iter().find(|field| field.name == key);
    if fields.keys().any(|key| find(key).is_none()) {
        let all = python(&Value::Object(fields.clone()));
        return Err(ApiError::bad_request(format!("Invalid JSON keys: {all}")));
    }
    for (key, value) in fields {
        let wanted = find(key).map(|field| field.class).unwrap_or_default();
        let found = python_type(value);
        if wanted != found {
            return Err(ApiError::bad_request(format!(
                "{what}.{key} must be {wanted}, not: {found}"
            )));
        }
    }
    Ok(())
}

/// What JupyterHub takes for nothing where something may be left out: null, false, zero and what is empty.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A body that must be an object, if there is one.
pub(super) fn object(
    body: Option<Value>,
    otherwise: &str,
) -> Result<Option<Map<String, Value>>, ApiError> {
    match body {
        None => Ok(None),
        Some(nothing) if is_nothing(&nothing) => Ok(None),
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
