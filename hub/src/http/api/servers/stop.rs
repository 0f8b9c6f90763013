//! `DELETE /users/:name/server[s/:server]`: stops a server, or cancels its start; with `{"remove": true}` a named server
//! is forgotten too. 204 when it is gone within the slow-stop time, else 202.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use hub_types::server::Pending;

use super::super::body::{is_nothing, object};
use super::super::users::find;
use super::empty;
use crate::db::servers;
use crate::domain::action::StopServer;
use crate::domain::principal::Principal;
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, JsonBody, ServerPath};
use crate::http::freshness::{self, Deed};
use crate::spawner::manager::{StopOutcome, StopRequest};
use crate::state::AppState;

pub(in crate::http::api) async fn stop(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    IfInactiveSince(since): IfInactiveSince,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let wait = state.config.jupyterhub.tornado_settings.slow_stop_timeout;
    let status = within(&state, &caller, at, (since, body), wait).await?;
    Ok(empty(status))
}

/// The same for a caller who waits as long as it says.
pub(in crate::http::api) async fn within(
    state: &AppState,
    caller: &Principal,
    at: ServerRef,
    (since, body): (Option<DateTime<Utc>>, JsonBody),
    wait: Duration,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<StopServer>(at.clone())?;
    find(state, &at.user).await?;
    let fields = object(body.read()?, "Body must be a JSON object")?.unwrap_or_default();
    let remove = fields.get("remove").is_some_and(|value| !is_nothing(value));
    if !at.name.is_default() {
        state.config.jupyterhub.named_servers().check_enabled()?;
    }
    let request = StopRequest {
        remove,
        unless_active_since: since,
        ..StopRequest::default()
    };
    let known = servers::find(state.db.read(), &at).await?;
    if !remove && known.is_some_and(|server| server.state.pending() == Some(Pending::Stop)) {
        return Ok(StatusCode::ACCEPTED);
    }
    freshness::before(state, caller, &at.user, Deed::Stop).await?;
    match state.manager.stop(granted, request, wait).await? {
        StopOutcome::Stopped => Ok(StatusCode::NO_CONTENT),
        StopOutcome::Pending => Ok(StatusCode::ACCEPTED),
    }
}
