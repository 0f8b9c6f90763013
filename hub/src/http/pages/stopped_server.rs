//! `/hub/user/:name/…`: requests to a server that the proxy has no route for. Source: wire contract 6.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hub_types::names::{ServerName, Username};
use serde_json::json;
use url::form_urlencoded;

use super::context::{PageUser, found};
use super::error_page::PageError;
use super::spawn::{check_user, on_the_way};
use super::spawn_pending::not_running_page;
use crate::db::servers;
use crate::domain::action::AccessServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Server, ServerRef};
use crate::http::error::ApiError;
use crate::render::pages::NotRunningPage;
use crate::state::AppState;

/// After so many trips between proxy and hub the route will not come.
const MOST_REDIRECTS: u32 = 4;
/// The argument that counts them.
const REDIRECTS: &str = "redirects";

type Parts = std::collections::HashMap<String, String>;

/// Any method.
pub(super) async fn answer(State(state): State<AppState>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let user = match PageUser::or_token(&mut parts, &state).await {
        Ok(user) => user,
        Err(response) => return response,
    };
    let Ok(Path(names)) = Path::<Parts>::from_request_parts(&mut parts, &state).await else {
        return ApiError::out_of_reach().into_response();
    };
    match look(&user, &names, &parts.method, &parts.headers).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn look(
    user: &PageUser,
    names: &Parts,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let name = Username::stored(names.get("user").map(String::as_str).unwrap_or_default());
    let path = names.get("path").map(String::as_str).unwrap_or_default();
    let (at, server) = find(user, name, path).await?;
    user.principal.require::<AccessServer>(at.clone())?;
    if *method == Method::PUT {
        return Ok(ApiError::silent(StatusCode::METHOD_NOT_ALLOWED).into_response());
    }
    let state = server
        .as_ref()
        .map_or(ServerState::Stopped, |server| server.state);
    let reading = matches!(*method, Method::GET | Method::HEAD);
    if reading && server.is_none() {
        check_user(user, &at.user).await?;
    }
    if state == ServerState::Ready && reading {
        return back_to_the_proxy(user, &at).await;
    }
    if !reading || wants_json(headers, path) {
        return Ok(stopped_json(user, &at));
    }
    let failed = server
        .as_ref()
        .is_some_and(|server| server.last_failure.is_some());
    let next = meant(user, &at);
    if state != ServerState::Stopped || failed {
        let pending = user.base().spawn_pending(&at.user, &at.name);
        let mut response = found(&on_the_way(pending, Some(&next)));
        *response.status_mut() = StatusCode::SEE_OTHER;
        return Ok(response);
    }
    stopped(user, &at, &next)
}

/// The page of a server that was stopped, or never started.
fn stopped(user: &PageUser, at: &ServerRef, next: &str) -> Result<Response, PageError> {
    let wait = user
        .state
        .config
        .jupyterhub
        .implicit_spawn
        .as_secs_f64()
        .ceil();
    let page = NotRunningPage {
        implicit_spawn_seconds: (wait > 0.0).then_some(wait as u32),
        ..not_running_page(user, at, None, Some(next))
    };
    user.page(status(user), &page)
}

/// Where the request was going before it came here, without the count of trips: each visit by a link that was kept would add
/// one, until it led nowhere.
fn meant(user: &PageUser, at: &ServerRef) -> String {
    let counts =
        |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == REDIRECTS);
    let path = user.uri.path().replacen("/hub/user/", "/user/", 1);
    let query = user.uri.query().unwrap_or_default().split('&');
    let kept: Vec<&str> = query
        .filter(|pair| !pair.is_empty() && !counts(pair))
        .collect();
    let whole = match kept.is_empty() {
        true => path,
        false => format!("{path}?{}", kept.join("&")),
    };
    user.next(Some(&whole))
        .unwrap_or_else(|| user.base().server(&at.user, &at.name))
}

/// What requests to a server that does not run are answered with.
fn status(user: &PageUser) -> StatusCode {
    match user.state.config.jupyterhub.legacy_stopped_status {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::FAILED_DEPENDENCY,
    }
}

/// The server that a path means: its first segment if the user has a server of that name, else the default server.
async fn find(
    user: &PageUser,
    name: Username,
    path: &str,
) -> Result<(ServerRef, Option<Server>), PageError> {
    let db = user.state.db.read();
    let first = path.split('/').next().unwrap_or_default();
    if !first.is_empty() {
        let named = ServerRef::new(name.clone(), ServerName::stored(first));
        if let Some(server) = servers::find(db, &named).await? {
            return Ok((named, Some(server)));
        }
    }
    let at = ServerRef::new(name, ServerName::default_server());
    let server = servers::find(db, &at).await?;
    Ok((at, server))
}

fn wants_json(headers: &HeaderMap, path: &str) -> bool {
    if path.split('/').any(|segment| segment == "api") {
        return true;
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match (accept.find("application/json"), accept.find("text/html")) {
        (Some(json), Some(html)) => json < html,
        (json, None) => json.is_some(),
        (None, Some(_)) => false,
    }
}

fn stopped_json(user: &PageUser, at: &ServerRef) -> Response {
    let path = user.uri.path();
    let own = path.replacen("/hub/user/", "/user/", 1);
    let start = format!("{}{}", user.origin(), user.base().spawn(&at.user, &at.name));
    let message =
        format!("JupyterHub server no longer running at {own}. Restart the server at {start}");
    (status(user), Json(json!({ "message": message }))).into_response()
}

/// The server is ready, but the request came to the hub: the route is not there yet. Try again, a little later each time.
async fn back_to_the_proxy(user: &PageUser, at: &ServerRef) -> Result<Response, PageError> {
    let redirects = user
        .argument(REDIRECTS)
        .and_then(|count| count.parse::<u32>().ok())
        .unwrap_or(0);
    if redirects >= MOST_REDIRECTS {
        return Err(PageError::new(StatusCode::INTERNAL_SERVER_ERROR, "Redirect loop detected.")
            .with_hint("The proxy does not know this server. Ask your administrator, or restart the server."));
    }
    if redirects > 0 {
        let seconds = 2_u64.saturating_pow(redirects).min(10);
        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    }
    let host = user.state.addresses.user_origin(&at.user);
    let (host, there) = (host.unwrap_or_default(), meant(user, at));
    let mark = if there.contains('?') { '&' } else { '?' };
    let count = redirects + 1;
    Ok(found(&format!("{host}{there}{mark}{REDIRECTS}={count}")))
}
