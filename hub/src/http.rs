//! The hub's HTTP: REST API, OAuth provider, pages.
//!
//! * [`api`]: `{base}hub/api/…`; [`oauth`]: `{base}hub/api/oauth2/…`; [`pages`]: everything a person sees;
//! * [`extract`]: who calls and what the URL names; [`client_ip`]: from where; [`origin`]: where the client sees us; [`json`]: bodies;
//! * [`freshness`]: whether the callers' logins still hold;
//! * [`xsrf`]: what cookies alone may not do;
//! * [`error`]: errors of the API; [`view`]: domain values as wire models;
//! * [`openapi`]: what the API says of itself;
//! * [`middleware`]: what happens around every request.

pub mod api;
pub mod client_ip;
pub mod error;
pub mod extract;
pub mod freshness;
pub mod json;
pub mod middleware;
pub mod oauth;
pub mod openapi;
pub mod origin;
pub mod pages;
mod peer;
pub mod view;
pub mod xsrf;

use axum::Router;

use crate::state::AppState;

/// Everything that the hub answers.
pub fn router(state: AppState) -> Router {
    let base = &state.addresses.base;
    let routes = Router::new()
        .merge(api::routes(base))
        .merge(oauth::routes(base))
        .merge(pages::routes(&state));
    middleware::wrap(routes, &state).with_state(state)
}
