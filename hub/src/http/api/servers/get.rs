//! `GET /users/:name/server[s/:server]`: a server, also a stopped one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::server::ServerModel;

use super::super::users::{find, view};
use crate::db::servers;
use crate::domain::action::ReadServer;
use crate::domain::server::Server;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath};
use crate::state::AppState;

pub(in crate::http::api) async fn server(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
) -> Result<Json<ServerModel>, ApiError> {
    let granted = caller.require::<ReadServer>(at)?;
    let at = granted.subject();
    let server = match servers::find(state.db.read(), at).await? {
        Some(server) => server,
        None if at.name.is_default() => Server::unused_default(&find(&state, &at.user).await?),
        None => return Err(ApiError::silent(StatusCode::NOT_FOUND)),
    };
    Ok(Json(view(&state, &caller, true).server(&server)))
}
