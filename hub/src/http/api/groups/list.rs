//! `GET /groups`: a page of the groups that the caller may list.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub_types::group::GroupModel;
use hub_types::scope::{FilterKind, Reach, ScopeName};

use super::super::page::Asked;
use super::model;
use crate::db::{groups, roles};
use crate::domain::principal::Principal;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

pub(in crate::http::api) const LIST: &[ScopeName] = &[ScopeName::ListGroups];

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    asked: Asked,
) -> Result<Response, ApiError> {
    let only = reachable(&caller)?;
    let page = asked.page()?;
    let (models, total) = found(&state, &caller, only, (page.offset, page.limit)).await?;
    Ok(page.answer(models, total))
}

/// Names of the groups that the caller's `list:groups` reaches; none for all.
pub(in crate::http::api) fn reachable(caller: &Principal) -> Result<Option<Vec<String>>, ApiError> {
    let reach = caller.reach(LIST)?;
    match reach {
        Reach::All => Ok(None),
        // A filter that does not mean a group gives nothing, never everything, and takes nothing from the others.
        Reach::Only(_) => {
            let names = reach.values(FilterKind::Group).map(ToOwned::to_owned);
            let names: Vec<String> = names.collect();
            if names.is_empty() {
                return Err(ApiError::silent(StatusCode::FORBIDDEN));
            }
            Ok(Some(names))
        }
    }
}

/// A page of these groups, as the caller may see them, and how many there are.
pub(in crate::http::api) async fn found(
    state: &AppState,
    caller: &Principal,
    only: Option<Vec<String>>,
    (offset, limit): (u64, u64),
) -> Result<(Vec<GroupModel>, u64), ApiError> {
    let (found, total) = groups::page(state.db.read(), only.as_deref(), offset, limit).await?;
    let mut models = Vec::with_capacity(found.len());
    for group in &found {
        let roles = roles::held_by_group(state.db.read(), &group.name).await?;
        models.push(model(caller, group, roles));
    }
    Ok((models, total))
}
