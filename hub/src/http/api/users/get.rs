//! `GET /users/:name`.

use axum::Json;
use axum::extract::{OriginalUri, State};
use hub_types::user::UserModel;

use super::{include_stopped, user_model};
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
    Ok(Json(
        user_model(&state, &caller, &name, include_stopped(&uri)).await?,
    ))
}
