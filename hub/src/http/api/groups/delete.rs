//! `DELETE /groups/:group`: forgets a group; its members lose what its roles gave them.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::{may_change, no_such_group};
use crate::bus::Event;
use crate::db::groups;
use crate::domain::action::DeleteGroup;
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<DeleteGroup>(name)?;
    may_change(&state)?;
    forget(&state, &granted).await?;
    tracing::info!(
        "{} deleted group {:?}",
        caller.owner.name(),
        granted.subject()
    );
    Ok(StatusCode::NO_CONTENT)
}

async fn forget(state: &AppState, granted: &Granted<DeleteGroup>) -> Result<(), ApiError> {
    let name = granted.subject();
    let tx = state.db.write().await?;
    if !groups::delete(&tx, name).await? {
        return Err(no_such_group(name));
    }
    Ok(tx.commit_and_tell(&state.bus, [Event::Identities]).await?)
}
