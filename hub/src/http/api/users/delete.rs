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
use crate::domain::server::Server;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, UserPath};
use crate::spawner::manager::{FAREWELL, StopError, StopOutcome, StopRequest};
use crate::state::AppState;

/// How often servers are removed before it is given up: somebody may start others meanwhile, and again.
const ROUNDS: usize = 3;

/// What becomes of the servers. Nothing is lost with the first, and nothing comes back after the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What runs is stopped.
    Stop,
    /// All that is kept of them goes.
    Remove,
}

impl Stage {
    fn concerns(self, server: &Server) -> bool {
        self == Self::Remove || server.state != ServerState::Stopped
    }

    fn request(self, unless_active_since: Option<DateTime<Utc>>) -> StopRequest {
        StopRequest {
            remove: self == Self::Remove,
            owner_goes: true,
            unless_active_since,
        }
    }

    /// How long each server is waited for. One that is removed may have been started meanwhile: then it stops first.
    fn wait(self, slow_stop: Duration) -> Duration {
        match self {
            Self::Stop => slow_stop,
            Self::Remove => slow_stop + FAREWELL,
        }
    }

    /// What is said when a server took longer.
    fn unfinished(self, user: &User) -> ApiError {
        let name = &user.name;
        ApiError::bad_request(match self {
            Self::Stop => {
                format!("{name}'s server is in the process of stopping, please wait.")
            }
            Self::Remove => format!(
                "{name} is not deleted yet: what is left of the servers is still being removed. Please try again in a minute."
            ),
        })
    }
}

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
    end_servers(state, &granted, user, (Stage::Stop, since)).await?;
    for _ in 0..ROUNDS {
        // The last look before something is lost. Our own stops are no activity of the user.
        let user = &still_there(users::get(state.db.read(), user.id).await?)?;
        refuse_if_used(state, user, since)?;
        let removed = end_servers(state, &granted, user, (Stage::Remove, since)).await?;
        // Who comes back when something is lost already, and starts nothing, cannot be helped any more.
        let unused = since.filter(|_| removed == 0);
        if forget(state, &granted, user, unused).await? {
            state.authenticator.delete_user(&user.name).await;
            return Ok(());
        }
    }
    Err(ApiError::bad_request(format!(
        "{} is not deleted: whenever all servers were removed, another one had been started. Please try again.",
        user.name
    )))
}

fn still_there(found: Option<User>) -> Result<User, ApiError> {
    found.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))
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

/// Stops what runs, or removes all; says how many servers those were.
async fn end_servers(
    state: &AppState,
    _granted: &Granted<DeleteUser>,
    user: &User,
    (stage, since): (Stage, Option<DateTime<Utc>>),
) -> Result<usize, ApiError> {
    let mut servers = servers::of_users(state.db.read(), &[user.id]).await?;
    servers.retain(|server| stage.concerns(server));
    let wait = stage.wait(state.config.jupyterhub.tornado_settings.slow_stop_timeout);
    let ends = servers.into_iter().map(|server| {
        let permission = Granted::by_hub(
            server.at,
            "who may delete a user may end the user's servers",
        );
        let request = stage.request(since);
        state.manager.stop(permission, request, wait)
    });
    let outcomes = futures_util::future::join_all(ends).await;
    let ended = outcomes.len();
    for outcome in outcomes {
        match outcome {
            Ok(StopOutcome::Pending) => return Err(stage.unfinished(user)),
            // Somebody else has removed it since the list was read.
            Ok(StopOutcome::Stopped) | Err(StopError::NoSuchServer { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ended)
}

/// Deletes the row, unless there is a server again: nobody has removed what is kept of that one. Says whether it did.
async fn forget(
    state: &AppState,
    _granted: &Granted<DeleteUser>,
    user: &User,
    since: Option<DateTime<Utc>>,
) -> Result<bool, ApiError> {
    let tx = state.db.write().await?;
    if !servers::of_users(&*tx, &[user.id]).await?.is_empty() {
        return Ok(false);
    }
    let user = still_there(users::get(&*tx, user.id).await?)?;
    refuse_if_used(state, &user, since)?;
    users::delete(&tx, user.id).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    Ok(true)
}
