//! What is shared with a user or a group: the recipient's side. Recipients may give a share up, not change it.

pub(super) mod with_group;
pub(super) mod with_user;

use crate::bus::Event;
use crate::db::{servers, shares};
use crate::domain::server::ServerRef;
use crate::domain::share::{Recipient, Share};
use crate::http::error::ApiError;
use crate::state::AppState;

/// The share of the server `on` with exactly this user or group. `missing` is what 404 says.
async fn find(
    state: &AppState,
    with: Option<Recipient>,
    on: &ServerRef,
    missing: impl FnOnce() -> String,
) -> Result<Share, ApiError> {
    let db = state.db.read();
    let server = servers::find(db, on).await?;
    let share = match server.zip(with) {
        Some((server, with)) => shares::find(db, server.id, with).await?,
        None => None,
    };
    share.ok_or_else(|| ApiError::not_found(missing()))
}

async fn drop_share(state: &AppState, share: &Share) -> Result<(), ApiError> {
    let tx = state.db.write().await?;
    shares::remove(&tx, share.id).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::info!(
        audit = true,
        "the share of server {} with {} is given up",
        share.server.at,
        share.with
    );
    Ok(())
}
