//! A service for the tests: it answers every method with the visitor's name. `echo-service tokens|login|cookie` says how it
//! recognises visitors; its Python counterpart is `tests/peers/echo_service.py`.

use std::process::ExitCode;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{any, get};
use hub_types::env::ProcessEnv;
use hubauth::{HubAuth, HubAuthConfig, HubOAuth, HubUser};

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
            _ => app().layer(HubAuth::new(config)?.layer()),
        })
    })
}
