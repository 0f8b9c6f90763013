//! The REST API under `{base}hub/api`. Every route is on this screen; each action has its own file below.
//!
//! A handler asks for permission first ([`Principal::require`](crate::domain::principal::Principal::require)) and hands
//! the evidence to the function that acts. Errors are [`ApiError`]; models come from [`view`](crate::http::view).
//!
//! # To add an endpoint
//!
//! An action in `domain::action`, a file here, what is said of it in `describe`, a line in `described`, a row in
//! `docs/compat.md`.

mod authorizations;
mod body;
mod bulk;
mod current_user;
mod describe;
mod groups;
mod health;
mod info;
mod page;
mod proxy;
mod roles;
mod root;
pub(in crate::http) mod servers;
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
use axum::routing::{self, MethodRouter, any};
use hub_types::paths::BaseUrl;

use crate::http::error::ApiError;
use crate::http::openapi;
use crate::http::openapi::operation::Served;
use crate::http::openapi::routes::{Described, delete, get, post, put};
use crate::http::openapi::schemas::Models;
use crate::http::pages;
use crate::state::AppState;

/// All routes of the REST API. Slashes at the end count: only `/hub/api` and `/hub/api/` are the same.
pub fn routes(base: &BaseUrl) -> Router<AppState> {
    let api = |path: &str| base.hub_path(&format!("api{path}"));
    let described = described(base);
    let document = openapi::served(base, &described.operations);
    described
        .router
        .route(&api(""), routing::get(root::root))
        .route(&api("/openapi.json"), routing::get(document))
        .route_layer(from_fn(no_head))
        // -- health, which also answers who only wants the head; and everything else
        .route(&api("/health"), health())
        .route(&base.hub_path("health"), health())
        .route(&api("/{*unknown}"), any(unknown))
        .method_not_allowed_fallback(wrong_method)
}

/// All operations of the REST API, those included that other routers serve.
pub(crate) fn operations(base: &BaseUrl) -> Vec<Served> {
    described(base).operations
}

/// Adds the models that only the API itself knows.
pub(crate) fn add_models(all: &mut Models) {
    bulk::add_models(all);
}

fn described(base: &BaseUrl) -> Described {
    [
        the_hub as fn(Described) -> Described,
        who_is_this,
        users_and_tokens,
        user_servers,
        services_and_groups,
        shared_by,
        invitations,
        shared_with,
        ours,
    ]
    .into_iter()
    .fold(Described::new(base), |all, more| more(all))
}

/// The hub itself, and its proxy.
fn the_hub(all: Described) -> Described {
    all.at("/", get(root::root, describe::hub::version()))
        .at("/info", get(info::info, describe::hub::info()))
        .at(
            "/shutdown",
            post(shutdown::shutdown, describe::hub::shutdown()),
        )
        .at(
            "/proxy",
            get(proxy::list::list, describe::hub::routes())
                .post(proxy::check::check, describe::hub::check_routes())
                .patch(proxy::relocate::relocate, describe::hub::relocate_proxy()),
        )
        .elsewhere("/openapi.json", [(Method::GET, describe::hub::document())])
        .elsewhere("/health", [(Method::GET, describe::hub::health())])
        .elsewhere("/metrics", describe::hub::elsewhere())
}

/// Whose credential is this?
fn who_is_this(all: Described) -> Described {
    all.at(
        "/user",
        get(current_user::current_user, describe::hub::current_user()),
    )
    .at(
        "/authorizations/token/{token}",
        get(authorizations::token::token, describe::login::by_token()),
    )
    .at(
        "/authorizations/token",
        get(authorizations::token::nameless, describe::login::nameless())
            .post(authorizations::token::gone, describe::login::old_token()),
    )
    .at(
        "/authorizations/cookie/{name}/{value}",
        get(
            authorizations::cookie::in_path,
            describe::login::by_cookie(),
        ),
    )
    .at(
        "/authorizations/cookie/{name}",
        get(
            authorizations::cookie::in_body,
            describe::login::by_cookie_in_body(),
        ),
    )
    .elsewhere("/oauth2/authorize", describe::login::authorize())
    .elsewhere("/oauth2/token", describe::login::token())
}

/// Users and their tokens.
fn users_and_tokens(all: Described) -> Described {
    let token = || {
        get(tokens::get::get, describe::tokens::get())
            .delete(tokens::delete::delete, describe::tokens::delete())
    };
    all.at(
        "/users",
        get(users::list::list, describe::users::list())
            .post(users::create::create_many, describe::users::create_many()),
    )
    .at(
        "/users/{user}",
        get(users::get::user, describe::users::get())
            .post(users::create::create_one, describe::users::create())
            .patch(users::update::update, describe::users::update())
            .delete(users::delete::delete, describe::users::delete()),
    )
    .at(
        "/users/{user}/activity",
        post(users::activity::activity, describe::users::activity()),
    )
    .at(
        "/users/{user}/sessions",
        delete(users::sessions::end_all, describe::users::end_sessions()),
    )
    .at(
        "/users/{user}/tokens",
        get(tokens::list::list, describe::tokens::list())
            .post(tokens::create::create, describe::tokens::create()),
    )
    .at("/users/{user}/tokens/", token())
    .at("/users/{user}/tokens/{token}", token())
    .at(
        "/users/{user}/admin-access",
        post(
            users::admin_access::admin_access,
            describe::users::admin_access(),
        ),
    )
}

