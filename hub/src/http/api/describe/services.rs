//! Services.

use hub_types::service::ServiceModel;
use serde_json::{Value, json};

use super::super::services::{list, register};
use super::{checked, exactly};
use crate::domain::action::{EditService, ReadService};
use crate::http::openapi::operation::Access;
use crate::http::openapi::{Body, Operation, Tag, schemas};

pub(in crate::http::api) fn list() -> Operation {
    Operation::new(Tag::Services, "List services")
        .access(Access::AnyOf(list::LIST))
        .json(200, "Services by name.", schemas::map_of::<ServiceModel>())
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadService>(Tag::Services, "Get a service")
        .text("What a managed service wrote (`log_tail`) is shown to those who hold `admin:services` for it.")
        .model::<ServiceModel>(200, "The service, as far as the caller may see.")
}

pub(in crate::http::api) fn register() -> Operation {
    let mut schema = exactly(checked(register::FIELDS, Value::Null), &[]);
    schema["minProperties"] = json!(1);
    let example = json!({
        "url": "http://127.0.0.1:9000",
        "oauth_client_allowed_scopes": ["read:users!user"],
    });
    Operation::needs::<EditService>(Tag::Services, "Register a service")
        .text("An external one, which the hub does not run; until it is deleted.")
        .body(Body::json(schema, example))
        .model::<ServiceModel>(201, "The new service.")
        .error(409, "There is a service of this name already.")
}

pub(in crate::http::api) fn delete() -> Operation {
    Operation::needs::<EditService>(Tag::Services, "Delete a service")
        .text("One that was registered here.")
        .empty(200, "It is gone.")
        .error(405, "The service stands in the configuration.")
}
