//! The OAuth 2 provider under `{base}hub/api/oauth2`: how servers and services log users in.
//!
//! What is decided stands in `domain::oauth`; here are the two endpoints around it.

mod authorize;
mod consent;
mod token;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use hub_types::paths::BaseUrl;

use crate::http::{api, pages};
use crate::state::AppState;

/// Both endpoints.
pub fn routes(base: &BaseUrl) -> Router<AppState> {
    Router::new()
        // -- the browser
        .route(
            &base.hub_path("api/oauth2/authorize"),
            get(authorize::ask)
                .post(authorize::confirmed)
                .fallback(pages::wrong_method),
        )
        // -- the client
        .route(&base.hub_path("api/oauth2/token"), post(token::token))
        .route_layer(from_fn(api::no_head))
        .method_not_allowed_fallback(api::wrong_method)
}
