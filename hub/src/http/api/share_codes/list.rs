//! `GET /share-codes/:owner` and `GET /share-codes/:owner/:server`. Always pages.

use axum::extract::State;
use axum::response::Response;

use super::super::page::{Asked, PageRequest};
use super::super::shares::list::{readable_owner, readable_server};
use crate::db::{ShareCodesOf, share_codes};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath, UserPath};
use crate::http::view;
use crate::state::AppState;

pub(in crate::http::api) async fn of_owner(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(owner): UserPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let owner = readable_owner(&state, &caller, &owner).await?;
    answer(&state, Some(ShareCodesOf::Owner(owner)), &asked.page()?).await
}

pub(in crate::http::api) async fn of_server(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    asked: Asked,
) -> Result<Response, ApiError> {
    let server = readable_server(&state, &caller, at).await?;
    answer(&state, server.map(ShareCodesOf::Server), &asked.page()?).await
}

async fn answer(
    state: &AppState,
    which: Option<ShareCodesOf>,
    page: &PageRequest,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let (found, total) = match which {
        Some(which) => {
            share_codes::page(state.db.read(), which, now, page.offset, page.limit).await?
        }
        None => (Vec::new(), 0),
    };
    let models: Vec<_> = found
        .iter()
        .map(|code| view::share::share_code(&state.addresses, code))
        .collect();
    Ok(page.envelope(models, total))
}
