//! A service that greets whoever is logged in at the hub: `/` as a page, `/me` as JSON.

use std::process::ExitCode;

use axum::response::Html;
use axum::{Json, Router, routing::get};
use hubauth::{HubOAuth, HubUser, Identity};

async fn page(user: HubUser) -> Html<String> {
    let name = user.name.replace('&', "&amp;").replace('<', "&lt;");
    Html(format!(
        "<!doctype html><title>Who am I?</title><h1>Hello, {name}!</h1><p>The same <a href=me>as JSON</a>."
    ))
}

async fn me(user: HubUser) -> Json<Identity> {
    Json(user.identity().clone())
}

fn main() -> ExitCode {
    services::kit::run(async |_| {
        let hub = HubOAuth::from_env()?;
        let app = Router::new().route("/", get(page)).route("/me", get(me));
        Ok(app.layer(hub.layer()).merge(hub.callback_routes()))
    })
}
