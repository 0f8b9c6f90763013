//! `GET /roles` and `GET /roles/:role`.

use axum::Json;
use axum::extract::{Path, State};
use hub_types::role::RoleModel;

use super::model;
use crate::db::roles;
use crate::domain::action::{Hub, ReadRoles};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
) -> Result<Json<Vec<RoleModel>>, ApiError> {
    caller.require::<ReadRoles>(Hub)?;
    let mut models = Vec::new();
    for name in roles::all(state.db.read()).await?.keys() {
        models.push(model(&state, name).await?);
    }
    Ok(Json(models))
}

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<Json<RoleModel>, ApiError> {
    caller.require::<ReadRoles>(Hub)?;
    Ok(Json(model(&state, &name).await?))
}
