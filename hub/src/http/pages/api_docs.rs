//! `GET /hub/api-docs`: the reference of the REST API, for anybody, in parts. Pages of the hub's own: nothing comes from
//! elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use hub_types::paths::BaseUrl;

use super::{PageError, Visitor};
use crate::http::api;
use crate::http::openapi::{operation::Served, reference};
use crate::state::AppState;

/// The pages; what there is to describe is collected once.
pub(super) fn routes(base: &BaseUrl) -> Router<AppState> {
    let operations: Arc<[Served]> = api::operations(base).into();
    let all = Arc::clone(&operations);
    let overview = get(move |visitor: Visitor| async move { page(&visitor, &all, "") });
    let part = get(
        move |visitor: Visitor, Path(part): Path<String>| async move {
            page(&visitor, &operations, &part)
        },
    );
    Router::new()
        .route(&base.hub_path("api-docs"), overview)
        .route(&base.hub_path("api-docs/{part}"), part)
}

fn page(visitor: &Visitor, operations: &[Served], part: &str) -> Result<Response, PageError> {
    let whole = reference::page(visitor.chrome(), &visitor.origin(), operations);
    match whole.part(part) {
        Some(page) => visitor.page(StatusCode::OK, &page),
        None => Err(PageError::new(
            StatusCode::NOT_FOUND,
            "The reference has no such part.",
        )),
    }
}
