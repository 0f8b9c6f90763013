//! What happens around every request, in one order.
//!
//! From the outside in: id of the request → log line → panics become 500 → headers of the response → own host → entity tag → whole body → handler.

mod catch_panic;
mod entity_tag;
mod log_request;
mod own_host;
mod request_id;
mod response_headers;
pub(super) mod whole_body;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::http::extract::MAX_BODY;
use crate::state::AppState;

/// Wraps `router`; the last layer added is the outermost.
pub fn wrap(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    let headers = Arc::new(response_headers::Headers::new(&state.addresses.base));
    router
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(whole_body::read))
        .layer(from_fn(entity_tag::tag))
        .layer(from_fn_with_state(state.clone(), own_host::only))
        .layer(from_fn_with_state(headers, response_headers::add))
        .layer(from_fn(catch_panic::catch))
        .layer(from_fn_with_state(state.clone(), log_request::log))
        .layer(from_fn(request_id::give))
}