/// Servers; the default one also has an empty name.
fn user_servers(all: Described) -> Described {
    let server = || {
        get(servers::get::server, describe::servers::get())
            .put(servers::create::create, describe::servers::create())
            .post(servers::start::start, describe::servers::start())
            .patch(servers::update::update, describe::servers::update())
            .delete(servers::stop::stop, describe::servers::stop())
    };
    let progress = || get(servers::progress::progress, describe::servers::progress());
    let notice = || put(servers::notice::announce, describe::servers::announce());
    all.at("/users/{user}/server", server())
        .at("/users/{user}/servers/", server())
        .at("/users/{user}/servers/{server}", server())
        .at("/users/{user}/server/progress", progress())
        .at("/users/{user}/servers//progress", progress())
        .at("/users/{user}/servers/{server}/progress", progress())
        .at("/users/{user}/server/stop-notice", notice())
        .at("/users/{user}/servers/{server}/stop-notice", notice())
}

/// Services and groups.
fn services_and_groups(all: Described) -> Described {
    all.at(
        "/services",
        get(services::list::list, describe::services::list()),
    )
    .at(
        "/services/{service}",
        get(services::get::get, describe::services::get())
            .post(services::register::register, describe::services::register())
            .delete(services::delete::delete, describe::services::delete()),
    )
    .at(
        "/groups",
        get(groups::list::list, describe::groups::list())
            .post(groups::create::create_many, describe::groups::create_many()),
    )
    .at(
        "/groups/{group}",
        get(groups::get::get, describe::groups::get())
            .post(groups::create::create_one, describe::groups::create())
            .delete(groups::delete::delete, describe::groups::delete()),
    )
    .at(
        "/groups/{group}/users",
        post(groups::members::add, describe::groups::add_members())
            .delete(groups::members::remove, describe::groups::remove_members()),
    )
    .at(
        "/groups/{group}/properties",
        put(groups::properties::put, describe::groups::put_properties()),
    )
}

/// Shares of an owner; the default server has an empty name.
fn shared_by(all: Described) -> Described {
    let shares = || {
        get(shares::list::of_server, describe::shares::of_server())
            .post(shares::grant::grant, describe::shares::grant())
            .patch(shares::revoke::revoke, describe::shares::revoke())
            .delete(shares::revoke::revoke_all, describe::shares::revoke_all())
    };
    let server_required = describe::shares::server_required;
    all.at(
        "/shares/{user}",
        get(shares::list::of_owner, describe::shares::of_owner())
            .post(shares::server_required, server_required())
            .patch(shares::server_required, server_required())
            .delete(shares::server_required, server_required()),
    )
    .at("/shares/{user}/", shares())
    .at("/shares/{user}/{server}", shares())
}

/// Share codes; the default server has an empty name.
fn invitations(all: Described) -> Described {
    let share_codes = || {
        get(
            share_codes::list::of_server,
            describe::shares::codes_of_server(),
        )
        .post(share_codes::create::create, describe::shares::create_code())
        .delete(
            share_codes::delete::delete,
            describe::shares::delete_codes(),
        )
    };
    let server_required = describe::shares::server_required;
    all.at(
        "/share-codes/{user}",
        get(
            share_codes::list::of_owner,
            describe::shares::codes_of_owner(),
        )
        .post(shares::server_required, server_required())
        .delete(shares::server_required, server_required()),
    )
    .at("/share-codes/{user}/", share_codes())
    .at("/share-codes/{user}/{server}", share_codes())
}

/// What is shared with users and groups; the default server has an empty name.
fn shared_with(all: Described) -> Described {
    let with_user = || {
        get(shared::with_user::get, describe::shares::one_with_user()).delete(
            shared::with_user::delete,
            describe::shares::drop_with_user(),
        )
    };
    let with_group = || {
        get(shared::with_group::get, describe::shares::one_with_group()).delete(
            shared::with_group::delete,
            describe::shares::drop_with_group(),
        )
    };
    all.at(
        "/users/{user}/shared",
        get(shared::with_user::list, describe::shares::with_user()),
    )
    .at("/users/{user}/shared/{owner}/", with_user())
    .at("/users/{user}/shared/{owner}/{server}", with_user())
    .at(
        "/groups/{group}/shared",
        get(shared::with_group::list, describe::shares::with_group()),
    )
    .at("/groups/{group}/shared/{owner}/", with_group())
    .at("/groups/{group}/shared/{owner}/{server}", with_group())
}

/// What only this hub has: roles at run time, many users at once.
fn ours(all: Described) -> Described {
    all.at("/roles", get(roles::read::list, describe::roles::list()))
        .at(
            "/roles/{role}",
            get(roles::read::get, describe::roles::get())
                .post(roles::write::create, describe::roles::create())
                .put(roles::write::replace, describe::roles::replace())
                .delete(roles::delete::delete, describe::roles::delete()),
        )
        .at(
            "/roles/{role}/{kind}/{holder}",
            put(roles::assign::give, describe::roles::give())
                .delete(roles::assign::take, describe::roles::take()),
        )
        .at("/bulk/users", post(bulk::users, describe::users::bulk()))
}

/// A URL of the API that is none: JSON 404.
async fn unknown() -> ApiError {
    ApiError::silent(StatusCode::NOT_FOUND)
}

fn health() -> MethodRouter<AppState> {
    routing::get(health::health).fallback(pages::wrong_method)
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
