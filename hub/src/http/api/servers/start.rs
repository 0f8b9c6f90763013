//! `POST /users/:name/server[s/:server]`: starts a server, which is made if it is missing. 201 when it is ready within
//! the slow-spawn time, else 202.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::users::find;
use super::{
    ServerBody, check_characters, check_display_name, check_new_name, default_display_name, empty,
};
use crate::db::servers;
use crate::domain::action::StartServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Principal;
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::http::freshness::{self, Deed};
use crate::spawner::manager::{StartError, StartOutcome, StartRequest};
use crate::state::AppState;

pub(in crate::http::api) async fn start(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let wait = state.config.jupyterhub.tornado_settings.slow_spawn_timeout;
    Ok(empty(within(&state, &caller, at, body, wait).await?))
}

/// The same for a caller who waits as long as it says.
pub(in crate::http::api) async fn within(
    state: &AppState,
    caller: &Principal,
    at: ServerRef,
    body: JsonBody,
    wait: Duration,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<StartServer>(at.clone())?;
    find(state, &at.user).await?;
    let body = ServerBody::read(body.read()?)?;
    if !at.name.is_default() {
        state.config.jupyterhub.named_servers().check_enabled()?;
    }
    let known = servers::find(state.db.read(), &at).await?;
    let display_name = match (&known, body.display_name) {
        (None, None) if at.name.is_default() => None,
        (None, given) => Some(given.unwrap_or_else(|| default_display_name(&at))),
        (Some(_), given) => given,
    };
    match (&known, &display_name) {
        (Some(_), Some(name)) => check_characters(name)?,
        (Some(_), None) => {}
        (None, name) => {
            check_new_name(&at.name)?;
            name.as_deref().map(check_display_name).transpose()?;
        }
    }
    if known.is_some_and(|server| server.state == ServerState::Spawning) {
        return Ok(StatusCode::ACCEPTED);
    }
    freshness::before(state, caller, &at.user, Deed::Spawn).await?;
    let request = StartRequest {
        user_options: body.user_options,
        display_name,
    };
    match state.manager.start(granted, request, wait).await {
        Ok(StartOutcome::Ready) => Ok(StatusCode::CREATED),
        Ok(StartOutcome::Pending) => Ok(StatusCode::ACCEPTED),
        Err(StartError::Failed(failure)) if caller.may_read_output(&at) => {
            let output = failure.output.clone();
            Err(ApiError::from(StartError::Failed(failure)).with_output(output))
        }
        Err(error) => Err(error.into()),
    }
}
