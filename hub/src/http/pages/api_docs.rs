//! `GET /hub/api-docs`: the reference of the REST API, for anybody. A page of the hub's own: nothing comes from elsewhere.

use axum::http::StatusCode;
use axum::response::Response;

use super::{PageError, Visitor};
use crate::http::{api, openapi::reference};

pub(super) async fn page(visitor: Visitor) -> Result<Response, PageError> {
    let operations = api::operations(visitor.base());
    let page = reference::page(visitor.chrome(), &visitor.origin(), &operations);
    visitor.page(StatusCode::OK, &page)
}
