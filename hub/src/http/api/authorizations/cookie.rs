//! `GET /authorizations/cookie/:name[/:value]`: the value may also be the body.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use hub_types::scope::{ScopeName, Target};
use serde_json::Value;

use super::{caller, found};
use crate::auth::cookies::{SERVICES_COOKIE, login_cookie};
use crate::domain::principal::{Owner, Principal};
use crate::http::error::ApiError;
use crate::http::extract::login_life;
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

/// A cookie is good only under the name that it was signed for, and a service's only for that service.
async fn look_up(
    state: &AppState,
    headers: &HeaderMap,
    name: &str,
    value: &str,
) -> Result<Json<Value>, ApiError> {
    let caller = caller(state, headers).await?;
    let owner = match name {
        SERVICES_COOKIE => by_service_cookie(state, &caller, value).await?,
        _ if name == login_cookie(state.config.jupyterhub.cookie_host_prefix_enabled) => {
            by_login_cookie(state, value).await?
        }
        _ => None,
    };
    let owner = owner.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))?;
    Ok(Json(found(state, &caller, &owner).await?))
}

async fn by_login_cookie(state: &AppState, value: &str) -> Result<Option<Principal>, ApiError> {
    let now = state.clock.now();
    match state.cookies.read_login(value, login_life(state), now) {
        Some(secret) => Ok(state.identities.by_session(secret).await?),
        None => Ok(None),
    }
}

/// Whose session a service's own cookie belongs to, if that user may enter the service: the cookie is no way around
/// the scope that OAuth asks for.
async fn by_service_cookie(
    state: &AppState,
    caller: &Principal,
    value: &str,
) -> Result<Option<Principal>, ApiError> {
    let Owner::Service { name, .. } = &caller.owner else {
        return Ok(None);
    };
    if !state.managed.with_cookies().contains(name) {
        return Ok(None);
    }
    let now = state.clock.now();
    let session = state
        .cookies
        .read_service(name, value, login_life(state), now);
    let Some(session) = session else {
        return Ok(None);
    };
    let owner = state.identities.by_session_id(&session).await?;
    Ok(owner.filter(|owner| owner.may(&ScopeName::AccessServices, Target::Service(name.as_str()))))
}
