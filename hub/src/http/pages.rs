//! What a person sees: login, home, starting a server, tokens, errors.
//!
//! Every page works without JavaScript; modules only add comfort. A handler takes [`Visitor`] (anybody) or [`PageUser`]
//! (somebody who has logged in) and answers with a page, a redirect, or a [`PageError`], which becomes the error page.

mod accept_share;
mod admin;
mod api_docs;
mod authenticator;
mod context;
mod csp_report;
mod error_page;
pub(crate) mod form;
mod home;
mod login;
mod logout;
mod manage;
mod metrics;
mod pager;
mod redirects;
mod root;
mod server_card;
mod services;
mod spawn;
mod spawn_pending;
mod stopped_server;
mod token;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, post};

use context::Onlooker;
pub use context::{PageUser, Visitor};
pub use error_page::PageError;

use crate::assets;
use crate::http::extract::argument;
use crate::http::xsrf;
use crate::render::ErrorPage;
use crate::state::AppState;

/// A page that is asked for with a method that it does not have. What another site's form may have sent is refused as such
/// first, as in JupyterHub.
pub(in crate::http) async fn wrong_method(Onlooker(visitor): Onlooker, method: Method) -> Response {
    // A method that nothing here has changes nothing either.
    let known = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let argument = argument(&visitor.uri, "_xsrf");
    let own = xsrf::check(
        &visitor.state.cookies,
        &visitor.cookies(),
        xsrf::shown(argument.as_deref(), &visitor.headers),
        visitor.session_id(),
        &method,
        visitor.state.clock.now(),
    );
    let status = match own {
        Err(_) if known.contains(&method) => StatusCode::FORBIDDEN,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    let page = ErrorPage::new(visitor.chrome(), status, None);
    visitor.html(status, visitor.state.renderer.render_error(&page))
}

/// All pages, and what becomes of URLs that nothing else answers.
pub fn routes(state: &AppState) -> Router<AppState> {
    let base = &state.addresses.base;
    let hub = |path: &str| base.hub_path(path);
    authenticator::routes(state)
        // -- who are you
        .route(&hub("login"), get(login::form).post(login::submit))
        .route(&hub("logout"), get(logout::logout).post(logout::everywhere))
        // -- your server
        .route(&hub(""), get(root::root))
        .route(&hub("home"), get(home::home))
        .route(&hub("home/stop-server"), post(home::stop_server))
        .route(&hub("home/restart-server"), post(home::restart_server))
        .route(&hub("home/new-server"), post(home::new_server))
        .route(&hub("manage/{user}"), get(manage::page).post(manage::act))
        .route(
            &hub("manage/{user}/{server}"),
            get(manage::page).post(manage::act),
        )
        .route(&hub("spawn"), get(spawn::own).post(spawn::own_confirmed))
        .route(
            &hub("spawn/{user}"),
            get(spawn::start).post(spawn::confirmed),
        )
        .route(
            &hub("spawn/{user}/{server}"),
            get(spawn::start).post(spawn::confirmed),
        )
        .route(&hub("spawn-pending/{user}"), get(spawn_pending::pending))
        .route(
            &hub("spawn-pending/{user}/{server}"),
            get(spawn_pending::pending),
        )
        .route(&hub("user-redirect/{*path}"), get(redirects::user_redirect))
        // -- servers that do not run: the proxy sends their requests here
        .route(&hub("user/{user}"), any(stopped_server::answer))
        .route(&hub("user/{user}/{*path}"), any(stopped_server::answer))
        .route(&hub("user/{user}/"), any(stopped_server::answer))
        // -- tokens and applications
        .route(&hub("token"), get(token::page).post(token::request))
        .route(&hub("token/revoke"), post(token::revoke))
        // -- servers of others
        .route(
            &hub("accept-share"),
            get(accept_share::ask).post(accept_share::accept),
        )
        // -- for administrators
        .route(&hub("admin"), get(admin::users::list).post(admin::act::act))
        .route(
            &hub("admin/add-users"),
            get(admin::add_users::form).post(admin::add_users::add),
        )
        .route(
            &hub("admin/user"),
            get(admin::user::show).post(admin::user_change::change),
        )
        .route(
            &hub("admin/groups"),
            get(admin::groups::list).post(admin::groups::create),
        )
        .route(
            &hub("admin/group"),
            get(admin::group::show).post(admin::group::change),
        )
        .route(&hub("admin/errand"), get(admin::errand::show))
        .route(&hub("admin/roles"), get(admin::roles::list))
        .route(
            &hub("admin/shutdown"),
            get(admin::shutdown::ask).post(admin::shutdown::end),
        )
        .route(&hub("admin/services"), get(services::page))
        // -- for those who write clients
        .merge(api_docs::routes(base))
        // -- for Prometheus
        .route(&hub("metrics"), get(metrics::metrics))
        .route(&hub("api/metrics"), get(metrics::metrics))
        // -- for the proxy and for browsers
        .route(&hub("error/{code}"), get(error_page::for_proxy))
        .route(&hub("static/{*path}"), get(assets::static_file))
        .route(&hub("logo"), get(redirects::logo))
        .route(&hub("security/csp-report"), post(csp_report::report))
        .fallback(redirects::elsewhere)
        .layer(from_fn_with_state(state.clone(), error_page::render))
}
