//! The REST API under `{base}hub/api`. Every route is on this screen; each action has its own file below.
//!
//! A handler asks for permission first ([`Principal::require`](crate::domain::principal::Principal::require)) and hands
//! the evidence to the function that acts. Errors are [`ApiError`]; models come from [`view`](crate::http::view).
//!
//! # To add an endpoint
//!
//! An action in `domain::action`, a file here, a line in [`routes`], a row in `docs/compat.md`.

mod authorizations;
mod body;
mod bulk;
mod current_user;
mod groups;
mod health;
mod info;
mod page;
mod proxy;
mod roles;
mod root;
mod servers;
mod services;
mod share_codes;
mod shared;
mod shares;
mod shutdown;
mod tokens;
mod users;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post, put};
use hub_types::paths::BaseUrl;

use crate::http::error::ApiError;
use crate::state::AppState;

/// All routes of the REST API. Slashes at the end count: only `/hub/api` and `/hub/api/` are the same.
pub fn routes(base: &BaseUrl) -> Router<AppState> {
    let api = |path: &str| base.hub_path(&format!("api{path}"));
    let server = || {
        get(servers::get::server)
            .put(servers::create::create)
            .post(servers::start::start)
            .patch(servers::update::update)
            .delete(servers::stop::stop)
    };
    let token = || get(tokens::get::get).delete(tokens::delete::delete);
    let shares = || {
        get(shares::list::of_server)
            .post(shares::grant::grant)
            .patch(shares::revoke::revoke)
            .delete(shares::revoke::revoke_all)
    };
    let share_codes = || {
        get(share_codes::list::of_server)
            .post(share_codes::create::create)
            .delete(share_codes::delete::delete)
    };
    let with_user = || get(shared::with_user::get).delete(shared::with_user::delete);
    let with_group = || get(shared::with_group::get).delete(shared::with_group::delete);
    Router::new()
        // -- the hub
        .route(&api(""), get(root::root))
        .route(&api("/"), get(root::root))
        .route(&api("/info"), get(info::info))
        .route(&api("/shutdown"), post(shutdown::shutdown))
        .route(
            &api("/proxy"),
            get(proxy::list::list)
                .post(proxy::check::check)
                .patch(proxy::relocate::relocate),
        )
        // -- who is this?
        .route(&api("/user"), get(current_user::current_user))
        .route(
            &api("/authorizations/token/{token}"),
            get(authorizations::token::token),
        )
        .route(
            &api("/authorizations/token"),
            get(authorizations::token::nameless).post(authorizations::token::gone),
        )
        .route(
            &api("/authorizations/cookie/{name}/{value}"),
            get(authorizations::cookie::in_path),
        )
        .route(
            &api("/authorizations/cookie/{name}"),
            get(authorizations::cookie::in_body),
        )
        // -- users
        .route(
            &api("/users"),
            get(users::list::list).post(users::create::create_many),
        )
        .route(
            &api("/users/{user}"),
            get(users::get::user)
                .post(users::create::create_one)
                .patch(users::update::update)
                .delete(users::delete::delete),
        )
        .route(
            &api("/users/{user}/activity"),
            post(users::activity::activity),
        )
        .route(
            &api("/users/{user}/sessions"),
            delete(users::sessions::end_all),
        )
        .route(
            &api("/users/{user}/tokens"),
            get(tokens::list::list).post(tokens::create::create),
        )
        .route(&api("/users/{user}/tokens/"), token())
        .route(&api("/users/{user}/tokens/{token}"), token())
        .route(
            &api("/users/{user}/admin-access"),
            post(users::admin_access::admin_access),
        )
        // -- servers; the default one also has an empty name
        .route(&api("/users/{user}/server"), server())
        .route(&api("/users/{user}/servers/"), server())
        .route(&api("/users/{user}/servers/{server}"), server())
        .route(
            &api("/users/{user}/server/progress"),
            get(servers::progress::progress),
        )
        .route(
            &api("/users/{user}/servers//progress"),
            get(servers::progress::progress),
        )
        .route(
            &api("/users/{user}/servers/{server}/progress"),
            get(servers::progress::progress),
        )
        // -- services and groups
        .route(&api("/services"), get(services::list::list))
        .route(
            &api("/services/{service}"),
            get(services::get::get)
                .post(services::register::register)
                .delete(services::delete::delete),
        )
        .route(
            &api("/groups"),
            get(groups::list::list).post(groups::create::create_many),
        )
        .route(
            &api("/groups/{group}"),
            get(groups::get::get)
                .post(groups::create::create_one)
                .delete(groups::delete::delete),
        )
        .route(
            &api("/groups/{group}/users"),
            post(groups::members::add).delete(groups::members::remove),
        )
        .route(
            &api("/groups/{group}/properties"),
            put(groups::properties::put),
        )
        // -- shares; the default server has an empty name
        .route(
            &api("/shares/{user}"),
            get(shares::list::of_owner)
                .post(shares::server_required)
                .patch(shares::server_required)
                .delete(shares::server_required),
        )
        .route(&api("/shares/{user}/"), shares())
        .route(&api("/shares/{user}/{server}"), shares())
        .route(
            &api("/share-codes/{user}"),
            get(share_codes::list::of_owner)
                .post(shares::server_required)
                .delete(shares::server_required),
        )
        .route(&api("/share-codes/{user}/"), share_codes())
        .route(&api("/share-codes/{user}/{server}"), share_codes())
        .route(&api("/users/{user}/shared"), get(shared::with_user::list))
        .route(&api("/users/{user}/shared/{owner}/"), with_user())
        .route(&api("/users/{user}/shared/{owner}/{server}"), with_user())
        .route(
            &api("/groups/{group}/shared"),
            get(shared::with_group::list),
        )
        .route(&api("/groups/{group}/shared/{owner}/"), with_group())
        .route(
            &api("/groups/{group}/shared/{owner}/{server}"),
            with_group(),
        )
        // -- ours: roles at run time, many users at once
        .route(&api("/roles"), get(roles::read::list))
        .route(
            &api("/roles/{role}"),
            get(roles::read::get)
                .post(roles::write::create)
                .put(roles::write::replace)
                .delete(roles::delete::delete),
        )
        .route(
            &api("/roles/{role}/{kind}/{holder}"),
            put(roles::assign::give).delete(roles::assign::take),
        )
        .route(&api("/bulk/users"), post(bulk::users))
        .route_layer(from_fn(no_head))
        // -- health, which also answers who only wants the head; and everything else
        .route(&api("/health"), health())
        .route(&base.hub_path("health"), health())
        .route(&api("/{*unknown}"), any(unknown))
        .method_not_allowed_fallback(wrong_method)
}

/// A URL of the API that is none: JSON 404.
async fn unknown() -> ApiError {
    ApiError::silent(StatusCode::NOT_FOUND)
}

fn health() -> MethodRouter<AppState> {
    let refused = async || ApiError::silent(StatusCode::METHOD_NOT_ALLOWED);
    get(health::health).options(refused)
}

/// A URL of the API with a method that it does not have: JSON 405. `OPTIONS` gets an empty 200: what may be sent is in the
/// headers of every response.
pub(super) async fn wrong_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        ApiError::silent(StatusCode::METHOD_NOT_ALLOWED).into_response()
    }
}

/// `HEAD` is no method of JupyterHub's API.
pub(super) async fn no_head(request: Request, next: Next) -> Response {
    if *request.method() == Method::HEAD {
        ApiError::silent(StatusCode::METHOD_NOT_ALLOWED).into_response()
    } else {
        next.run(request).await
    }
}
