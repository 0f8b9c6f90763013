//! Shares and share codes.

use hub_types::share::{ShareCodeModel, ShareCodeSecret, ShareModel};
use serde_json::{Value, json};

use super::{exactly, or_nothing, or_null, scopes};
use crate::domain::action::{
    DropSharedWithGroup, DropSharedWithUser, ReadOwnersShares, ReadServerShares,
    ReadSharedWithGroup, ReadSharedWithUser, ShareAllServers, ShareServer,
};
use crate::http::openapi::{Body, Operation, Parameter, Tag, schemas};

pub(in crate::http::api) fn of_owner() -> Operation {
    Operation::needs::<ReadOwnersShares>(Tag::Shares, "List the shares of a user's servers")
        .pages_of::<ShareModel>("Shares.")
}

/// What is asked of all servers of a user and can only be asked of one.
pub(in crate::http::api) fn server_required() -> Operation {
    Operation::needs::<ShareAllServers>(Tag::Shares, "Name a server")
        .text("Only a single server can be shared: its name belongs into the path.")
        .error(405, "Always.")
}

pub(in crate::http::api) fn of_server() -> Operation {
    Operation::needs::<ReadServerShares>(Tag::Shares, "List the shares of a server")
        .pages_of::<ShareModel>("Shares.")
}

/// Whom a share is for, and what it allows.
fn share() -> Body {
    let who = |says: &str| json!({"type": ["string", "null"], "minLength": 1, "description": says});
    let mut what = or_null(scopes());
    what["description"] = json!("What it allows; none means `access:servers` for the server.");
    let mut schema = exactly(
        json!({"user": who("The user."), "group": who("The group."), "scopes": what}),
        &[],
    );
    let only = |one: &str, other: &str| {
        json!({
            "required": [one],
            "properties": {one: {"type": "string"}, other: {"type": "null"}},
        })
    };
    schema["oneOf"] = json!([only("user", "group"), only("group", "user")]);
    Body::json(
        schema,
        json!({"user": "bob", "scopes": ["access:servers!server=alice/"]}),
    )
}

pub(in crate::http::api) fn grant() -> Operation {
    Operation::needs::<ShareServer>(Tag::Shares, "Share a server")
        .text("With a user or a group; whom is shared with already gets more. Nobody shares what they do not hold, and \
               naming a user or group needs `read:users:name` or `read:groups:name` for it.")
        .body(share())
        .model::<ShareModel>(200, "The share.")
}

pub(in crate::http::api) fn revoke() -> Operation {
    let left =
        json!({"anyOf": [schemas::of::<ShareModel>(), {"type": "object", "maxProperties": 0}]});
    Operation::needs::<ShareServer>(Tag::Shares, "Take scopes of a share back")
        .text("All of them, if none are named.")
        .body(share())
        .json(
            200,
            "What is left of the share: an empty object when it is nothing.",
            left,
        )
}

pub(in crate::http::api) fn revoke_all() -> Operation {
    Operation::needs::<ShareServer>(Tag::Shares, "Take all shares of a server back")
        .text("Share codes stay.")
        .empty(204, "The server is not shared any more.")
}

pub(in crate::http::api) fn with_user() -> Operation {
    Operation::needs::<ReadSharedWithUser>(Tag::Shares, "List what is shared with a user")
        .text("Also through groups.")
        .pages_of::<ShareModel>("Shares.")
}

pub(in crate::http::api) fn one_with_user() -> Operation {
    Operation::needs::<ReadSharedWithUser>(Tag::Shares, "Get a share with a user")
        .model::<ShareModel>(200, "The share.")
}

pub(in crate::http::api) fn drop_with_user() -> Operation {
    Operation::needs::<DropSharedWithUser>(Tag::Shares, "Give up a share with a user")
        .empty(204, "The server is not shared with the user any more.")
}

pub(in crate::http::api) fn with_group() -> Operation {
    Operation::needs::<ReadSharedWithGroup>(Tag::Shares, "List what is shared with a group")
        .pages_of::<ShareModel>("Shares.")
}

pub(in crate::http::api) fn one_with_group() -> Operation {
    Operation::needs::<ReadSharedWithGroup>(Tag::Shares, "Get a share with a group")
        .model::<ShareModel>(200, "The share.")
}

pub(in crate::http::api) fn drop_with_group() -> Operation {
    Operation::needs::<DropSharedWithGroup>(Tag::Shares, "Give up a share with a group")
        .empty(204, "The server is not shared with the group any more.")
}

pub(in crate::http::api) fn codes_of_owner() -> Operation {
    Operation::needs::<ReadOwnersShares>(
        Tag::ShareCodes,
        "List the share codes of a user's servers",
    )
    .pages_of::<ShareCodeModel>("Share codes, without the codes themselves.")
}

pub(in crate::http::api) fn codes_of_server() -> Operation {
    Operation::needs::<ReadServerShares>(Tag::ShareCodes, "List the share codes of a server")
        .pages_of::<ShareCodeModel>("Share codes, without the codes themselves.")
}

pub(in crate::http::api) fn create_code() -> Operation {
    let life = json!({
        "description": "Life in seconds, also as digits in a string. Default: a day.",
        "anyOf": [
            {"type": "integer", "format": "int64"},
            {"type": "string", "pattern": "^[+-]?[0-9]+$"},
        ],
    });
    let schema = exactly(
        json!({"scopes": or_null(scopes()), "expires_in": life}),
        &[],
    );
    let made: Value =
        json!({"allOf": [schemas::of::<ShareCodeModel>(), schemas::of::<ShareCodeSecret>()]});
    let example = json!({"scopes": ["access:servers!server=alice/"], "expires_in": 3600});
    Operation::needs::<ShareServer>(Tag::ShareCodes, "Create a share code")
        .body(Body::optional(or_nothing(schema), example))
        .json(
            200,
            "The share code, with the code itself: it is told this once.",
            made,
        )
}

pub(in crate::http::api) fn delete_codes() -> Operation {
    let argument = |name, says| Parameter::query(name, json!({"type": "string"}), says);
    Operation::needs::<ShareServer>(Tag::ShareCodes, "Take share codes back")
        .text("One, or without arguments all of the server. What they have become stays shared.")
        .parameter(argument("code", "The code."))
        .parameter(argument("id", "Its id, `sc_<integer>`."))
        .empty(204, "Nobody can accept them any more.")
}
