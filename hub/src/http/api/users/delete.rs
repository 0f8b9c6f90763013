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
use crate::domain::server::{Server, ServerId};
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
    let stopped = stop_servers(&state, &granted, &user, since).await?;
    let servers = forget(&state, granted, &user, (since, &stopped)).await?;
    // Also when the caller goes away: nobody asks a second time.
    let done = tokio::spawn(async move {
        for server in servers {
            let (at, owner) = (&server.at, server.user_id);
            state.manager.delete_forever(at, owner).await;
        }
        state.authenticator.delete_user(&user.name).await;
    });
    let _ = done.await;
    Ok(StatusCode::NO_CONTENT)
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

/// Stops what runs, on the same condition; says what was stopped.
async fn stop_servers(
    state: &AppState,
    _granted: &Granted<DeleteUser>,
    user: &User,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<ServerId>, ApiError> {
    let all = servers::of_users(state.db.read(), &[user.id]).await?;
    let active: Vec<Server> = all
        .into_iter()
        .filter(|server| server.state != ServerState::Stopped)
        .collect();
    let stopped = active.iter().map(|server| server.id).collect();
    let request = StopRequest {
        remove: false,
        unless_active_since: since,
    };
    let stops = active.into_iter().map(|server| {
        let permission = Granted::by_hub(
            server.at,
            "who may delete a user may stop the user's servers",
        );
        state.manager.stop(permission, request.clone(), STOP_WAIT)
    });
    for outcome in futures_util::future::join_all(stops).await {
        if outcome? == StopOutcome::Pending {
            return Err(still_stopping(user));
        }
    }
    Ok(stopped)
}

/// Deletes the row, unless a server was started, or the user seen, meanwhile. That a server was `stopped` here counts as
/// activity of its user, but not as a reason to keep them. Returns the servers that are gone with it.
async fn forget(
    state: &AppState,
    _granted: Granted<DeleteUser>,
    user: &User,
    (since, stopped): (Option<DateTime<Utc>>, &[ServerId]),
) -> Result<Vec<Server>, ApiError> {
    let tx = state.db.write().await?;
    let servers = servers::of_users(&*tx, &[user.id]).await?;
    if servers
        .iter()
        .any(|server| server.state != ServerState::Stopped)
    {
        return Err(still_stopping(user));
    }
    let own_stops = servers
        .iter()
        .filter(|server| stopped.contains(&server.id))
        .filter_map(|server| server.last_activity);
    if let Some(now_known) = users::get(&*tx, user.id).await? {
        refuse_if_used(
            state,
            &now_known,
            since.map(|since| own_stops.fold(since, Ord::max)),
        )?;
    }
    users::delete(&tx, user.id).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    Ok(servers)
}
