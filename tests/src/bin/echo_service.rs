//! A service for the tests: it answers every method with the visitor's name. `echo-service tokens|login|cookie` says how it
//! recognises visitors; its Python counterpart is `tests/peers/echo_service.py`. `echo-service server` is somebody's server:
//! every answer, and every message of its WebSocket `echo`, begins with whose it is.

use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{any, get};
use hub_types::env::{EnvSource as _, JUPYTERHUB_USER, ProcessEnv};
use hub_types::{JUPYTERHUB_VERSION, VERSION_HEADER};
use hubauth::{HubAuth, HubAuthConfig, HubOAuth, HubUser, LoginWatch};

fn app() -> Router {
    Router::new().route("/", any(|user: HubUser| async move { user.name.clone() }))
}

/// The cookies that came with the request.
async fn cookies(headers: HeaderMap) -> String {
    let all = headers.get_all("cookie").iter();
    let texts: Vec<_> = all.filter_map(|header| header.to_str().ok()).collect();
    texts.join("; ")
}

/// How often the hub was asked so far.
fn calls(auth: HubAuth) -> Router {
    let calls = move || async move { auth.cache_stats().calls.to_string() };
    Router::new().route("/calls", get(calls))
}

/// A single-user server of `owner`.
fn server(hub: &HubOAuth, owner: &str) -> Router {
    let greet = async |State(owner): State<String>, user: HubUser| format!("{owner} {}", user.name);
    let version = || async { ([(VERSION_HEADER, JUPYTERHUB_VERSION)], "{}") };
    Router::new()
        .route("/", any(greet))
        .route("/echo", get(upgrade))
        .layer(hub.layer())
        .with_state(owner.to_owned())
        .route("/api", get(version))
        .merge(hub.callback_routes())
}

async fn upgrade(
    State(owner): State<String>,
    user: HubUser,
    watch: LoginWatch,
    upgrade: WebSocketUpgrade,
) -> Response {
    let names = format!("{owner} {}", user.name);
    upgrade.on_upgrade(async move |socket| {
        tokio::select! {
            () = echo(socket, &names) => {}
            _ = watch.ended() => {}
        }
    })
}

async fn echo(mut socket: WebSocket, names: &str) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        let back = Message::text(format!("{names} {text}"));
        if socket.send(back).await.is_err() {
            return;
        }
    }
}

fn main() -> ExitCode {
    services::kit::run(async |_| {
        let config = HubAuthConfig::from_env(&ProcessEnv)?;
        Ok(match std::env::args().nth(1).as_deref() {
            Some("login") => {
                let hub = HubOAuth::new(config)?;
                let app = app().route("/cookies", get(cookies));
                app.layer(hub.layer()).merge(hub.callback_routes())
            }
            Some("cookie") => {
                let hub = HubAuth::new(config.with_cookie_auth(true))?;
                app().layer(hub.layer()).merge(calls(hub))
            }
            Some("server") => {
                let owner = ProcessEnv.get(JUPYTERHUB_USER).unwrap_or_default();
                server(&HubOAuth::new(config)?, &owner)
            }
            _ => app().layer(HubAuth::new(config)?.layer()),
        })
    })
}
