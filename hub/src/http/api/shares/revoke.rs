//! `PATCH /shares/:owner/:server` takes scopes back from one user or group, `DELETE` everything from everybody. The next
//! request of whoever had them is refused.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::scope::Scope;
use serde_json::{Value, json};

use super::{ShareBody, With, find_server, model};
use crate::bus::Event;
use crate::db::{groups, shares, users};
use crate::domain::action::ShareServer;
use crate::domain::principal::Granted;
use crate::domain::server::Server;
use crate::domain::share::{Recipient, Share};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::state::AppState;

/// What is left is shown; an empty object when nothing is. Whom nothing was shared with, or who does not exist, is no
/// error: the wish has been granted.
pub(in crate::http::api) async fn revoke(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let granted = caller.require::<ShareServer>(at)?;
    let asked = ShareBody::read(body.read()?)?;
    match take_back_from(&state, &granted, &asked.with, &asked.scopes).await? {
        Some(share) => serde_json::to_value(model(&state, &share))
            .map(Json)
            .map_err(ApiError::internal),
        None => Ok(Json(json!({}))),
    }
}

/// Takes scopes back from somebody, all of them when none is named. What is left.
pub(in crate::http) async fn take_back_from(
    state: &AppState,
    granted: &Granted<ShareServer>,
    with: &With,
    scopes: &[Scope],
) -> Result<Option<Share>, ApiError> {
    let server = find_server(state, granted.subject()).await?;
    let with = recipient(state, with).await?;
    match server.zip(with) {
        Some((server, with)) => take_back(state, granted, &server, with, scopes).await,
        None => Ok(None),
    }
}

async fn recipient(state: &AppState, with: &With) -> Result<Option<Recipient>, ApiError> {
    let db = state.db.read();
    Ok(match with {
        With::User(name) => users::find(db, name.as_str())
            .await?
            .map(|user| Recipient::User(user.id)),
        With::Group(name) => groups::id_of(db, name).await?.map(Recipient::Group),
    })
}

async fn take_back(
    state: &AppState,
    _granted: &Granted<ShareServer>,
    server: &Server,
    with: Recipient,
    scopes: &[Scope],
) -> Result<Option<Share>, ApiError> {
    let tx = state.db.write().await?;
    let Some(share) = shares::find(&*tx, server.id, with).await? else {
        return Ok(None);
    };
    let left = share.scopes.without(scopes, &share.server.at);
    match &left {
        Some(scopes) if *scopes == share.scopes => return Ok(Some(share)),
        Some(scopes) => shares::put_scopes(&tx, share.id, scopes).await?,
        None => shares::remove(&tx, share.id).await?,
    }
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::info!(
        audit = true,
        "server {} is shared less with {}",
        share.server.at,
        share.with
    );
    Ok(left.map(|scopes| Share { scopes, ..share }))
}

/// Takes all shares of a server back. Share codes stay.
pub(in crate::http::api) async fn revoke_all(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ShareServer>(at)?;
    if let Some(server) = find_server(&state, granted.subject()).await? {
        let tx = state.db.write().await?;
        let revoked = shares::remove_all(&tx, server.id).await?;
        tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
        tracing::info!(
            audit = true,
            revoked,
            "server {} is no longer shared",
            server.at
        );
    }
    Ok(StatusCode::NO_CONTENT)
}
