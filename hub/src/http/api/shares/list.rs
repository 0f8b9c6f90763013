//! `GET /shares/:owner` and `GET /shares/:owner/:server`: with whom servers are shared. Always pages.

use axum::extract::State;
use axum::response::Response;
use hub_types::names::Username;

use super::super::page::{Asked, PageRequest};
use super::super::users;
use super::{find_server, model};
use crate::db::{SharesOf, shares};
use crate::domain::action::{ReadOwnersShares, ReadServerShares};
use crate::domain::principal::Principal;
use crate::domain::server::{ServerId, ServerRef};
use crate::domain::user::UserId;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath, UserPath};
use crate::state::AppState;

/// Whose shares are asked for, when the caller may read them.
pub(in crate::http::api) async fn readable_owner(
    state: &AppState,
    caller: &Principal,
    owner: &Username,
) -> Result<UserId, ApiError> {
    caller.require::<ReadOwnersShares>(owner.as_str().to_owned())?;
    Ok(users::find(state, owner).await?.id)
}

/// Of which server, when the caller may read them; none when it has not been made yet.
pub(in crate::http::api) async fn readable_server(
    state: &AppState,
    caller: &Principal,
    at: ServerRef,
) -> Result<Option<ServerId>, ApiError> {
    let granted = caller.require::<ReadServerShares>(at)?;
    let server = find_server(state, granted.subject()).await?;
    Ok(server.map(|server| server.id))
}

pub(in crate::http::api) async fn of_owner(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(owner): UserPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let owner = readable_owner(&state, &caller, &owner).await?;
    answer(&state, Some(SharesOf::Owner(owner)), &asked.page()?).await
}

pub(in crate::http::api) async fn of_server(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let server = readable_server(&state, &caller, at).await?;
    answer(&state, server.map(SharesOf::Server), &asked.page()?).await
}

/// A page of shares; an empty one of nothing.
pub(in crate::http::api) async fn answer(
    state: &AppState,
    which: Option<SharesOf>,
    page: &PageRequest,
) -> Result<Response, ApiError> {
    let (found, total) = match which {
        Some(which) => shares::page(state.db.read(), which, page.offset, page.limit).await?,
        None => (Vec::new(), 0),
    };
    let models: Vec<_> = found.iter().map(|share| model(state, share)).collect();
    Ok(page.envelope(models, total))
}
