//! `DELETE /users/:name`: stops all servers of a user, then forgets the user. With `X-JupyterHub-If-Inactive-Since` only
//! if neither the user nor a running server was active after that time, else 412.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use super::find;
use crate::bus::Event;
use crate::db::{servers, users};
use crate::domain::action::DeleteUser;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::ServerId;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, UserPath};
use crate::spawner::manager::{StopOutcome, StopRequest};
use crate::state::AppState;

/// How long the stop of each server is waited for.
const STOP_WAIT: Duration = Duration::from_secs(10);

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    IfInactiveSince(since): IfInactiveSince,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<DeleteUser>(name.as_str().to_owned())?;
    let user = find(&state, &name).await?;
    if caller.owner.user().is_some_and(|own| own.id == user.id) {
        return Err(ApiError::bad_request("Cannot delete yourself!"));
    }
    // Administrators of the configuration always exist; were one deleted, whoever took the name next would become one.
    if user.admin && !caller.owner.admin() {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "Only admins can delete other admins",
        ));
    }
    refuse_if_used(&state, &user, since)?;
    // To the end also when the caller goes away: nobody asks a second time.
    let all = tokio::spawn(async move { whole(&state, granted, &user, since).await });
    all.await.unwrap_or_else(|error| {
        Err(ApiError::internal(format!(
            "the deletion of a user ended half-way: {error}"
        )))
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// The name is free for others only when nothing is left of the servers that went by it. Source: JupyterHub's order.
async fn whole(
    state: &AppState,
    granted: Granted<DeleteUser>,
    user: &User,
    since: Option<DateTime<Utc>>,
) -> Result<(), ApiError> {
    let stopped = end_servers(state, &granted, user, stop_if(since)).await?;
    let user = &still_unused(state, user, (since, &stopped)).await?;
    end_servers(state, &granted, user, with_owner()).await?;
    forget(state, granted, user).await?;
    state.authenticator.delete_user(&user.name).await;
    Ok(())
}

fn stop_if(unless_active_since: Option<DateTime<Utc>>) -> StopRequest {
    StopRequest {
        unless_active_since,
        ..StopRequest::default()
    }
}

fn with_owner() -> StopRequest {
    StopRequest {
        remove: true,
        owner_goes: true,
        ..StopRequest::default()
    }
}

fn still_stopping(user: &User) -> ApiError {
    ApiError::bad_request(format!(
        "{}'s server is in the process of stopping, please wait.",
        user.name
    ))
}

/// What this hub has noted and not yet written counts as well.
fn refuse_if_used(
    state: &AppState,
    user: &User,
    since: Option<DateTime<Utc>>,
) -> Result<(), ApiError> {
    let last = state.identities.last_activity(user.id, user.last_activity);
    match since {
        Some(since) if last.is_some_and(|last| last > since) => Err(ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            format!("{} was active in the meantime", user.name),
        )),
        _ => Ok(()),
    }
}

/// Stops what runs, or removes all; says which servers those were.
async fn end_servers(
    state: &AppState,
    _granted: &Granted<DeleteUser>,
    user: &User,
    request: StopRequest,
) -> Result<Vec<ServerId>, ApiError> {
    let mut servers = servers::of_users(state.db.read(), &[user.id]).await?;
    servers.retain(|server| request.remove || server.state != ServerState::Stopped);
    let ended = servers.iter().map(|server| server.id).collect();
    let ends = servers.into_iter().map(|server| {
        let permission = Granted::by_hub(
            server.at,
            "who may delete a user may end the user's servers",
        );
        state.manager.stop(permission, request.clone(), STOP_WAIT)
    });
    for outcome in futures_util::future::join_all(ends).await {
        if outcome? == StopOutcome::Pending {
            return Err(still_stopping(user));
        }
    }
    Ok(ended)
}

/// The last look before something is lost. That a server was `stopped` here counts as activity of its user, but not as a
/// reason to keep them.
async fn still_unused(
    state: &AppState,
    user: &User,
    (since, stopped): (Option<DateTime<Utc>>, &[ServerId]),
) -> Result<User, ApiError> {
    let servers = servers::of_users(state.db.read(), &[user.id]).await?;
    let own_stops = servers
        .iter()
        .filter(|server| stopped.contains(&server.id))
        .filter_map(|server| server.last_activity);
    let known = users::get(state.db.read(), user.id).await?;
    let known = known.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))?;
    let since = since.map(|since| own_stops.fold(since, Ord::max));
    refuse_if_used(state, &known, since)?;
    Ok(known)
}

/// Deletes the row, unless a server was started meanwhile.
async fn forget(
    state: &AppState,
    _granted: Granted<DeleteUser>,
    user: &User,
) -> Result<(), ApiError> {
    let tx = state.db.write().await?;
    let servers = servers::of_users(&*tx, &[user.id]).await?;
    if servers
        .iter()
        .any(|server| server.state != ServerState::Stopped)
    {
        return Err(still_stopping(user));
    }
    users::delete(&tx, user.id).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    Ok(())
}
