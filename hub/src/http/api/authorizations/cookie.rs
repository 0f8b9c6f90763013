//! `GET /authorizations/cookie/:name[/:value]`: the value may also be the body.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::TimeDelta;
use serde_json::Value;

use super::{caller, found};
use crate::auth::cookies::LOGIN_COOKIE;
use crate::http::error::ApiError;
use crate::state::AppState;

pub(in crate::http::api) async fn in_path(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path((name, value)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    look_up(&state, &headers, &name, &value).await
}

pub(in crate::http::api) async fn in_body(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    look_up(
        &state,
        &headers,
        &name,
        std::str::from_utf8(&body).unwrap_or_default(),
    )
    .await
}

/// A cookie is good only under the name that it was signed for.
async fn look_up(
    state: &AppState,
    headers: &HeaderMap,
    name: &str,
    value: &str,
) -> Result<Json<Value>, ApiError> {
    let caller = caller(state, headers).await?;
    let not_found = || ApiError::silent(StatusCode::NOT_FOUND);
    if name != LOGIN_COOKIE {
        return Err(not_found());
    }
    let max_age =
        TimeDelta::from_std(state.config.jupyterhub.cookie_max_age).unwrap_or(TimeDelta::days(14));
    let secret = state
        .cookies
        .read_login(value, max_age, state.clock.now())
        .ok_or_else(not_found)?;
    let owner = state
        .identities
        .by_session(secret)
        .await?
        .ok_or_else(not_found)?;
    Ok(Json(found(state, &caller, &owner).await?))
}
