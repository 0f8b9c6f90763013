//! Roles.

use hub_types::role::RoleModel;
use serde_json::json;

use super::super::roles::write::{FIELDS, MOST};
use super::{checked, exactly};
use crate::domain::action::{
    Action as _, EditRoles, GiveRoleToGroup, GiveRoleToService, GiveRoleToUser, ReadRoles,
};
use crate::http::openapi::operation::Access;
use crate::http::openapi::{Body, Operation, Tag, schemas};

pub(in crate::http::api) fn list() -> Operation {
    Operation::needs::<ReadRoles>(Tag::Roles, "List roles")
        .page_or("Roles and who holds them.", schemas::list_of::<RoleModel>())
        .extension()
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadRoles>(Tag::Roles, "Get a role")
        .model::<RoleModel>(200, "The role and who holds it.")
        .extension()
}

/// What a role is.
fn role() -> Body {
    let mut fields = checked(FIELDS, json!({}));
    fields["description"]["maxLength"] = json!(MOST);
    fields["scopes"]["maxItems"] = json!(MOST);
    fields["scopes"]["items"] = json!({"type": "string", "minLength": 1});
    let example =
        json!({"description": "Graders", "scopes": ["list:users", "read:servers!group=lab"]});
    Body::json(exactly(fields, &["scopes"]), example)
}

pub(in crate::http::api) fn create() -> Operation {
    Operation::needs::<EditRoles>(Tag::Roles, "Create a role")
        .text("Nobody writes more into a role than they hold.")
        .body(role())
        .model::<RoleModel>(201, "The new role.")
        .error(409, "There is a role of this name already.")
        .extension()
}

pub(in crate::http::api) fn replace() -> Operation {
    Operation::needs::<EditRoles>(Tag::Roles, "Write a role anew")
        .text("Who holds it stays.")
        .body(role())
        .model::<RoleModel>(200, "The role after the change.")
        .error(409, "The role is not one that was made at run time.")
        .extension()
}

pub(in crate::http::api) fn delete() -> Operation {
    Operation::needs::<EditRoles>(Tag::Roles, "Delete a role")
        .empty(204, "Nobody holds it any more.")
        .error(409, "The role is not one that was made at run time.")
        .extension()
}

fn assignment(summary: &'static str, done: &'static str) -> Operation {
    const SCOPES: &[&[hub_types::scope::ScopeName]] = &[
        GiveRoleToUser::SCOPES,
        GiveRoleToGroup::SCOPES,
        GiveRoleToService::SCOPES,
    ];
    Operation::new(Tag::Roles, summary)
        .access(Access::ByKind(SCOPES))
        .text("Needs the scope that administers the holder (`admin:users`, `admin:groups` or `admin:services`) and all \
               that the role gives.")
        .empty(204, done)
        .error(409, "The role is not one that was made at run time.")
        .extension()
}

pub(in crate::http::api) fn give() -> Operation {
    assignment("Give a role", "It is held.")
}

pub(in crate::http::api) fn take() -> Operation {
    assignment(
        "Take a role away",
        "It is not held any more, unless by a group.",
    )
}
