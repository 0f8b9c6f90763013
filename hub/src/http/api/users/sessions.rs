//! `DELETE /users/:name/sessions`, an extension of ours: ends all browser sessions of a user, with every token that was
//! issued within one. API tokens that were made for programs stay.

use axum::extract::State;
use axum::http::StatusCode;

use super::find;
use crate::domain::action::ManageTokens;
use crate::domain::principal::Granted;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::state::AppState;

/// Whoever may revoke a user's tokens may end the sessions, too.
pub(in crate::http::api) async fn end_all(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ManageTokens>(name.as_str().to_owned())?;
    let user = find(&state, &name).await?;
    end(&state, granted, &user).await?;
    tracing::info!(
        "{} {} ended all sessions of {}",
        caller.owner.kind(),
        caller.owner.name(),
        user.name
    );
    Ok(StatusCode::NO_CONTENT)
}

async fn end(
    state: &AppState,
    _granted: Granted<ManageTokens>,
    user: &User,
) -> Result<(), ApiError> {
    Ok(state.login.end_all(user.id).await?)
}
