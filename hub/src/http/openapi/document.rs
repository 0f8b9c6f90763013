//! The OpenAPI document: what operations say of themselves, and what all have in common.

use std::collections::BTreeMap;

use axum::http::Method;
use hub_types::JUPYTERHUB_VERSION;
use hub_types::error::ErrorBody;
use hub_types::paths::BaseUrl;
use hub_types::scope::ScopeName;
use serde_json::{Map, Value, json};

use super::operation::{Access, Body, Operation, Parameter, Place, Served, Tag};
use super::schemas;
use crate::auth::cookies::login_cookie;
use crate::http::xsrf::XSRF_HEADER;

pub(super) const ABOUT: &str = "\
The REST API of this hub. It is JupyterHub's; what only this hub has is marked `x-extension`.

* **Credentials**: a token in the header `Authorization: token …` (or `Bearer …`), or the hub's login cookie. A request \
by cookie that is more than a read needs the value of the cookie `_xsrf` in the header `X-XSRFToken`, and a `POST` by \
cookie must say that it is JSON.
* **Permission**: an operation needs one of the scopes that it lists, for what its path names. Whoever holds none of \
them gets 403; whoever holds one for other things only gets 404, whether or not what was named exists.
* **Models** show as much as the caller may read; fields that the caller may not read are absent.
* **Errors** are JSON: `{\"status\": 404, \"message\": \"…\"}`. The message is for people and can be null.
* **ETag** and `If-None-Match` work on every GET that has an end.
* **Names** in paths are percent-encoded; a user's default server has an empty name.";

/// The document for these operations.
pub(super) fn build(base: &BaseUrl, operations: &[Served]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for served in operations {
        let methods = paths.entry(&served.path).or_default();
        methods.insert(served.method.as_str().to_lowercase(), operation(served));
    }
    let tags = Tag::ALL.iter().map(|tag| {
        let (name, description) = tag.words();
        json!({"name": name, "description": description})
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "JupyterHub REST API",
            "version": JUPYTERHUB_VERSION,
            "description": ABOUT,
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": base.api()}],
        "tags": tags.collect::<Vec<_>>(),
        "security": security(Access::Known, &Method::GET, false),
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": common_responses(),
            "securitySchemes": security_schemes(base),
        },
    })
}

fn operation(served: &Served) -> Value {
    let of = &served.operation;
    let mut text = of.text.clone();
    text.extend(empty_name(served));
    let mut object = json!({
        "operationId": served.id(),
        "tags": [of.tag.words().0],
        "summary": of.summary,
        "security": security(of.access, &served.method, of.by_body),
        "responses": responses(served),
    });
    if !text.is_empty() {
        object["description"] = json!(text.join("\n\n"));
    }
    let parameters = parameters(served);
    if !parameters.is_empty() {
        object["parameters"] = parameters.iter().map(parameter).collect();
    }
    if let Some(of) = &of.body {
        object["requestBody"] = body(of);
    }
    if of.deprecated {
        object["deprecated"] = json!(true);
    }
    if of.extension {
        object["x-extension"] = json!(true);
    }
    let scopes = of.access.scopes();
    if !scopes.is_empty() {
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        object["x-scopes-any-of"] = json!(names);
    }
    object
}

/// What an empty name at the end of a path means.
pub(super) fn empty_name(served: &Served) -> Option<&'static str> {
    let meaning = match served.operation.tag {
        Tag::Tokens => "There is no token of an empty id: 404.",
        _ => "This is the default server, by its empty name.",
    };
    served.by_empty_name().then_some(meaning)
}

/// Any one of these suffices; none is needed where the body says who asks.
fn security(access: Access, method: &Method, by_body: bool) -> Value {
    let mut ways = vec![json!({"token": []}), json!({"bearer": []})];
    match access {
        Access::Anybody => return json!([]),
        Access::Token => return json!(ways),
        // Whoever has not logged in yet is sent to the login.
        Access::Browser if *method == Method::GET => return json!([{"cookie": []}, {}]),
        Access::Browser => return json!([{"cookie": []}]),
        Access::Known => ways.push(json!({"oauth2": []})),
        Access::AnyOf(_) | Access::ByKind(_) => {
            let scopes = access.scopes().into_iter();
            ways.extend(scopes.map(|scope| json!({"oauth2": [scope.as_str()]})));
        }
    }
    ways.push(json!({"cookie": [], "xsrf": []}));
    if by_body {
        ways.push(json!({}));
    }
    json!(ways)
}

