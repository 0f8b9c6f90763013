//! Stop, restart and end of a server, asked for by forms.

use std::time::Duration;

use axum::response::Response;

use super::super::context::{PageUser, found};
use super::super::error_page::PageError;
use super::super::spawn::{arrival, early};
use super::super::spawn_pending::not_running;
use crate::domain::action::{StartServer, StopServer};
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::freshness::{self, Deed};
use crate::spawner::manager::{
    Again, StartError, StartOutcome, StartRequest, StopOutcome, StopRequest,
};

/// How long a page waits for a stop before it says "stopping", unless `slow_stop_timeout` is shorter. Where a start follows
/// it waits for all of that.
const STOP_WAIT: Duration = Duration::from_secs(5);

fn slow_stop(user: &PageUser) -> Duration {
    user.state
        .config
        .jupyterhub
        .tornado_settings
        .slow_stop_timeout
}

async fn end(
    user: &PageUser,
    at: &ServerRef,
    request: StopRequest,
    wait: Duration,
) -> Result<StopOutcome, PageError> {
    let wait = wait.min(slow_stop(user));
    let granted = user.principal.require::<StopServer>(at.clone())?;
    freshness::before(&user.state, &user.principal, &at.user, Deed::Stop).await?;
    let stopped = user.state.manager.stop(granted, request, wait).await;
    stopped.map_err(|error| ApiError::from(error).into())
}

/// Stops a server, or cancels its start.
pub(in super::super) async fn stop(user: &PageUser, at: ServerRef) -> Result<(), PageError> {
    end(user, &at, StopRequest::default(), STOP_WAIT).await?;
    Ok(())
}

/// Stops a named server and forgets it.
pub(super) async fn delete(user: &PageUser, at: ServerRef) -> Result<Response, PageError> {
    let named = user.state.config.jupyterhub.named_servers();
    named.check_enabled().map_err(ApiError::from)?;
    let request = StopRequest {
        remove: true,
        ..StopRequest::default()
    };
    end(user, &at, request, STOP_WAIT).await?;
    Ok(found(&user.base().hub_path("home")))
}

/// Stops a server and starts it again, if nothing is known that forbids the start. A stop that takes long is shown as such;
/// the start is the visitor's then.
pub(in super::super) async fn restart(
    user: &PageUser,
    at: ServerRef,
    how: Again,
) -> Result<Response, PageError> {
    let (state, granted) = (
        &user.state,
        user.principal.require::<StartServer>(at.clone())?,
    );
    freshness::before(state, &user.principal, &at.user, Deed::Spawn).await?;
    let possible = state.manager.check_restart(&granted, how).await;
    possible.map_err(ApiError::from)?;
    let pending = user.base().spawn_pending(&at.user, &at.name);
    let stopped = end(user, &at, StopRequest::default(), slow_stop(user)).await?;
    if stopped == StopOutcome::Pending {
        return Ok(found(&pending));
    }
    if how == Again::Otherwise {
        return Ok(found(&user.base().spawn(&at.user, &at.name)));
    }
    let request = StartRequest::default();
    match state.manager.start(granted, request, early(state)).await {
        Ok(StartOutcome::Ready) => Ok(found(&arrival(user, &at))),
        Ok(StartOutcome::Pending) | Err(StartError::Refused { .. }) => Ok(found(&pending)),
        Err(StartError::Failed(failure)) => not_running(user, &at, Some(&failure)),
        Err(error) => Err(ApiError::from(error).into()),
    }
}
