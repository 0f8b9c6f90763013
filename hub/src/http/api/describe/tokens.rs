//! Users' API tokens.

use hub_types::token::TokenModel;
use serde_json::json;

use super::{at_least, nothing, or_nothing, or_null, scopes, text};
use crate::domain::action::{ManageTokens, ReadTokens};
use crate::http::openapi::{Body, Operation, Tag, schemas};

pub(in crate::http::api) fn list() -> Operation {
    let all = json!({
        "type": "object",
        "required": ["api_tokens"],
        "properties": {"api_tokens": schemas::list_of::<TokenModel>()},
    });
    Operation::needs::<ReadTokens>(Tag::Tokens, "List a user's tokens")
        .text("Those that have not expired, in the order of their last use.")
        .json(200, "The tokens, without their secrets.", all)
}

pub(in crate::http::api) fn create() -> Operation {
    let roles = json!({
        "type": ["array", "null"], "items": text(), "maxItems": crate::auth::issue::MAX_SCOPES,
        "description": "Roles whose scopes the token gets; instead of `scopes`.",
    });
    let auth = at_least(
        json!({"username": text(), "password": text(), "otp": text()}),
        &[],
    );
    let schema = at_least(
        json!({
            "note": {
                "description": "What it is for.",
                "anyOf": [{"type": ["string", "number"]}, {"enum": nothing()}, {"type": "object", "maxProperties": 0}],
            },
            "expires_in": {
                "type": ["integer", "null"], "format": "int64", "minimum": 1,
                "description": "Life in seconds; null for as long as there may be.",
            },
            "scopes": or_null(scopes()),
            "roles": roles,
            "auth": auth,
        }),
        &[],
    );
    let example = json!({"note": "nightly report", "expires_in": 86400, "scopes": ["list:users"]});
    Operation::needs::<ManageTokens>(Tag::Tokens, "Create a token")
        .text("Without other credentials, `auth` can hold the name and password of the user.")
        .or_by_body()
        .body(Body::optional(or_nothing(schema), example))
        .model::<TokenModel>(
            201,
            "The token, with its secret in `token`: it is told this once.",
        )
        .error(
            429,
            "The name and password were wrong too often; try again after `Retry-After` seconds.",
        )
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadTokens>(Tag::Tokens, "Get a token")
        .model::<TokenModel>(200, "The token, without its secret.")
}

pub(in crate::http::api) fn delete() -> Operation {
    Operation::needs::<ManageTokens>(Tag::Tokens, "Revoke a token")
        .text("One that an OAuth client got takes all tokens of that client and user with it.")
        .empty(204, "The next request with it is refused.")
}
