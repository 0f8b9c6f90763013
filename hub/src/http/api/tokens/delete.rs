//! `DELETE /users/:name/tokens/:id`: revokes a token; the very next request with it is refused.

use axum::extract::State;
use axum::http::StatusCode;

use super::{find, holder};
use crate::bus::Event;
use crate::db::tokens;
use crate::domain::action::ManageTokens;
use crate::domain::principal::Granted;
use crate::domain::token::ApiToken;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, TokenPath, UserPath};
use crate::state::AppState;

/// A token of an OAuth client takes all tokens of that client and user with it.
pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    TokenPath(id): TokenPath,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ManageTokens>(name.as_str().to_owned())?;
    let holder = holder(&state, &name).await?;
    let token = find(&state, &holder, &id).await?;
    revoke(&state, granted, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(
    state: &AppState,
    _granted: Granted<ManageTokens>,
    token: &ApiToken,
) -> Result<(), ApiError> {
    let tx = state.db.write().await?;
    tokens::revoke(&tx, token).await?;
    Ok(tx.commit_and_tell(&state.bus, [Event::Identities]).await?)
}