fn security_schemes(base: &BaseUrl) -> Value {
    let scopes: Map<String, Value> = ScopeName::ALL
        .iter()
        .map(|scope| (scope.as_str().to_owned(), json!(scope.description())))
        .collect();
    json!({
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: token …`, with an API token.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The same token as `Authorization: Bearer …`.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": login_cookie(false),
            "description": "The cookie of whoever has logged in to the hub's pages. Its name begins with `__Host-` \
                where `JupyterHub.cookie_host_prefix_enabled` is set.",
        },
        "xsrf": {
            "type": "apiKey",
            "in": "header",
            "name": XSRF_HEADER,
            "description": "The value of the cookie `_xsrf`, which goes with the login cookie. Not needed to read from \
                the hub's own pages.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "The login of servers and services: its access token is used like any other.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": format!("{}/oauth2/authorize", base.api()),
                    "tokenUrl": format!("{}/oauth2/token", base.api()),
                    "scopes": scopes,
                },
            },
        },
    })
}

/// All parameters of an operation, those of its path first.
pub(super) fn parameters(served: &Served) -> Vec<Parameter> {
    let of_path = served.path_parameters().map(|name| of_path(served, name));
    of_path
        .chain(served.operation.parameters.iter().cloned())
        .collect()
}

/// A parameter of the path, by its name.
fn of_path(served: &Served, name: &str) -> Parameter {
    let text = json!({"type": "string", "minLength": 1});
    let (name, says, schema) = match name {
        "user" => ("user", "Name of the user.", text),
        "server" => ("server", "Name of the server.", text),
        "owner" => ("owner", "Name of the user whose server it is.", text),
        "group" => ("group", "Name of the group.", text),
        "service" => ("service", "Name of the service.", text),
        "role" => ("role", "Name of the role.", text),
        "kind" => (
            "kind",
            "What gets the role.",
            json!({"type": "string", "enum": ["users", "groups", "services"]}),
        ),
        "holder" => ("holder", "Name of who gets the role.", text),
        "token" if served.operation.tag == Tag::Tokens => {
            ("token", "Id of the token: `a<integer>`.", text)
        }
        "token" => ("token", "The token.", text),
        "name" => ("name", "Name of the cookie.", text),
        "value" => ("value", "Value of the cookie.", text),
        _ => ("", "", text),
    };
    Parameter {
        name,
        place: Place::Path,
        text: says,
        schema,
        required: true,
    }
}

/// What an example puts in the place of a parameter of the path.
pub(super) fn example_of_path(name: &str) -> &'static str {
    match name {
        "user" | "owner" => "alice",
        "server" => "gpu",
        "group" => "lab",
        "service" => "whoami",
        "role" => "grader",
        "kind" => "users",
        "holder" => "bob",
        "token" => "a1",
        "name" => "jupyterhub-services",
        _ => "VALUE",
    }
}

fn parameter(of: &Parameter) -> Value {
    json!({
        "name": of.name,
        "in": of.place.as_str(),
        "required": of.required,
        "description": of.text,
        "schema": of.schema,
    })
}

fn body(of: &Body) -> Value {
    let content = json!({"schema": of.schema, "example": of.example});
    json!({"required": of.required, "content": {of.kind: content}})
}

/// Answers that many operations can get, with the names that they have among the components.
const COMMON: &[(u16, &str, &str)] = &[
    (
        304,
        "NotModified",
        "Nothing has changed since the answer with the entity tag of `If-None-Match`.",
    ),
    (
        400,
        "BadRequest",
        "The request is wrong; the message says what.",
    ),
    (
        403,
        "Forbidden",
        "No or bad credentials, or a scope is missing; the message names it.",
    ),
    (
        404,
        "NotFound",
        "What the path names does not exist, or is not for the caller.",
    ),
    (413, "TooLarge", "The body is larger than a mebibyte."),
    (
        500,
        "Mistake",
        "A mistake of the hub's; its log says more. Please report it.",
    ),
    (
        503,
        "Unavailable",
        "The database or the proxy does not answer: nothing was changed, unless the message says that this is not known; try again after `Retry-After` seconds.",
    ),
];

/// The statuses of [`COMMON`] that an operation can get, unless it says something of its own on one.
pub(super) fn common(served: &Served) -> Vec<u16> {
    let of = &served.operation;
    let known = of.access != Access::Anybody;
    let names_something = served.path_parameters().next().is_some();
    let possible = |status: u16| match status {
        304 => served.method == Method::GET && ends(of),
        400 => of.can_be_malformed(),
        413 => of.body.is_some(),
        403 | 503 => known,
        404 => known && names_something,
        _ => true,
    };
    let statuses = COMMON.iter().map(|(status, ..)| *status);
    statuses
        .filter(|status| possible(*status) && !of.answers.contains_key(status))
        .collect()
}

fn common_responses() -> Map<String, Value> {
    let error = json!({"application/json": {"schema": schemas::of::<ErrorBody>()}});
    let all = COMMON.iter().map(|(status, name, text)| {
        let mut response = json!({"description": text});
        if *status >= 400 {
            response["content"] = error.clone();
        }
        ((*name).to_owned(), response)
    });
    all.collect()
}

/// Whether the answer has an end: a stream of events has no entity tag.
fn ends(of: &Operation) -> bool {
    let ok = of.answers.get(&200);
    ok.is_some_and(|answer| {
        answer
            .content
            .as_ref()
            .is_none_or(|(kind, _)| *kind != EVENTS)
    })
}

/// The media type of Server-Sent Events.
pub(crate) const EVENTS: &str = "text/event-stream";

fn responses(served: &Served) -> Value {
    let own = served.operation.answers.iter().map(|(status, answer)| {
        let mut response = json!({"description": answer.text});
        if let Some((kind, schema)) = &answer.content {
            response["content"] = json!({*kind: {"schema": schema}});
        }
        if *status == 200 && served.method == Method::GET && ends(&served.operation) {
            response["headers"] = json!({"ETag": {
                "description": "For `If-None-Match`.",
                "schema": {"type": "string"},
            }});
        }
        (status.to_string(), response)
    });
    let common = common(served).into_iter().filter_map(|status| {
        let (_, name, _) = COMMON.iter().find(|(one, ..)| *one == status)?;
        let to = format!("#/components/responses/{name}");
        Some((status.to_string(), json!({"$ref": to})))
    });
    Value::Object(own.chain(common).collect())
}
