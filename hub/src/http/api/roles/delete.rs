//! `DELETE /roles/:role`: forgets a role; nobody holds it any more.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::{anybodys, changeable, within};
use crate::bus::Event;
use crate::db::roles;
use crate::domain::action::{EditRoles, Hub};
use crate::domain::principal::{Granted, Principal};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<EditRoles>(Hub)?;
    forget(&state, &caller, &granted, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn forget(
    state: &AppState,
    caller: &Principal,
    _granted: &Granted<EditRoles>,
    name: &str,
) -> Result<(), ApiError> {
    let tx = state.db.write().await?;
    let role = changeable(&tx, name).await?;
    within(caller, &anybodys(state, &role.scopes))?;
    roles::delete(&tx, name).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::warn!("{} deleted role {name}", caller.owner.name());
    Ok(())
}
