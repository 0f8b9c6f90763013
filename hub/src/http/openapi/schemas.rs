//! The models of the API as JSON schemas, from the types that are sent.
//!
//! Types say what a field can be. Whether it is always there is read off a value that says as little as its type allows:
//! what serde writes of that one, it writes of all. Of the others only those can be null that are named here (a field that
//! is left out for want of permission is absent, not null).

use std::fmt;

use hub_types::error::ErrorBody;
use hub_types::group::GroupModel;
use hub_types::identity::Kind;
use hub_types::page::{NextPage, Pagination};
use hub_types::progress::ProgressEvent;
use hub_types::role::RoleModel;
use hub_types::route::RouteModel;
use hub_types::server::{Pending, ServerModel, StopNotice};
use hub_types::service::ServiceModel;
use hub_types::share::{Named, ShareCodeModel, ShareCodeSecret, ShareModel, SharedServer};
use hub_types::token::TokenModel;
use hub_types::user::UserModel;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A reference to the schema of a model.
pub(crate) fn of<T: ToSchema>() -> Value {
    named(T::name())
}

/// A list of models.
pub(crate) fn list_of<T: ToSchema>() -> Value {
    json!({"type": "array", "items": of::<T>()})
}

/// An object with models by name.
pub(crate) fn map_of<T: ToSchema>() -> Value {
    json!({"type": "object", "additionalProperties": of::<T>()})
}

/// A page of items.
pub(crate) fn page(items: Value) -> Value {
    let mut page = json!({
        "type": "object",
        "required": ["items", "_pagination"],
        "properties": {"_pagination": of::<Pagination>()},
    });
    page["properties"]["items"] = items;
    page
}

/// The name of [`identity`].
pub(crate) const IDENTITY: &str = "Identity";

/// A reference to a schema of this name.
pub(crate) fn named(name: impl fmt::Display) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// All models by name.
pub(crate) fn all() -> Map<String, Value> {
    let mut all = Models::default();
    let of_user = [
        "server",
        "pending",
        "created",
        "last_activity",
        "auth_state",
        "user_info",
    ];
    all.add(&UserModel::default(), &of_user);
    all.add(&ServerModel::default(), &["state"]);
    let notice = StopNotice {
        stop_at: chrono::DateTime::UNIX_EPOCH,
        given: chrono::DateTime::UNIX_EPOCH,
        reason: String::new(),
        unless_used: false,
    };
    all.add(&notice, &[]);
    all.add(&GroupModel::default(), &[]);
    // A service that asks about itself hears what is stored of it: of one of the configuration that is less.
    let of_service = [
        "last_failure",
        "answers",
        "next_start",
        "url",
        "info",
        "display",
    ];
    all.add(&ServiceModel::default(), &of_service);
    all.add(&RoleModel::default(), &[]);
    all.add(&TokenModel::default(), &[]);
    all.add(&Named::default(), &[]);
    all.add(&SharedServer::default(), &[]);
    all.add(&ShareModel::default(), &[]);
    all.add(&ShareCodeModel::default(), &[]);
    let secret = ShareCodeSecret {
        code: String::new(),
        accept_url: String::new(),
        full_accept_url: None,
    };
    all.add(&secret, &[]);
    all.add(&RouteModel::default(), &[]);
    all.add(&ProgressEvent::default(), &[]);
    all.add(&Pagination::default(), &[]);
    let next = NextPage {
        offset: 0,
        limit: 0,
        url: String::new(),
    };
    all.add(&next, &[]);
    all.add(&ErrorBody::default(), &[]);
    all.add_as_it_is::<Pending>();
    all.0.insert(IDENTITY.to_owned(), identity());
    super::super::api::add_models(&mut all);
    all.0
}

/// A user or a service: `kind` says which.
pub(crate) fn user_or_service() -> Value {
    let only = |kind: Kind, model: Value| {
        json!({"allOf": [
            model,
            {"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}}},
        ]})
    };
    json!([
        only(Kind::User, of::<UserModel>()),
        only(Kind::Service, of::<ServiceModel>()),
    ])
}

/// Who a credential belongs to: a user or a service, with what the credential may do.
fn identity() -> Value {
    json!({
        "description": "A user or a service, as its own credential shows it: the model, and what the credential may do.",
        "oneOf": user_or_service(),
        "type": "object",
        "required": ["kind", "name", "admin", "scopes", "token_id", "session_id"],
        "properties": {
            "scopes": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What the credential may do, expanded and sorted.",
            },
            "token_id": {
                "type": ["string", "null"],
                "description": "`a<integer>`; null when the credential is a cookie.",
            },
            "session_id": {
                "type": ["string", "null"],
                "description": "The browser session that the credential belongs to.",
            },
        },
    })
}

/// Schemas by name.
#[derive(Debug, Default)]
pub(crate) struct Models(Map<String, Value>);

impl Models {
    /// Adds the schema of a model. `least` is a value without anything that can be left out.
    pub(crate) fn add<T: ToSchema + Serialize>(&mut self, least: &T, nullable: &[&str]) {
        let mut schema = as_json(&T::schema());
        let written = as_json(least);
        let mut required = Vec::new();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for (name, property) in properties.iter_mut() {
                if written.get(name).is_some() {
                    required.push(name.clone());
                } else if !nullable.contains(&name.as_str()) {
                    without_null(property);
                }
            }
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        self.0.insert(T::name().into_owned(), schema);
    }

    /// Adds a schema that the type alone says all of.
    pub(crate) fn add_as_it_is<T: ToSchema>(&mut self) {
        self.0.insert(T::name().into_owned(), as_json(&T::schema()));
    }
}

/// Schemas are made of maps with text keys and models of what the API writes: both are JSON.
fn as_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Takes `null` away from what a schema allows.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [only] = &types[..] {
            schema["type"] = only.clone();
        }
    }
    if let Some(either) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        either.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
        if let [only] = &either[..] {
            *schema = only.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_there_and_what_can_be_null() {
        let all = all();
        let user = &all["UserModel"];
        assert_eq!(user["required"], json!(["name"]));
        assert_eq!(user["properties"]["admin"]["type"], "boolean");
        assert_eq!(
            user["properties"]["server"]["type"],
            json!(["string", "null"])
        );
        let server = &all["ServerModel"];
        let required = server["required"].as_array().unwrap();
        assert!(required.contains(&json!("url")) && !required.contains(&json!("state")));
        assert_eq!(
            server["properties"]["started"],
            json!({
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When it was started; null while it is stopped.",
            })
        );
        assert_eq!(
            all["Pending"]["enum"],
            json!(["spawn", "stop", "check", "rename"])
        );
        let code = &all["ShareCodeModel"];
        assert!(code["properties"]["code"].is_null(), "{code}");
        assert_eq!(code["properties"]["id"]["type"], "string");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        found.push(to.clone());
                    }
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let base = hub_types::paths::BaseUrl::default();
        let document = crate::http::openapi::document(&base);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 300, "{}", found.len());
        for to in found {
            let pointer = to.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{to}");
        }
    }
}
