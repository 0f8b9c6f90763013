//! `GET /services`: the services that the caller may list, by name.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use hub_types::scope::{ScopeName, Target};
use hub_types::service::ServiceModel;

use super::service_model;
use crate::db::services;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) const LIST: &[ScopeName] = &[ScopeName::ListServices];

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
) -> Result<Json<BTreeMap<String, ServiceModel>>, ApiError> {
    caller.reach(LIST)?;
    let mut models = BTreeMap::new();
    for row in services::list(state.db.read()).await? {
        if caller.may(&ScopeName::ListServices, Target::Service(row.name.as_str())) {
            let model = service_model(&state, &caller, row.id, &row.name, row.admin).await?;
            models.insert(row.name.as_str().to_owned(), model);
        }
    }
    Ok(Json(models))
}
