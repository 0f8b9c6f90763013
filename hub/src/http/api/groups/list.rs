//! `GET /groups`: a page of the groups that the caller may list.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::{FilterKind, Reach, ScopeName};

use super::super::page::Asked;
use super::model;
use crate::db::{groups, roles};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) const LIST: &[ScopeName] = &[ScopeName::ListGroups];

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    asked: Asked,
) -> Result<Response, ApiError> {
    let reach = caller.reach(LIST)?;
    let only = match reach {
        Reach::All => None,
        // A filter that does not mean a group gives nothing, never everything, and takes nothing from the others.
        Reach::Only(_) => {
            let names = reach.values(FilterKind::Group).map(ToOwned::to_owned);
            let names: Vec<String> = names.collect();
            if names.is_empty() {
                return Err(ApiError::silent(StatusCode::FORBIDDEN));
            }
            Some(names)
        }
    };
    let page = asked.page()?;
    let (found, total) =
        groups::page(state.db.read(), only.as_deref(), page.offset, page.limit).await?;
    let mut models = Vec::with_capacity(found.len());
    for group in &found {
        let roles = roles::held_by_group(state.db.read(), &group.name).await?;
        models.push(model(&caller, group, roles));
    }
    Ok(page.answer(models, total))
}
