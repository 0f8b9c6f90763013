//! `hub demo-server`: a small single-user server for a first look, where JupyterLab is not installed.
//!
//! It keeps the contract of a single-user server (as `jupyterhub-singleuser` does): asks the hub for its version at
//! start, answers `{prefix}api` to the hub's readiness check, lets in who may access the server, and reports activity,
//! but only when somebody really used it.
//!
//! ```text
//! GET {prefix}        a page: who you are, a WebSocket to try, how to install JupyterLab
//! GET {prefix}echo    a WebSocket that sends back what it gets
//! GET {prefix}api     {"version": …}, for anybody
//! GET {prefix}logout  logs out here and at the hub
//! ```

mod echo;
mod hub_check;
mod page;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use hub_types::clock::SystemClock;
use hub_types::env::{EnvSource, JUPYTERHUB_SERVER_NAME, JUPYTERHUB_USER, ProcessEnv};
use hub_types::{JUPYTERHUB_VERSION, VERSION_HEADER};
use hubauth::{HubAuthConfig, HubOAuth, HubUser};

use crate::kit::activity::{LastUse, Reporter};
use crate::{kit, look};

/// Runs the program until it is asked to stop.
#[must_use]
pub fn run() -> ExitCode {
    kit::run(async |_| {
        let hub = HubOAuth::from_env()?;
        hub_check::reach(hub.auth().client()).await?;
        let demo = Demo::new(hub.config(), &ProcessEnv);
        if let Some(report) = Reporter::from_env(hub.auth().client(), &demo.last_use, &ProcessEnv) {
            tokio::spawn(report.run());
        }
        Ok(router(&hub, demo))
    })
}

/// What the handlers know.
#[derive(Clone)]
pub struct Demo {
    config: HubAuthConfig,
    owner: String,
    server: String,
    last_use: Arc<LastUse>,
}

impl Demo {
    /// The server that the environment describes.
    #[must_use]
    pub fn new(config: &HubAuthConfig, env: &impl EnvSource) -> Self {
        Self {
            config: config.clone(),
            owner: env.get(JUPYTERHUB_USER).unwrap_or_default(),
            server: env.get(JUPYTERHUB_SERVER_NAME).unwrap_or_default(),
            last_use: Arc::new(LastUse::new(Arc::new(SystemClock))),
        }
    }
}

/// The routes, without the server's prefix.
pub fn router(hub: &HubOAuth, demo: Demo) -> Router {
    let home = demo.config.service_prefix.clone();
    let to_home = get(move || async move { Redirect::to(&home) });
    let private = Router::new()
        .route("/", get(front))
        .route("/echo", get(echo::upgrade))
        // Where links and bookmarks made for JupyterLab point.
        .route("/lab", to_home.clone())
        .route("/lab/{*rest}", to_home.clone())
        .route("/tree", to_home.clone())
        .route("/tree/{*rest}", to_home)
        .route_layer(middleware::from_fn_with_state(demo.clone(), note_use))
        .with_state(demo)
        .layer(hub.layer());
    private
        .route("/api", get(version))
        .route(
            "/demo.js",
            get(|| async { look::file("text/javascript; charset=utf-8", SCRIPT) }),
        )
        .merge(hub.callback_routes())
        .merge(hub.logout_routes())
        .merge(look::files())
}

const SCRIPT: &str = include_str!("../static/demo.js");

async fn front(State(demo): State<Demo>, user: HubUser) -> Response {
    page::page(&demo, &user)
}

async fn version() -> Response {
    let version = serde_json::json!({ "version": env!("CARGO_PKG_VERSION") });
    let header = (HeaderName::from_static(VERSION_HEADER), JUPYTERHUB_VERSION);
    ([header], Json(version)).into_response()
}

/// Everything that gets this far comes from somebody who may enter: the server was used.
async fn note_use(State(demo): State<Demo>, request: Request, next: Next) -> Response {
    demo.last_use.note();
    next.run(request).await
}
