//! `PUT /users/:name/servers/:server`: makes a named server without starting it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::server::ServerModel;

use super::super::users::{find, view};
use super::{ServerBody, check_display_name, check_new_name, default_display_name};
use crate::db::{NewServer, servers};
use crate::domain::action::StartServer;
use crate::domain::principal::Granted;
use crate::domain::server::Server;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::state::AppState;

pub(in crate::http::api) async fn create(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<(StatusCode, Json<ServerModel>), ApiError> {
    let granted = caller.require::<StartServer>(at.clone())?;
    let user = find(&state, &at.user).await?;
    if at.name.is_default() {
        return Err(ApiError::conflict(format!(
            "User {} already has a default server",
            at.user
        )));
    }
    if servers::find(state.db.read(), &at).await?.is_some() {
        return Err(ApiError::conflict(format!(
            "User {} already has server {}",
            at.user, at.name
        )));
    }
    let body = ServerBody::read(body.read()?)?;
    state.config.jupyterhub.named_servers().check_enabled()?;
    check_new_name(&at.name)?;
    let display_name = body
        .display_name
        .unwrap_or_else(|| default_display_name(&at));
    check_display_name(&display_name)?;
    let new = NewServer {
        display_name,
        user_options: body.user_options.unwrap_or_default(),
    };
    let server = insert(&state, granted, &user, &new).await?;
    Ok((
        StatusCode::CREATED,
        Json(view(&state, &caller, true).server(&server)),
    ))
}

/// Makes the server, if its owner may have one more.
pub(in crate::http) async fn insert(
    state: &AppState,
    granted: Granted<StartServer>,
    user: &User,
    new: &NewServer,
) -> Result<Server, ApiError> {
    let at = granted.subject();
    let name = &at.name;
    let tx = state.manager.write_about(&[at]).await?;
    let existing = servers::of_users(&*tx, &[user.id]).await?;
    let rule = state.config.jupyterhub.named_servers();
    rule.check_one_more(user.name.as_str(), &existing)?;
    let id = servers::insert(&tx, user.id, name, new)
        .await
        .map_err(|error| {
            if error.is_conflict() {
                ApiError::conflict(format!("User {} already has server {name}", user.name))
            } else {
                error.into()
            }
        })?;
    let server = servers::get(&*tx, id).await?;
    tx.commit().await?;
    server.ok_or_else(|| ApiError::internal("a server vanished while it was made"))
}
