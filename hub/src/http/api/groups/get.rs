//! `GET /groups/:group`.

use axum::Json;
use axum::extract::{Path, State};
use hub_types::group::GroupModel;

use super::{model, no_such_group};
use crate::db::{groups, roles};
use crate::domain::action::ReadGroup;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<Json<GroupModel>, ApiError> {
    let granted = caller.require::<ReadGroup>(name)?;
    let name = granted.subject();
    let group = groups::find(state.db.read(), name).await?;
    let group = group.ok_or_else(|| no_such_group(name))?;
    let roles = roles::held_by_group(state.db.read(), name).await?;
    Ok(Json(model(&caller, &group, roles)))
}
