//! `PUT /groups/:group/properties`: replaces the properties of a group, all of them.

use axum::Json;
use axum::extract::{Path, State};
use hub_types::group::GroupModel;
use serde_json::{Map, Value};

use super::{changed_model, no_such_group};
use crate::db::groups;
use crate::domain::action::EditGroup;
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::AppState;

pub(in crate::http::api) async fn put(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<Json<GroupModel>, ApiError> {
    let granted = caller.require::<EditGroup>(name)?;
    let name = granted.subject();
    if groups::find(state.db.read(), name).await?.is_none() {
        return Err(no_such_group(name));
    }
    let Some(Value::Object(properties)) = body.read()? else {
        return Err(ApiError::bad_request("Must specify properties"));
    };
    store(&state, &granted, &properties).await?;
    Ok(Json(changed_model(&state, &caller, name).await?))
}

async fn store(
    state: &AppState,
    granted: &Granted<EditGroup>,
    properties: &Map<String, Value>,
) -> Result<(), ApiError> {
    let name = granted.subject();
    let tx = state.db.write().await?;
    if !groups::set_properties(&tx, name, properties).await? {
        return Err(no_such_group(name));
    }
    Ok(tx.commit().await?)
}
