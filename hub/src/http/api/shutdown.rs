//! `POST /hub/api/shutdown`: ends the hub in order.

use std::sync::PoisonError;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
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
    let text = json!({ "message": "Shutting down Hub" });
    let answer = (
        StatusCode::ACCEPTED,
        [(header::CONTENT_TYPE, "application/json")],
        text.to_string(),
    );
    Ok(begin(&state, &granted, request, answer.into_response()))
}

/// Notes what to take along, and begins when the answer has been handed over.
pub(in crate::http::api) fn begin(
    state: &AppState,
    _granted: &Granted<Shutdown>,
    request: ShutdownRequest,
    answer: Response,
) -> Response {
    *state
        .shutdown_request
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = request;
    let end = state.shutdown.clone().drop_guard();
    answer.map(|body| {
        let last = stream::once(async move {
            drop(end);
            Ok(Bytes::new())
        });
        Body::from_stream(body.into_data_stream().chain(last))
    })
}
