//! `GET /groups/:name/shared`, and `GET` and `DELETE /groups/:name/shared/:owner/:server`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub_types::share::ShareModel;

use super::super::body::shown;
use super::super::page::Asked;
use super::super::shares::{list::answer, model};
use super::{drop_share, find};
use crate::db::{SharesOf, groups};
use crate::domain::action::{DropSharedWithGroup, ReadSharedWithGroup};
use crate::domain::principal::Granted;
use crate::domain::server::ServerRef;
use crate::domain::share::{Recipient, Share};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, GroupPath, SharedPath};
use crate::state::AppState;

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    GroupPath(name): GroupPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let granted = caller.require::<ReadSharedWithGroup>(name)?;
    let group = group_id(&state, granted.subject()).await?;
    answer(&state, Some(SharesOf::Group(group)), &asked.page()?).await
}

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    GroupPath(name): GroupPath,
    SharedPath(on): SharedPath,
) -> Result<Json<ShareModel>, ApiError> {
    let granted = caller.require::<ReadSharedWithGroup>(name)?;
    let share = with_group(&state, granted.subject(), &on).await?;
    Ok(Json(model(&state, &share)))
}

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    GroupPath(name): GroupPath,
    SharedPath(on): SharedPath,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<DropSharedWithGroup>(name)?;
    let share = with_group(&state, granted.subject(), &on).await?;
    give_up(&state, granted, &share).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn give_up(
    state: &AppState,
    _granted: Granted<DropSharedWithGroup>,
    share: &Share,
) -> Result<(), ApiError> {
    drop_share(state, share).await
}

async fn group_id(state: &AppState, name: &str) -> Result<i64, ApiError> {
    let group = groups::id_of(state.db.read(), name).await?;
    group.ok_or_else(|| ApiError::not_found(format!("No such group: {}", shown(name))))
}

async fn with_group(state: &AppState, name: &str, on: &ServerRef) -> Result<Share, ApiError> {
    let with = Recipient::Group(group_id(state, name).await?);
    let missing = || {
        let (name, on) = (shown(name), shown(&on.to_string()));
        format!("No such share for group {name} on {on}")
    };
    find(state, Some(with), on, missing).await
}
