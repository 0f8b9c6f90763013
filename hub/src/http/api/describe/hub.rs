//! The hub itself, who is asking, the proxy.

use axum::http::Method;
use serde_json::json;

use super::{at_least, or_nothing, text};
use crate::domain::action::{ManageProxy, ReadHub, ReadMetrics, Shutdown};
use crate::http::openapi::operation::{Access, Parameter};
use crate::http::openapi::schemas::{self, IDENTITY};
use crate::http::openapi::{Body, Operation, Tag};

pub(in crate::http::api) fn version() -> Operation {
    let schema = json!({
        "type": "object",
        "required": ["version"],
        "properties": {"version": {"type": "string", "description": "The JupyterHub release whose API this is."}},
    });
    Operation::new(Tag::Hub, "Get the version")
        .access(Access::Anybody)
        .text("Single-user servers and clients ask this before they have credentials.")
        .json(200, "The version.", schema)
}

pub(in crate::http::api) fn info() -> Operation {
    let part = || {
        json!({
            "type": "object",
            "required": ["class", "version"],
            "properties": {"class": text(), "version": text()},
        })
    };
    let schema = json!({
        "type": "object",
        "required": ["version", "python", "sys_executable", "spawner", "authenticator"],
        "properties": {
            "version": {"type": "string", "description": "The JupyterHub release whose API this is."},
            "python": {"type": "string", "description": "Says that there is no Python, and which hub this is."},
            "sys_executable": {"type": "string", "description": "The hub's own program."},
            "spawner": part(),
            "authenticator": part(),
        },
    });
    Operation::needs::<ReadHub>(Tag::Hub, "Get what the hub is made of").json(
        200,
        "Version, program, authenticator and spawner.",
        schema,
    )
}

pub(in crate::http::api) fn health() -> Operation {
    Operation::new(Tag::Hub, "Is the hub there?")
        .access(Access::Anybody)
        .text(
            "Also outside of the API, as `/hub/health`. With `ready`: can it do its work, that is, does its database answer, and \
             does the proxy have its routes?",
        )
        .parameter(Parameter::query(
            "ready",
            text(),
            "Ask for more than that, with any value or none. Ours.",
        ))
        .empty(200, "It is.")
        .error(503, "Not ready: stopping, without its database, or without its routes.")
        .extension()
}

pub(in crate::http::api) fn shutdown() -> Operation {
    let schema = at_least(
        json!({
            "proxy": {"type": "boolean", "description": "Stop the proxy too. Default: `JupyterHub.cleanup_proxy`."},
            "servers": {"type": "boolean", "description": "Stop users' servers too. Default: `JupyterHub.cleanup_servers`."},
        }),
        &[],
    );
    let message =
        json!({"type": "object", "required": ["message"], "properties": {"message": text()}});
    Operation::needs::<Shutdown>(Tag::Hub, "Shut the hub down")
        .body(Body::optional(
            or_nothing(schema),
            json!({"proxy": true, "servers": true}),
        ))
        .json(202, "It ends when this answer has been sent.", message)
}

pub(in crate::http::api) fn document() -> Operation {
    Operation::new(Tag::Hub, "Get this description")
        .access(Access::Anybody)
        .json(200, "An OpenAPI 3.1 document.", json!({"type": "object"}))
        .extension()
}

/// `GET /metrics`, which the pages serve.
fn metrics() -> Operation {
    let page = || json!({"type": "string"});
    Operation::needs::<ReadMetrics>(Tag::Hub, "Get metrics for Prometheus")
        .text("Without permission where `JupyterHub.authenticate_prometheus` is off. Also `/hub/metrics`.")
        .with(
            200,
            "Numbers in Prometheus' text format.",
            "text/plain",
            page(),
        )
        .with(403, "Not without permission.", "text/html", page())
        .with(503, "The database does not answer.", "text/html", page())
}

/// What is served under the API's prefix and not by the API.
pub(in crate::http::api) fn elsewhere() -> [(Method, Operation); 1] {
    [(Method::GET, metrics())]
}

pub(in crate::http::api) fn current_user() -> Operation {
    Operation::new(Tag::Hub, "Who am I?")
        .text("The call with which servers and services find out whose token they were given.")
        .parameter(super::users::include_stopped())
        .json(
            200,
            "The user or service that the credential belongs to, and what it may do.",
            schemas::named(IDENTITY),
        )
}

pub(in crate::http::api) fn routes() -> Operation {
    let items = schemas::map_of::<hub_types::route::RouteModel>();
    Operation::needs::<ManageProxy>(Tag::Proxy, "Get the proxy's routes")
        .page_or("The routes of this hub by routespec.", items)
}

pub(in crate::http::api) fn check_routes() -> Operation {
    Operation::needs::<ManageProxy>(Tag::Proxy, "Check the proxy's routes")
        .text("Compares them with what they should be, and mends what differs.")
        .empty(200, "They are as they should be.")
}

pub(in crate::http::api) fn relocate_proxy() -> Operation {
    let schema = at_least(
        json!({
            "api_url": {"type": "string", "format": "uri", "description": "Where the new proxy's API is."},
            "auth_token": {"type": "string", "minLength": 1, "description": "Its token."},
        }),
        &[],
    );
    let example = json!({"api_url": "http://127.0.0.1:8001", "auth_token": "SECRET"});
    Operation::needs::<ManageProxy>(Tag::Proxy, "Tell of another proxy")
        .text("From now on, and until the next start, the hub drives that one.")
        .body(Body::json(schema, example))
        .empty(200, "It has all routes.")
}
