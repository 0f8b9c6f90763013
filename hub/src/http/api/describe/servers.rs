//! Users' servers.

use hub_types::progress::ProgressEvent;
use hub_types::server::{ServerModel, StopNotice};
use serde_json::{Value, json};

use super::users::if_inactive_since;
use super::{at_least, exactly, nothing, or_nothing};
use crate::domain::action::{ReadServer, StartServer, StopServer};
use crate::http::openapi::document::EVENTS;
use crate::http::openapi::{Body, Operation, Tag, schemas};

/// What a server is called and started with.
fn options() -> Body {
    let fields = json!({
        "display_name": {"type": "string", "maxLength": 255, "description": "What people call it."},
        "user_options": {"type": ["object", "null"], "description": "What the spawner is told."},
    });
    let mut schema = at_least(fields, &[]);
    schema["description"] = json!(
        "An object with neither of the fields is itself the options, as in JupyterHub before 6.0."
    );
    let example = json!({"display_name": "GPU", "user_options": {"profile": "gpu"}});
    Body::optional(or_nothing(schema), example)
}

pub(in crate::http::api) fn get() -> Operation {
    Operation::needs::<ReadServer>(Tag::Servers, "Get a server")
        .model::<ServerModel>(200, "The server, stopped or not.")
}

pub(in crate::http::api) fn create() -> Operation {
    Operation::needs::<StartServer>(Tag::Servers, "Create a named server without starting it")
        .body(options())
        .model::<ServerModel>(201, "The new server.")
        .error(409, "The user has a server of this name already.")
}

pub(in crate::http::api) fn start() -> Operation {
    Operation::needs::<StartServer>(Tag::Servers, "Start a server")
        .text("A named server that does not exist is created.")
        .body(options())
        .empty(201, "It is ready.")
        .empty(202, "It is still starting; see its progress.")
        .error(
            429,
            "Too many servers are starting or running; try again after `Retry-After` seconds.",
        )
        .error(500, "The start failed; the message says why.")
}

pub(in crate::http::api) fn stop() -> Operation {
    let remove = json!({"remove": {
        "description": "Forget a named server altogether; by whatever Python takes for true.",
    }});
    Operation::needs::<StopServer>(Tag::Servers, "Stop a server")
        .text("One that is starting is stopped too.")
        .parameter(if_inactive_since())
        .body(Body::optional(
            or_nothing(at_least(remove, &[])),
            json!({"remove": true}),
        ))
        .empty(204, "It does not run.")
        .empty(202, "It is still stopping.")
        .error(412, "It was used after the time of the header.")
}

pub(in crate::http::api) fn announce() -> Operation {
    let schema = at_least(
        json!({
            "stop_at": {"type": "string", "format": "date-time", "description": "From when on it will be stopped."},
            "reason": {"type": "string", "maxLength": 255, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$", "description": "Why, in one line for whoever uses it."},
        }),
        &["stop_at"],
    );
    let example =
        json!({"stop_at": "2026-11-22T03:30:07Z", "reason": "inactive for 55 min (limit 60 min)"});
    Operation::needs::<StopServer>(Tag::Servers, "Announce that a server will be stopped")
        .text("Ours. Its model shows a `stop_notice` until it is stopped; with the header, also only until it is used.")
        .parameter(if_inactive_since())
        .body(Body::json(schema, example))
        .model::<StopNotice>(200, "The announcement.")
        .error(412, "It was used after the time of the header.")
}

pub(in crate::http::api) fn update() -> Operation {
    let mut schema: Value = exactly(
        json!({
            "name": {"type": ["string", "null"], "description": "Its new name."},
            "display_name": {
                "description": "What people call it; what stands for nothing is left as it is.",
                "anyOf": [{"type": "string"}, {"enum": nothing()}, {"type": "object", "maxProperties": 0}],
            },
            "user_options": {"type": "object", "description": "What the spawner is told at the next start."},
        }),
        &[],
    );
    schema["minProperties"] = json!(1);
    Operation::needs::<StartServer>(Tag::Servers, "Rename a server, or change its options")
        .text("The server must be stopped.")
        .body(Body::json(schema, json!({"display_name": "GPU (large)"})))
        .model::<ServerModel>(200, "The server after the change.")
        .error(409, "The user has a server of that name already, or the server was changed by somebody else meanwhile.")
}

pub(in crate::http::api) fn progress() -> Operation {
    // What a reader of the stream sees of each event.
    let event = json!({
        "type": "object",
        "required": ["data"],
        "properties": {"data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": schemas::of::<ProgressEvent>(),
        }},
    });
    Operation::needs::<ReadServer>(Tag::Servers, "Follow the progress of a start")
        .text("Server-Sent Events. The data of each is a `ProgressEvent`; the last one has `ready` or `failed`.")
        .with(200, "The events, as they happen.", EVENTS, event)
        .error(400, "The server is not starting, and its last start did not fail.")
        .error(429, "A hundred listen already; `Retry-After` says when to try again.")
}
