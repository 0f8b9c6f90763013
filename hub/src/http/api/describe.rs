//! What the API says of itself: for each action its summary, parameters, bodies and answers. Permission is not repeated
//! here: it is that of the [`Action`](crate::domain::action::Action).

pub(super) mod groups;
pub(super) mod hub;
pub(super) mod login;
pub(super) mod roles;
pub(super) mod servers;
pub(super) mod services;
pub(super) mod shares;
pub(super) mod tokens;
pub(super) mod users;

use serde_json::{Map, Value, json};

use super::body::Field;

/// An object with these fields and no others.
fn exactly(fields: Value, required: &[&str]) -> Value {
    let mut schema = at_least(fields, required);
    schema["additionalProperties"] = json!(false);
    schema
}

/// An object with these fields; what else it says is passed over.
fn at_least(fields: Value, required: &[&str]) -> Value {
    let mut schema = json!({"type": "object", "required": required});
    schema["properties"] = fields;
    schema
}

/// The same, or null.
fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// What Python takes for nothing: JupyterHub takes it for a body that is missing, and so do we.
fn nothing() -> Value {
    json!([null, false, 0, "", []])
}

/// An object, or nothing.
fn or_nothing(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("type");
    }
    schema["anyOf"] = json!([{"type": "object"}, {"enum": nothing()}]);
    schema
}

/// The fields of a model with their types, as the check of bodies knows them, and `more`.
fn checked(fields: &[Field], more: Value) -> Value {
    let mut all: Map<String, Value> = fields.iter().map(Field::schema).collect();
    if let Value::Object(more) = more {
        all.extend(more);
    }
    Value::Object(all)
}

fn text() -> Value {
    json!({"type": "string"})
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1})
}

/// A list of names.
fn names(most: usize) -> Value {
    json!({
        "type": "array", "items": name(), "maxItems": most,
        "description": "Names; one that comes twice counts once.",
    })
}

/// A list of scopes.
fn scopes() -> Value {
    json!({
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "maxItems": crate::auth::issue::MAX_SCOPES,
    })
}
