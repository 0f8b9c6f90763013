//! The OAuth provider, and the look-ups of old.

use axum::http::Method;
use serde_json::{Value, json};

use super::text;
use crate::http::openapi::operation::Access;
use crate::http::openapi::schemas;
use crate::http::openapi::{Body, Operation, Parameter, Tag};

/// Parameters of an authorization request.
const ASKED: &[(&str, bool, &str)] = &[
    ("client_id", true, "The client."),
    ("response_type", true, "`code`."),
    (
        "redirect_uri",
        false,
        "Where the browser is sent back to; the one that the client is registered with.",
    ),
    ("state", false, "What the client wants to see again."),
    ("scope", false, "Scopes, separated by spaces."),
    ("code_challenge", false, "PKCE: the challenge."),
    ("code_challenge_method", false, "PKCE: `S256`."),
];

fn asked(summary: &'static str) -> Operation {
    let page = || json!({"type": "string"});
    let html = "text/html";
    let operation = Operation::new(Tag::OAuth, summary)
        .access(Access::Browser)
        .with(200, "The page that asks for consent.", html, page())
        .empty(
            302,
            "Back to the client with a code or an error; or to the login.",
        )
        .with(
            400,
            "The client or where it wants to be sent is unknown.",
            html,
            page(),
        )
        .with(
            403,
            "Not logged in, not allowed to enter the application, or the form was not the hub's.",
            html,
            page(),
        )
        .with(503, "The database does not answer.", html, page());
    ASKED
        .iter()
        .fold(operation, |operation, (name, required, says)| {
            let one = Parameter::query(name, text(), says);
            operation.parameter(if *required { one.required() } else { one })
        })
}

/// `GET` and `POST /oauth2/authorize`.
pub(in crate::http::api) fn authorize() -> [(Method, Operation); 2] {
    let form = json!({
        "type": "object",
        "required": ["_xsrf"],
        "properties": {
            "_xsrf": text(),
            "scopes": {"type": "array", "items": text(), "description": "Those that were ticked."},
        },
    });
    let example = json!({"_xsrf": "VALUE", "scopes": ["read:users!user"]});
    [
        (
            Method::GET,
            asked("Ask a user for access").text("For browsers."),
        ),
        (
            Method::POST,
            asked("Confirm the consent")
                .text("The form of the consent page.")
                .body(Body::form(form, example))
                .extension(),
        ),
    ]
}

/// The form of a token request.
fn exchange() -> Body {
    let form = json!({
        "type": "object",
        "required": ["grant_type", "code", "client_id", "client_secret"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["authorization_code"]},
            "code": text(),
            "redirect_uri": text(),
            "client_id": text(),
            "client_secret": {"type": "string", "description": "The API token of the server or service."},
            "code_verifier": {"type": "string", "description": "PKCE: the verifier."},
        },
    });
    let example = json!({
        "grant_type": "authorization_code", "code": "CODE", "redirect_uri": "/services/whoami/oauth_callback",
        "client_id": "service-whoami", "client_secret": "SECRET", "code_verifier": "VERIFIER",
    });
    Body::form(form, example)
}

/// `POST /oauth2/token`.
pub(in crate::http::api) fn token() -> [(Method, Operation); 1] {
    let issued = json!({
        "type": "object",
        "required": ["access_token", "expires_in", "token_type", "scope"],
        "properties": {
            "access_token": text(),
            "expires_in": {"type": "integer", "description": "Life in seconds."},
            "token_type": {"type": "string", "enum": ["Bearer"]},
            "scope": {"type": "string", "description": "Scopes, separated by spaces."},
        },
    });
    let refused = json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": text(), "error_description": text()},
    });
    let operation = Operation::new(Tag::OAuth, "Exchange a code for a token")
        .access(Access::Anybody)
        .text("RFC 6749 section 4.1.3. A code that is used twice takes back what it gave.")
        .body(exchange())
        .json(200, "The token.", issued)
        .json(400, "Refused (RFC 6749 section 5.2).", refused.clone())
        .json(
            401,
            "The client is unknown, or its secret is wrong.",
            refused,
        )
        .error(
            403,
            "A browser sent it for a page (the header `Origin`), without a token: clients are programs.",
        )
        .error(503, "The database does not answer.");
    [(Method::POST, operation)]
}

fn look_up(summary: &'static str, found: Value) -> Operation {
    Operation::new(Tag::LookUps, summary)
        .access(Access::Token)
        .text("For services of JupyterHub 0.7 and 0.8. Today's ask `GET /user` with the visitor's own token.")
        .json(200, "Whose it is.", found)
        .error(404, "It is nobody's.")
        .deprecated()
}

pub(in crate::http::api) fn by_token() -> Operation {
    let found = json!({
        "description": "The user or service, as far as the caller may see: always who it is.",
        "type": "object",
        "required": ["kind", "name", "admin"],
        "oneOf": schemas::user_or_service(),
    });
    look_up("Whose token is this?", found)
}

fn look_up_cookie(summary: &'static str) -> Operation {
    let found = json!({
        "description": "The user, as far as the caller may see.",
        "anyOf": [
            schemas::of::<hub_types::user::UserModel>(),
            {"type": "object", "maxProperties": 0},
        ],
    });
    look_up(summary, found).text(
        "`jupyterhub-services` is the cookie that this hub sets for services with `cookie_auth`: that service always \
         hears who it is. Of the login cookie callers hear what they may read of that user.",
    )
}

pub(in crate::http::api) fn by_cookie() -> Operation {
    look_up_cookie("Whose cookie is this?")
}

pub(in crate::http::api) fn by_cookie_in_body() -> Operation {
    let body = Body {
        kind: "text/plain",
        schema: text(),
        example: json!("VALUE"),
        required: true,
    };
    look_up_cookie("Whose cookie is this? The value is the body.")
        .body(body)
        .extension()
}

pub(in crate::http::api) fn nameless() -> Operation {
    Operation::new(Tag::LookUps, "Name a token")
        .access(Access::Token)
        .text("There is nothing to look up without a token in the path.")
        .error(405, "Always.")
        .deprecated()
}

pub(in crate::http::api) fn old_token() -> Operation {
    Operation::new(Tag::LookUps, "Request a token, as before JupyterHub 2")
        .access(Access::Anybody)
        .text("Gone: use `POST /users/{user}/tokens`.")
        .error(404, "Always.")
        .deprecated()
}
