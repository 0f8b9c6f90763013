//! Says who is logged in at the hub, as JSON; the login is put together by hand, without the layer.

use std::error::Error;

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::{Json, Router, routing::get};
use hubauth::{HubOAuth, Token};
use tokio::net::TcpListener;

/// Who asks? Whoever nobody knows is sent to the hub, and comes back to the front page.
async fn whoami(State(hub): State<HubOAuth>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let found = match hub.recognise(&parts).await {
        Ok(found) => found,
        Err(error) => {
            return (error.status_for_visitor(), "The hub does not answer.").into_response();
        }
    };
    let Some(user) = found.user else {
        let front_page = hub.config().service_prefix.clone();
        let (location, cookie) = hub.start_login(&parts, front_page);
        let headers = [(LOCATION, location), (SET_COOKIE, cookie.to_string())];
        return (StatusCode::FOUND, headers).into_response();
    };
    if !hub.auth().check(&user).is_allowed() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let cookies = found
        .set_cookies
        .into_iter()
        .map(|cookie| (SET_COOKIE, cookie));
    (AppendHeaders(cookies), Json(user.identity())).into_response()
}

/// What the hub sends the browser back with.
#[derive(serde::Deserialize)]
struct Back {
    code: String,
    state: String,
}

/// Back from the hub: the state must be this browser's, then the code becomes a token, and the token a cookie.
async fn back(State(hub): State<HubOAuth>, Query(back): Query<Back>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let login = match hub.pending_login(&parts, &back.state) {
        Ok(login) => login,
        Err(error) => return (error.status(), error.to_string()).into_response(),
    };
    let granted = match hub
        .token_for_code(&Token::from_config(back.code), &login)
        .await
    {
        Ok(granted) => granted,
        Err(error) => return (error.status(), error.to_string()).into_response(),
    };
    let cookies = hub.login_cookies(&parts, &granted);
    let cookies = cookies
        .iter()
        .map(|cookie| (SET_COOKIE, cookie.to_string()));
    (
        StatusCode::FOUND,
        AppendHeaders(cookies),
        [(LOCATION, login.next)],
    )
        .into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = HubOAuth::from_env()?;
    let app = Router::new()
        .route("/", get(whoami))
        .route("/oauth_callback", get(back))
        .with_state(hub.clone());
    let listener = TcpListener::bind(hub.config().listen_address()?).await?;
    axum::serve(listener, hub.mount(app)).await?;
    Ok(())
}
