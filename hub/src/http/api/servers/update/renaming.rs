//! Giving a stopped server another name. What its spawner keeps of it is moved first, while no transaction is open: whatever
//! comes of that, it ends up under the name that is in the database.

use std::time::Duration;

use axum::http::StatusCode;
use hub_types::names::ServerName;
use tokio::time::{sleep, timeout};

use super::{meanwhile, quoted, stopped, write};
use crate::bus::Event;
use crate::db::{DbError, ServerChange, Tx, servers};
use crate::domain::server::{Server, ServerId, ServerRef};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::spawner::SpawnError;
use crate::spawner::manager::Renaming;
use crate::state::AppState;

/// How often, and after what pause each time, a database that does not answer is asked for the name that a server has.
const TRIES: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);
/// How long whoever asked waits for that; it goes on without them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Renames a server, and changes it by `step`.
pub(super) async fn rename(
    state: &AppState,
    user: &User,
    at: &ServerRef,
    name: ServerName,
    step: ServerChange,
) -> Result<Server, ApiError> {
    let new = ServerRef::new(at.user.clone(), name);
    let (server, mut renaming) = reserve(state, user, at, &new).await?;
    let moved = renaming.go().await;
    moved.map_err(|error| refused(at, error))?;
    let error = match write_down(state, &server, &new, step).await {
        Ok(server) => return Ok(server),
        Err(error) => error,
    };
    let settled = tokio::spawn(settle(state.clone(), server.id, renaming));
    match timeout(PATIENCE, settled).await {
        Ok(Ok(Some(server))) => Ok(server),
        _ => Err(error),
    }
}

/// Takes both names, if the server may have the new one.
async fn reserve(
    state: &AppState,
    user: &User,
    at: &ServerRef,
    new: &ServerRef,
) -> Result<(Server, Renaming), ApiError> {
    let tx = state.manager.write_about(&[at, new]).await?;
    let server = stopped(&tx, user, at).await?;
    check(state, &tx, &server, new).await?;
    let renaming = state.manager.renaming(&server, new);
    // The default server may have got its row.
    tx.commit().await?;
    Ok((server, renaming))
}

/// Whether the server may have the name, and no other of the same user has it.
async fn check(
    state: &AppState,
    tx: &Tx,
    server: &Server,
    new: &ServerRef,
) -> Result<(), ApiError> {
    let at = &server.at;
    if new.name.is_default() || servers::find(&**tx, new).await?.is_some() {
        return Err(taken(new));
    }
    if at.name.is_default() {
        // The user gets another default server: one more in all.
        let existing = servers::of_users(&**tx, &[server.user_id]).await?;
        let rule = state.config.jupyterhub.named_servers();
        rule.check_one_more(at.user.as_str(), &existing)?;
    }
    Ok(())
}

fn taken(new: &ServerRef) -> ApiError {
    let name = quoted(new.name.as_str());
    ApiError::conflict(format!("User {} already has server {name}", new.user))
}

/// Writes the name, if nobody was faster: what this process begins waits for us, but there may be other hubs.
async fn write_down(
    state: &AppState,
    before: &Server,
    new: &ServerRef,
    mut step: ServerChange,
) -> Result<Server, ApiError> {
    let tx = state.db.write().await?;
    let mut server = servers::get(&*tx, before.id)
        .await?
        .filter(|now| (now.epoch, now.state, &now.at) == (before.epoch, before.state, &before.at))
        .ok_or_else(meanwhile)?;
    check(state, &tx, &server, new).await?;
    servers::rename(&tx, server.id, &new.name).await?;
    if server.spawner_state.is_none() {
        server.forget();
        step.spawner_state = Some(server.spawner_state.clone());
    }
    // Scopes carry the names of servers.
    write(state, tx, &server, &step, Some(Event::Identities)).await
}

/// The name was not written, or nobody knows whether it was: what is kept of the server goes where its row is. The server,
/// if it has the new name after all.
async fn settle(state: AppState, id: ServerId, renaming: Renaming) -> Option<Server> {
    for _ in 0..TRIES {
        if let Ok(row) = read_again(&state, id).await {
            let renamed = has_name(row, renaming.new_name());
            if renamed.is_none() {
                renaming.back().await;
            }
            return renamed;
        }
        sleep(PAUSE).await;
    }
    let new = renaming.new_name();
    tracing::error!(server = %new, "what is kept of a server has the name {new}, and the database does not say whether the server has");
    None
}

/// The row, after all that was written before: a commit of which no end was heard may still be under way.
async fn read_again(state: &AppState, id: ServerId) -> Result<Option<Server>, DbError> {
    let tx = state.db.write().await?;
    servers::get(&*tx, id).await
}

/// The server, if its row has the new name.
fn has_name(row: Option<Server>, new: &ServerRef) -> Option<Server> {
    row.filter(|row| row.at.name == new.name)
}

/// What whoever asked is told when the spawner does not go along: what it says for them, nothing of what went wrong.
/// Source: JupyterHub passes on the status and the message of an `HTTPError` that its `rename` raises.
fn refused(at: &ServerRef, error: SpawnError) -> ApiError {
    match error {
        SpawnError::Refused { status, message } => {
            tracing::info!(server = %at, "server {at} keeps its name: {message}");
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            ApiError::new(status, message)
        }
        error => {
            tracing::error!(server = %at, "server {at} keeps its name: {error}");
            let text =
                "The server could not be renamed and keeps its name; the hub's log says why.";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}
