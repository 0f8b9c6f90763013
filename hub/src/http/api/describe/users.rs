//! Users.

use hub_types::IF_INACTIVE_SINCE_HEADER;
use hub_types::user::UserModel;
use serde_json::{Value, json};

use super::super::body::USER_FIELDS;
use super::super::{bulk, users};
use super::{at_least, checked, exactly, name, or_nothing, text};
use crate::domain::action::{
    AdminAccess, CreateUsers, DeleteUser, EditUser, ManageTokens, ReadUser, ReportActivity,
};
use crate::http::openapi::operation::Access;
use crate::http::openapi::{Body, Operation, Parameter, Tag};

/// `?include_stopped_servers`.
pub(super) fn include_stopped() -> Parameter {
    Parameter::query(
        "include_stopped_servers",
        text(),
        "Whether models list stopped servers too: with any value but `0` and `false`.",
    )
}

/// The condition of our own on deletions.
pub(super) fn if_inactive_since() -> Parameter {
    Parameter::header(
        IF_INACTIVE_SINCE_HEADER,
        json!({"type": "string", "format": "date-time"}),
        "Only if there was no use after this time, else 412. Ours.",
    )
}

/// The fields of a new user's model, and `more`.
fn new_user(more: Value) -> Value {
    let mut fields = checked(USER_FIELDS, more);
    fields["admin"]["description"] = json!("Whether the user holds the role `admin`.");
    for passed_over in ["name", "groups", "roles", "auth_state"] {
        fields[passed_over]["description"] =
            json!("Can be sent, as to JupyterHub, and is passed over.");
    }
    fields
}

pub(in crate::http::api) fn list() -> Operation {
    let one_of = |values: &[&str]| json!({"type": "string", "enum": values});
    Operation::new(Tag::Users, "List users")
        .access(Access::AnyOf(users::list::LIST))
        .text("Those that the caller's scopes reach.")
        .parameter(Parameter::query(
            "state",
            one_of(&["", "active", "ready", "inactive"]),
            "Only users with a server that is not stopped (`active`), with one that is ready (`ready`), with none \
             that is active (`inactive`).",
        ))
        .parameter(Parameter::query(
            "sort",
            one_of(&["id", "-id", "name", "-name", "last_activity", "-last_activity"]),
            "What the list is ordered by; downwards with a minus sign. Default: `id`.",
        ))
        .parameter(Parameter::query(
            "name_filter",
            text(),
            "Only users whose name contains this.",
        ))
        .parameter(include_stopped())
        .page_or("Users.", crate::http::openapi::schemas::list_of::<UserModel>())
}

pub(in crate::http::api) fn create_many() -> Operation {
    let usernames = json!({"usernames": {
        "type": "array", "items": name(), "minItems": 1, "maxItems": users::create::MAX_NAMES,
        "description": "Names of the new users; those that exist are passed over.",
    }});
    let example = json!({"usernames": ["alice", "bob"], "admin": false});
    Operation::needs::<CreateUsers>(Tag::Users, "Create users")
        .body(Body::json(
            exactly(new_user(usernames), &["usernames"]),
            example,
        ))
        .list::<UserModel>(201, "Those that are new.")
        .error(409, "All of them exist already.")
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadUser>(Tag::Users, "Get a user")
        .parameter(include_stopped())
        .model::<UserModel>(200, "The user, as far as the caller may see.")
}

pub(in crate::http::api) fn create() -> Operation {
    let schema = or_nothing(exactly(new_user(Value::Null), &[]));
    Operation::needs::<EditUser>(Tag::Users, "Create a user")
        .body(Body::optional(schema, json!({"admin": false})))
        .model::<UserModel>(201, "The new user.")
        .error(409, "The user exists already.")
}

pub(in crate::http::api) fn update() -> Operation {
    let fields = json!({
        "name": {"type": "string", "minLength": 1, "description": "The new name. The user's servers must be stopped; \
            sessions and tokens end."},
        "admin": {"type": "boolean", "description": "Whether the user holds the role `admin`."},
        "auth_state": {"type": "object", "description": "What is kept of the user's login, instead of what was. The hub \
            must have a key to encrypt it with."},
    });
    Operation::needs::<EditUser>(Tag::Users, "Rename a user, or make an administrator")
        .body(Body::json(
            exactly(fields, &[]),
            json!({"name": "alicia", "admin": true}),
        ))
        .model::<UserModel>(200, "The user after the change.")
}

pub(in crate::http::api) fn delete() -> Operation {
    Operation::needs::<DeleteUser>(Tag::Users, "Delete a user")
        .text("Stops the user's servers first.")
        .parameter(if_inactive_since())
        .empty(204, "The user is gone.")
        .error(
            412,
            "The user or a server was active after the time of the header.",
        )
}

pub(in crate::http::api) fn activity() -> Operation {
    let time = |says: &str| json!({"type": "string", "format": "date-time", "description": says});
    let server = at_least(
        json!({"last_activity": time("When it was last used.")}),
        &["last_activity"],
    );
    let mut schema = at_least(
        json!({
            "last_activity": {
                "description": "When the user was last seen.",
                "anyOf": [time(""), {"enum": [null, ""]}, {"type": "object", "maxProperties": 0}],
            },
            "servers": {
                "description": "When servers were last used, by name.",
                "anyOf": [{"type": "object", "additionalProperties": server}, {"enum": [null, ""]}],
            },
        }),
        &[],
    );
    schema["anyOf"] = json!([
        {"required": ["last_activity"], "properties": {"last_activity": {"type": "string", "minLength": 1}}},
        {"required": ["servers"], "properties": {"servers": {"type": "object", "minProperties": 1}}},
    ]);
    let example = json!({
        "last_activity": "2026-11-22T03:30:07Z",
        "servers": {"": {"last_activity": "2026-11-22T03:30:07Z"}},
    });
    Operation::needs::<ReportActivity>(Tag::Users, "Report activity")
        .text("Servers report their kernels' activity themselves. Times only move forward, and none is taken from the \
               future.")
        .body(Body::json(schema, example))
        .empty(200, "Noted.")
}

pub(in crate::http::api) fn end_sessions() -> Operation {
    Operation::needs::<ManageTokens>(Tag::Users, "Log a user out everywhere")
        .text("Ends all browser sessions, with every token that was issued within one. Tokens for programs stay.")
        .empty(204, "No session is left.")
        .extension()
}

pub(in crate::http::api) fn admin_access() -> Operation {
    Operation::needs::<AdminAccess>(Tag::LookUps, "Ask for access to a user's servers")
        .text("Does nothing any more: whoever holds `access:servers` has it. For clients of JupyterHub 0.7.")
        .empty(200, "Nothing was done.")
        .deprecated()
}

pub(in crate::http::api) fn bulk() -> Operation {
    let example = json!({"action": "add_to_group", "users": ["alice", "bob"], "group": "lab"});
    Operation::new(Tag::Users, "Do one thing for many users")
        .text("Every item is what its own request would be: it needs the same scopes and gets the same status. One that \
               fails holds up no other.")
        .body(Body::json(bulk::request_schema(), example))
        .model::<bulk::Results>(200, "What became of each user, in the order of the request.")
        .extension()
}
