//! `DELETE /users/:name`: stops all servers of a user, then forgets the user.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::find;
use crate::bus::Event;
use crate::db::{servers, users};
use crate::domain::action::DeleteUser;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::spawner::manager::{StopOutcome, StopRequest};
use crate::state::AppState;

/// How long the stop of each server is waited for.
const STOP_WAIT: Duration = Duration::from_secs(10);

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
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
    stop_servers(&state, &granted, &user).await?;
    forget(&state, granted, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn still_stopping(user: &User) -> ApiError {
    ApiError::bad_request(format!(
        "{}'s server is in the process of stopping, please wait.",
        user.name
    ))
}

async fn stop_servers(
    state: &AppState,
    _granted: &Granted<DeleteUser>,
    user: &User,
) -> Result<(), ApiError> {
    let all = servers::of_users(state.db.read(), &[user.id]).await?;
    let active = all
        .into_iter()
        .filter(|server| server.state != ServerState::Stopped);
    let stops = active.map(|server| {
        let permission = Granted::by_hub(
            server.at,
            "who may delete a user may stop the user's servers",
        );
        state
            .manager
            .stop(permission, StopRequest::default(), STOP_WAIT)
    });
    for outcome in futures_util::future::join_all(stops).await {
        if outcome? == StopOutcome::Pending {
            return Err(still_stopping(user));
        }
    }
    Ok(())
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
    tx.commit().await?;
    state.bus.tell(Event::Identities);
    Ok(())
}
