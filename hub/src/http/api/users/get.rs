//! `GET /users/:name`.

use axum::Json;
use axum::extract::{OriginalUri, State};
use hub_types::user::UserModel;

use super::{find, include_stopped, user_model};
use crate::domain::action::ReadUser;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn user(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<UserModel>, ApiError> {
    caller.require::<ReadUser>(name.as_str().to_owned())?;
    let mut model = user_model(&state, &caller, &name, include_stopped(&uri)).await?;
    if model.auth_state.is_some() {
        let user = find(&state, &name).await?;
        model.auth_state = Some(state.login.auth_states().of(&user).await?);
    }
    Ok(Json(model))
}
