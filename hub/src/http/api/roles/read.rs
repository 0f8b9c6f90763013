//! `GET /roles`, a page of them, and `GET /roles/:role`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use hub_types::role::RoleModel;

use super::super::page::Asked;
use super::model;
use crate::db::roles;
use crate::domain::action::{Hub, ReadRoles};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    page: Asked,
) -> Result<Response, ApiError> {
    caller.require::<ReadRoles>(Hub)?;
    let page = page.page()?;
    let (models, total) = found(&state, (page.offset, page.limit)).await?;
    Ok(page.answer(models, total))
}

/// A page of all roles by name, and how many there are.
pub(in crate::http::api) async fn found(
    state: &AppState,
    (offset, limit): (u64, u64),
) -> Result<(Vec<RoleModel>, u64), ApiError> {
    let all = roles::all(state.db.read()).await?;
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let take = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut models = Vec::new();
    for name in all.keys().skip(skip).take(take) {
        models.push(model(state, name).await?);
    }
    Ok((models, all.len() as u64))
}

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<Json<RoleModel>, ApiError> {
    caller.require::<ReadRoles>(Hub)?;
    Ok(Json(model(&state, &name).await?))
}
