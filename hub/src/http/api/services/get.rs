//! `GET /services/:service`.

use axum::Json;
use axum::extract::{Path, State};
use hub_types::service::ServiceModel;

use super::super::body::shown;
use super::service_model;
use crate::db::services;
use crate::domain::action::{ReadService, ReadServiceOutput};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<Json<ServiceModel>, ApiError> {
    let granted = caller.require::<ReadService>(name)?;
    let name = granted.subject();
    let rows = services::list(state.db.read()).await?;
    let row = rows.into_iter().find(|row| row.name.as_str() == name);
    let row =
        row.ok_or_else(|| ApiError::not_found(format!("No such service: {}", shown(name))))?;
    let mut model = service_model(&state, &caller, row.id, &row.name, row.admin).await?;
    if let Ok(granted) = caller.require::<ReadServiceOutput>(name.clone()) {
        let status = state.managed.status_with_output(&granted);
        model.log_tail = status.map(|status| status.log_tail);
    }
    Ok(Json(model))
}
