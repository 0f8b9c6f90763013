//! `POST /hub/api/shutdown`: ends the hub in order.

use std::sync::PoisonError;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::body::{object, python};
use crate::domain::action::{Hub, Shutdown};
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::{AppState, ShutdownRequest};

pub(super) async fn shutdown(
    State(state): State<AppState>,
    Auth(caller): Auth,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let granted = caller.require::<Shutdown>(Hub)?;
    let fields = object(body.read()?, "Body must be a JSON object")?.unwrap_or_default();
    let flag = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(ApiError::bad_request(format!(
            "{name} must be true or false, got {}",
            python(other)
        ))),
    };
    let request = ShutdownRequest {
        proxy: flag("proxy")?,
        servers: flag("servers")?,
    };
    Ok(begin(&state, &granted, request))
}

/// Notes what to take along, and begins when the answer has been handed over.
fn begin(state: &AppState, _granted: &Granted<Shutdown>, request: ShutdownRequest) -> Response {
    *state
        .shutdown_request
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = request;
    let end = state.shutdown.clone().drop_guard();
    let Json(text) = Json(json!({ "message": "Shutting down Hub" }));
    let body = stream::once(async move {
        let _end = end;
        Ok::<_, std::convert::Infallible>(text.to_string())
    });
    (
        StatusCode::ACCEPTED,
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(body),
    )
        .into_response()
}
