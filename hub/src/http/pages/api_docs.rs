//! `GET /hub/api-docs`: the reference of the REST API, for anybody. A page of the hub's own: nothing comes from elsewhere.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use hub_types::paths::BaseUrl;

use super::{PageError, Visitor};
use crate::http::api;
use crate::http::openapi::{operation::Served, reference};
use crate::state::AppState;

/// The page; what there is to describe is collected once.
pub(super) fn route(base: &BaseUrl) -> MethodRouter<AppState> {
    let operations: Arc<[Served]> = api::operations(base).into();
    get(move |visitor: Visitor| async move { page(&visitor, &operations) })
}

fn page(visitor: &Visitor, operations: &[Served]) -> Result<Response, PageError> {
    let page = reference::page(visitor.chrome(), &visitor.origin(), operations);
    visitor.page(StatusCode::OK, &page)
}
