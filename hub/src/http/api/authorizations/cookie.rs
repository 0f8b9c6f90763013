//! `GET /authorizations/cookie/:name[/:value]`: the value may also be the body.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use hub_types::scope::{ScopeName, Target};
use serde_json::{Value, json};

use super::super::users::{find, user_models};
use super::{caller, found};
use crate::auth::cookies::{SERVICES_COOKIE, login_cookie};
use crate::domain::principal::{Owner, Principal};
use crate::http::error::ApiError;
use crate::http::extract::{RawBody, login_life};
use crate::state::AppState;

pub(in crate::http::api) async fn in_path(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path((name, value)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let caller = caller(&state, &headers).await?;
    look_up(&state, &caller, &name, &value).await
}

pub(in crate::http::api) async fn in_body(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: RawBody,
) -> Result<Json<Value>, ApiError> {
    let caller = caller(&state, &headers).await?;
    let value = body.read()?;
    let value = std::str::from_utf8(&value).unwrap_or_default();
    look_up(&state, &caller, &name, value).await
}

/// A cookie is good only under the name that it was signed for, and a service's only for that service.
async fn look_up(
    state: &AppState,
    caller: &Principal,
    name: &str,
    value: &str,
) -> Result<Json<Value>, ApiError> {
    let nobody = || ApiError::silent(StatusCode::NOT_FOUND);
    if name == SERVICES_COOKIE {
        let owner = by_service_cookie(state, caller, value).await?;
        let owner = owner.ok_or_else(nobody)?;
        return Ok(Json(found(state, caller, &owner).await?));
    }
    let login = login_cookie(state.config.jupyterhub.cookie_host_prefix_enabled);
    let owner = match name == login {
        true => by_login_cookie(state, value).await?,
        false => None,
    };
    let owner = owner.ok_or_else(nobody)?;
    let user = find(state, &owner.owner.user().ok_or_else(nobody)?.name).await?;
    // No more than the caller may see of that user anyway: of a browser's login services need to know nothing.
    match user_models(state, caller, &[user], false).await?.pop() {
        Some(model) => Ok(Json(
            serde_json::to_value(model).map_err(ApiError::internal)?,
        )),
        None => Ok(Json(json!({}))),
    }
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
