//! A page about all running servers, for the members of the group `staff`.

use std::fmt::Write as _;
use std::process::ExitCode;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::{Router, routing::get};
use futures_util::TryStreamExt as _;
use hubauth::{Access, HubClient, HubOAuth, HubUser, UsersQuery};

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The visitor has logged in; what the page shows is read with the service's own token.
async fn page(user: HubUser, State(hub): State<HubClient>) -> Result<Html<String>, StatusCode> {
    let servers: Vec<_> = hub
        .each_server(UsersQuery::active())
        .try_collect()
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut rows = String::new();
    for (owner, server) in &servers {
        let used = server
            .last_activity
            .map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
        let (owner, name) = (escape(owner), escape(&server.name));
        // Writing to a String cannot fail.
        let _ = write!(rows, "<tr><td>{owner}<td>{name}<td>{used}");
    }
    Ok(Html(format!(
        "<!doctype html><title>Servers</title><h1>Hello, {}</h1><p>{} servers are running.<table>{rows}</table>",
        escape(&user.name),
        servers.len(),
    )))
}

fn main() -> ExitCode {
    services::kit::run(async |_| {
        let hub = HubOAuth::from_env()?;
        let staff = hub.layer().require(Access::groups(["staff"]));
        Ok(Router::new()
            .route("/", get(page))
            .with_state(hub.auth().client().clone())
            .layer(staff)
            .merge(hub.callback_routes()))
    })
}
