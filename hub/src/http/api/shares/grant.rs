//! `POST /shares/:owner/:server`: shares a server with a user or a group, or shares more of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::scope::Scope;
use hub_types::share::ShareModel;

use super::super::body::shown;
use super::{ShareBody, With, find_server, model, server_row};
use crate::bus::Event;
use crate::db::{groups, shares, users};
use crate::domain::action::{NameGroup, NameUser, ShareServer};
use crate::domain::principal::{Granted, Principal};
use crate::domain::share::{Recipient, Share, Shareable, SharedScopes};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::state::AppState;

pub(in crate::http::api) async fn grant(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<Json<ShareModel>, ApiError> {
    let granted = caller.require::<ShareServer>(at)?;
    let asked = ShareBody::read(body.read()?)?;
    let share = share_with(&state, &caller, granted, &asked.with, &asked.scopes).await?;
    Ok(Json(model(&state, &share)))
}

/// Shares a server with somebody; no scopes means to enter it.
pub(in crate::http) async fn share_with(
    state: &AppState,
    caller: &Principal,
    granted: Granted<ShareServer>,
    with: &With,
    scopes: &[Scope],
) -> Result<Share, ApiError> {
    let at = granted.subject();
    let scopes = SharedScopes::asked(scopes, at)
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    find_server(state, at).await?;
    let what = shareable(caller, &granted, scopes)?;
    let with = recipient(state, caller, with).await?;
    let share = store(state, granted, with, &what).await?;
    tracing::info!(
        audit = true,
        "{} shares server {} with {}: {}",
        caller.owner.name(),
        share.server.at,
        share.with,
        share.scopes.texts(&share.server.at).join(" ")
    );
    Ok(share)
}

/// Evidence that the caller may share these scopes.
pub(in crate::http::api) fn shareable(
    caller: &Principal,
    granted: &Granted<ShareServer>,
    scopes: SharedScopes,
) -> Result<Shareable, ApiError> {
    scopes
        .granted_by(caller.scopes(), caller.groups(), granted.subject())
        .map_err(|error| ApiError::new(StatusCode::FORBIDDEN, error.to_string()))
}

/// Whom to share with. Who may not know of users or groups is not told whether there is one of that name.
async fn recipient(
    state: &AppState,
    caller: &Principal,
    with: &With,
) -> Result<Recipient, ApiError> {
    let forbidden = |text: &str| ApiError::new(StatusCode::FORBIDDEN, text);
    match with {
        With::User(name) => {
            caller
                .require::<NameUser>(name.as_str().to_owned())
                .map_err(|_| {
                    forbidden("Need scope 'read:users:name' to share with users by name")
                })?;
            let user = users::find(state.db.read(), name.as_str()).await?;
            let missing = || format!("No such user: {}", shown(name.as_str()));
            user.map(|user| Recipient::User(user.id))
                .ok_or_else(|| ApiError::bad_request(missing()))
        }
        With::Group(name) => {
            caller.require::<NameGroup>(name.clone()).map_err(|_| {
                forbidden("Need scope 'read:groups:name' to share with groups by name")
            })?;
            let group = groups::id_of(state.db.read(), name).await?;
            let missing = || format!("No such group: {}", shown(name));
            group
                .map(Recipient::Group)
                .ok_or_else(|| ApiError::bad_request(missing()))
        }
    }
}

async fn store(
    state: &AppState,
    granted: Granted<ShareServer>,
    with: Recipient,
    what: &Shareable,
) -> Result<Share, ApiError> {
    let tx = state.db.write().await?;
    let server = server_row(&tx, granted.subject()).await?;
    let share = shares::grant(&tx, server.id, with, what, state.clock.now()).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    Ok(share)
}
