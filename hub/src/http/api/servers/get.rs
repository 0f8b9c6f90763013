//! `GET /users/:name/server[s/:server]`: a server, also a stopped one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::server::ServerModel;

use super::super::users::view;
use crate::db::servers;
use crate::domain::action::ReadServer;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath};
use crate::state::AppState;

pub(in crate::http::api) async fn server(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
) -> Result<Json<ServerModel>, ApiError> {
    let granted = caller.require::<ReadServer>(at)?;
    let server = servers::find(state.db.read(), granted.subject()).await?;
    let server = server.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))?;
    Ok(Json(view(&state, &caller, true).server(&server)))
}
