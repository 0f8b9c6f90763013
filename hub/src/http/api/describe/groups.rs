//! Groups.

use hub_types::group::GroupModel;
use serde_json::{Value, json};

use super::super::groups::{self, FIELDS, MAX_NAMES};
use super::{checked, exactly, names, or_null};
use crate::domain::action::{CreateGroup, CreateGroups, DeleteGroup, EditGroup, ReadGroup};
use crate::http::openapi::operation::Access;
use crate::http::openapi::{Body, Operation, Tag, schemas};

/// A group's model as requests may name it.
fn fields(more: Value) -> Value {
    let mut fields = checked(FIELDS, json!({"users": names(MAX_NAMES)}));
    fields["roles"]["description"] = json!("Passed over: roles are granted under `/roles`.");
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

pub(in crate::http::api) fn list() -> Operation {
    Operation::new(Tag::Groups, "List groups")
        .access(Access::AnyOf(groups::list::LIST))
        .page_or("Groups.", schemas::list_of::<GroupModel>())
}

pub(in crate::http::api) fn create_many() -> Operation {
    let mut groups = names(MAX_NAMES);
    groups["minItems"] = json!(1);
    let schema = exactly(fields(json!({"groups": groups})), &["groups"]);
    let example = json!({"groups": ["lab", "lecture"], "users": ["alice"]});
    Operation::needs::<CreateGroups>(Tag::Groups, "Create groups")
        .body(Body::json(schema, example))
        .list::<GroupModel>(201, "The new groups.")
        .error(409, "One of them exists already; none was created.")
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadGroup>(Tag::Groups, "Get a group")
        .model::<GroupModel>(200, "The group, as far as the caller may see.")
}

pub(in crate::http::api) fn create() -> Operation {
    let schema = or_null(exactly(fields(Value::Null), &[]));
    Operation::needs::<CreateGroup>(Tag::Groups, "Create a group")
        .body(Body::optional(schema, json!({"users": ["alice"]})))
        .model::<GroupModel>(201, "The new group.")
        .error(409, "It exists already.")
}

pub(in crate::http::api) fn delete() -> Operation {
    Operation::needs::<DeleteGroup>(Tag::Groups, "Delete a group").empty(
        204,
        "It is gone, and with it what its roles gave to its members.",
    )
}

fn members(summary: &'static str) -> Operation {
    let schema = exactly(fields(Value::Null), &["users"]);
    Operation::needs::<EditGroup>(Tag::Groups, summary)
        .body(Body::json(schema, json!({"users": ["alice", "bob"]})))
        .model::<GroupModel>(200, "The group after the change.")
}

pub(in crate::http::api) fn add_members() -> Operation {
    members("Add users to a group")
}

pub(in crate::http::api) fn remove_members() -> Operation {
    members("Remove users from a group")
}

pub(in crate::http::api) fn put_properties() -> Operation {
    Operation::needs::<EditGroup>(Tag::Groups, "Replace the properties of a group")
        .body(Body::json(json!({"type": "object"}), json!({"quota": 20})))
        .model::<GroupModel>(200, "The group after the change.")
}
