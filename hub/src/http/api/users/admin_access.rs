//! `POST /users/:name/admin-access`: asked for access to a user's servers in JupyterHub 0.7. Does nothing since: whoever
//! holds `access:servers` has it.

use axum::extract::State;
use axum::http::StatusCode;

use super::find;
use crate::domain::action::AdminAccess;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn admin_access(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
) -> Result<StatusCode, ApiError> {
    caller.require::<AdminAccess>(name.as_str().to_owned())?;
    if !state.config.jupyterhub.admin_access {
        let text = "admin access to user servers disabled";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    find(&state, &name).await?;
    tracing::warn!(
        "{} used the deprecated admin-access of user {name}",
        caller.owner.name()
    );
    Ok(StatusCode::OK)
}
