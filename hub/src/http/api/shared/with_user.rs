//! `GET /users/:name/shared`, and `GET` and `DELETE /users/:name/shared/:owner/:server`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::Username;
use hub_types::share::ShareModel;

use super::super::body::shown;
use super::super::page::Asked;
use super::super::shares::{list::answer, model};
use super::{drop_share, find};
use crate::db::{SharesOf, users};
use crate::domain::action::{DropSharedWithUser, ReadSharedWithUser};
use crate::domain::principal::Granted;
use crate::domain::server::ServerRef;
use crate::domain::share::{Recipient, Share};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, SharedPath, UserPath};
use crate::state::AppState;

/// Everything that is shared with the user, also through groups.
pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    caller.require::<ReadSharedWithUser>(name.as_str().to_owned())?;
    let user = users::find(state.db.read(), name.as_str()).await?;
    let missing = || ApiError::not_found(format!("No such user: {}", shown(name.as_str())));
    let which = SharesOf::User(user.ok_or_else(missing)?.id);
    answer(&state, Some(which), &asked.page()?).await
}

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    SharedPath(on): SharedPath,
) -> Result<Json<ShareModel>, ApiError> {
    caller.require::<ReadSharedWithUser>(name.as_str().to_owned())?;
    Ok(Json(model(&state, &direct(&state, &name, &on).await?)))
}

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    SharedPath(on): SharedPath,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<DropSharedWithUser>(name.as_str().to_owned())?;
    let share = direct(&state, &name, &on).await?;
    give_up(&state, granted, &share).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn give_up(
    state: &AppState,
    _granted: Granted<DropSharedWithUser>,
    share: &Share,
) -> Result<(), ApiError> {
    drop_share(state, share).await
}

/// What is shared with the user themselves, not through a group.
async fn direct(state: &AppState, name: &Username, on: &ServerRef) -> Result<Share, ApiError> {
    let user = users::find(state.db.read(), name.as_str()).await?;
    let with = user.map(|user| Recipient::User(user.id));
    let missing = || {
        let (name, on) = (shown(name.as_str()), shown(&on.to_string()));
        format!("No such share for user {name} on {on}")
    };
    find(state, with, on, missing).await
}
