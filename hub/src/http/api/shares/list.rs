//! `GET /shares/:owner` and `GET /shares/:owner/:server`: with whom servers are shared. Always pages.

use axum::extract::State;
use axum::response::Response;

use super::super::page::{Asked, PageRequest};
use super::super::users;
use super::{find_server, model};
use crate::db::{SharesOf, shares};
use crate::domain::action::{ReadOwnersShares, ReadServerShares};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn of_owner(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(owner): UserPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    caller.require::<ReadOwnersShares>(owner.as_str().to_owned())?;
    let owner = users::find(&state, &owner).await?;
    answer(&state, Some(SharesOf::Owner(owner.id)), &asked.page()?).await
}

pub(in crate::http::api) async fn of_server(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let granted = caller.require::<ReadServerShares>(at)?;
    let server = find_server(&state, granted.subject()).await?;
    answer(
        &state,
        server.map(|server| SharesOf::Server(server.id)),
        &asked.page()?,
    )
    .await
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
