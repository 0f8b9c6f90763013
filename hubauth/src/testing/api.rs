//! The fake hub's REST API.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use hub_types::page::{NextPage, Page, Pagination};
use hub_types::server::{Pending, ServerModel};
use hub_types::user::{ActivityReport, UserModel};
use hub_types::{IF_INACTIVE_SINCE_HEADER, JUPYTERHUB_VERSION};
use serde::Deserialize;
use serde_json::json;

use super::{Mood, Shared, collections, oauth};
use crate::credential::bearer;

pub(super) type Hub = State<Arc<Shared>>;

/// All routes.
pub(super) fn router(hub: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/", get(root))
        .route("/user", get(whoami))
        .route(
            "/authorizations/cookie/{name}/{value}",
            get(whoami_by_cookie),
        )
        .route("/oauth2/authorize", get(oauth::authorize))
        .route("/oauth2/token", post(oauth::token))
        .route("/users", get(users).post(create_users))
        .route(
            "/users/{user}",
            get(user)
                .post(create_user)
                .patch(update_user)
                .delete(delete_user),
        )
        .route("/users/{user}/activity", post(activity))
        .route(
            "/users/{user}/server",
            get(server_default).post(start_default).delete(stop_default),
        )
        .route("/users/{user}/server/progress", get(progress_default))
        .route(
            "/users/{user}/servers/{server}",
            get(server_named).post(start_named).delete(stop_named),
        )
        .merge(collections::routes())
        .route("/services", get(services))
        .route("/services/{service}", get(service))
        .route("/proxy", get(routes).post(check_routes))
        .layer(from_fn_with_state(Arc::clone(&hub), before))
        .with_state(hub);
    Router::new().nest("/hub/api/", api)
}

/// Counts, and misbehaves.
async fn before(State(hub): Hub, request: Request, next: Next) -> Response {
    let call = format!("{} {}", request.method(), request.uri().path());
    let mood = {
        let mut world = hub.world();
        *world.calls.entry(call).or_default() += 1;
        match &mut world.mood {
            Mood::Busy(0, _) | Mood::Broken(0) => Mood::Good,
            Mood::Busy(left, _) | Mood::Broken(left) => {
                *left -= 1;
                world.mood.clone()
            }
            other => other.clone(),
        }
    };
    match mood {
        Mood::Good => next.run(request).await,
        Mood::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (
                status,
                Json(json!({ "status": status.as_u16(), "message": "as told" })),
            )
                .into_response()
        }
        Mood::Babble(text) => text.into_response(),
        Mood::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::Busy(_, seconds) => {
            let mut reply = error(StatusCode::TOO_MANY_REQUESTS, Some("try later"));
            reply
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            reply
        }
        // A body that fails before its first byte makes the server drop the connection.
        Mood::Broken(_) => {
            let cut = std::io::Error::other("cut");
            let body = futures_util::stream::iter([Err::<bytes::Bytes, _>(cut)]);
            Body::from_stream(body).into_response()
        }
    }
}

pub(super) fn error(status: StatusCode, message: Option<&str>) -> Response {
    (
        status,
        Json(json!({ "status": status.as_u16(), "message": message })),
    )
        .into_response()
}

pub(super) fn not_found() -> Response {
    error(
        StatusCode::NOT_FOUND,
        Some("No access to resources or resources not found"),
    )
}

async fn root() -> Response {
    Json(json!({ "version": JUPYTERHUB_VERSION })).into_response()
}

async fn whoami(State(hub): Hub, headers: HeaderMap) -> Response {
    hub.admit().await;
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| bearer(value.to_str().ok()?));
    match token.and_then(|token| hub.world().tokens.get(token.expose()).cloned()) {
        Some(identity) => Json(identity).into_response(),
        None => error(StatusCode::FORBIDDEN, None),
    }
}

async fn whoami_by_cookie(State(hub): Hub, Path(cookie): Path<(String, String)>) -> Response {
    match hub.world().cookies.get(&cookie) {
        Some(identity) => Json(identity.clone()).into_response(),
        None => error(StatusCode::NOT_FOUND, None),
    }
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
    state: Option<String>,
}

async fn users(State(hub): Hub, headers: HeaderMap, Query(paging): Query<Paging>) -> Response {
    let matches = |user: &&UserModel| {
        let active = user
            .servers
            .as_ref()
            .is_some_and(|servers| !servers.is_empty());
        match paging.state.as_deref() {
            Some("inactive") => !active,
            Some(_) => active,
            None => true,
        }
    };
    let found: Vec<UserModel> = hub
        .world()
        .users
        .values()
        .filter(matches)
        .cloned()
        .collect();
    let limit = paging.limit.unwrap_or(50).clamp(1, 200);
    let end = (paging.offset + limit).min(found.len());
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("hub");
    let state = paging
        .state
        .map(|state| format!("&state={state}"))
        .unwrap_or_default();
    let next = (end < found.len()).then(|| NextPage {
        offset: end as u64,
        limit: limit as u64,
        url: format!("http://{host}/hub/api/users?limit={limit}&offset={end}{state}"),
    });
    let items = found.get(paging.offset..end).unwrap_or_default().to_vec();
    let pagination = Pagination {
        offset: paging.offset as u64,
        limit: limit as u64,
        total: found.len() as u64,
        next,
    };
    Json(Page { items, pagination }).into_response()
}

#[derive(Deserialize)]
struct NewUsers {
    usernames: Vec<String>,
}

async fn create_users(State(hub): Hub, Json(new): Json<NewUsers>) -> Response {
    let mut world = hub.world();
    let mut made = Vec::new();
    for name in new.usernames {
        if let Entry::Vacant(place) = world.users.entry(name) {
            let user = UserModel {
                name: place.key().clone(),
                ..UserModel::default()
            };
            made.push(place.insert(user).clone());
        }
    }
    if made.is_empty() {
        return error(StatusCode::CONFLICT, Some("All users already exist"));
    }
    (StatusCode::CREATED, Json(made)).into_response()
}

async fn user(State(hub): Hub, Path(name): Path<String>) -> Response {
    match hub.world().users.get(&name) {
        Some(user) => Json(user.clone()).into_response(),
        None => not_found(),
    }
}

async fn create_user(State(hub): Hub, Path(name): Path<String>) -> Response {
    let mut world = hub.world();
    if world.users.contains_key(&name) {
        return error(
            StatusCode::CONFLICT,
            Some(&format!("User {name} already exists")),
        );
    }
    let user = UserModel {
        name: name.clone(),
        ..UserModel::default()
    };
    world.users.insert(name, user.clone());
    (StatusCode::CREATED, Json(user)).into_response()
}

#[derive(Deserialize)]
struct Change {
    name: Option<String>,
    admin: Option<bool>,
}

async fn update_user(
    State(hub): Hub,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Response {
    let mut world = hub.world();
    let Some(mut user) = world.users.remove(&name) else {
        return not_found();
    };
    user.admin = change.admin.or(user.admin);
    user.name = change.name.unwrap_or(name);
    world.users.insert(user.name.clone(), user.clone());
    Json(user).into_response()
}

async fn delete_user(State(hub): Hub, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let mut world = hub.world();
    let Some(user) = world.users.get(&name) else {
        return not_found();
    };
    if was_used_since(&headers, user.last_activity.flatten()) {
        return error(StatusCode::PRECONDITION_FAILED, Some("active since"));
    }
    world.users.remove(&name);
    StatusCode::NO_CONTENT.into_response()
}

/// The condition of `X-JupyterHub-If-Inactive-Since`.
fn was_used_since(headers: &HeaderMap, last_activity: Option<DateTime<Utc>>) -> bool {
    let since = headers
        .get(IF_INACTIVE_SINCE_HEADER)
        .and_then(|value| hub_types::time::parse(value.to_str().ok()?));
    matches!((since, last_activity), (Some(since), Some(activity)) if activity > since)
}

async fn activity(
    State(hub): Hub,
    Path(name): Path<String>,
    Json(report): Json<ActivityReport>,
) -> Response {
    hub.world().activity.push((name, report));
    StatusCode::OK.into_response()
}

fn start(hub: &Shared, user: &str, server: &str) -> Response {
    let mut world = hub.world();
    let slow = world.slow;
    let Some(owner) = world.users.get_mut(user) else {
        return not_found();
    };
    let servers = owner.servers.get_or_insert_default();
    if servers.get(server).is_some_and(|server| server.ready) {
        return error(
            StatusCode::BAD_REQUEST,
            Some(&format!("{user} is already running")),
        );
    }
    let model = ServerModel {
        name: server.to_owned(),
        ready: !slow,
        pending: slow.then_some(Pending::Spawn),
        ..ServerModel::default()
    };
    servers.insert(server.to_owned(), model);
    if slow {
        StatusCode::ACCEPTED
    } else {
        StatusCode::CREATED
    }
    .into_response()
}

fn server(hub: &Shared, user: &str, server: &str) -> Response {
    let world = hub.world();
    let servers = world.users.get(user).and_then(|user| user.servers.as_ref());
    match servers.and_then(|servers| servers.get(server)) {
        Some(server) => Json(server.clone()).into_response(),
        None => not_found(),
    }
}

fn stop(hub: &Shared, user: &str, server: &str, headers: &HeaderMap) -> Response {
    let mut world = hub.world();
    let slow = world.slow;
    let Some(owner) = world.users.get_mut(user) else {
        return not_found();
    };
    let servers = owner.servers.get_or_insert_default();
    match servers.get_mut(server) {
        Some(server) if was_used_since(headers, server.last_activity) => {
            error(StatusCode::PRECONDITION_FAILED, Some("used since"))
        }
        Some(server) if slow => {
            server.pending = Some(Pending::Stop);
            StatusCode::ACCEPTED.into_response()
        }
        Some(_) => {
            servers.remove(server);
            StatusCode::NO_CONTENT.into_response()
        }
        None if server.is_empty() => StatusCode::NO_CONTENT.into_response(),
        None => not_found(),
    }
}

async fn start_default(State(hub): Hub, Path(user): Path<String>) -> Response {
    start(&hub, &user, "")
}

async fn start_named(State(hub): Hub, Path((user, server)): Path<(String, String)>) -> Response {
    start(&hub, &user, &server)
}

async fn stop_default(State(hub): Hub, Path(user): Path<String>, headers: HeaderMap) -> Response {
    stop(&hub, &user, "", &headers)
}

async fn stop_named(
    State(hub): Hub,
    Path((user, server)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    stop(&hub, &user, &server, &headers)
}

async fn server_default(State(hub): Hub, Path(user): Path<String>) -> Response {
    server(&hub, &user, "")
}

async fn server_named(State(hub): Hub, Path((user, name)): Path<(String, String)>) -> Response {
    server(&hub, &user, &name)
}

async fn progress_default(State(hub): Hub, Path(user): Path<String>) -> Response {
    let starting = hub
        .world()
        .users
        .get(&user)
        .and_then(|user| user.servers.as_ref()?.get("").map(|_| ()));
    if starting.is_none() {
        return error(
            StatusCode::BAD_REQUEST,
            Some(&format!("{user} is not starting...")),
        );
    }
    let body = format!(
        "\n\ndata: {{\"progress\": 0, \"message\": \"Server requested\"}}\n\ndata: {{\"progress\": 100, \"ready\": true, \
         \"message\": \"Server ready at /user/{user}/\", \"url\": \"/user/{user}/\"}}\n\n"
    );
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn services(State(hub): Hub) -> Response {
    Json(hub.world().services.clone()).into_response()
}

async fn service(State(hub): Hub, Path(name): Path<String>) -> Response {
    match hub.world().services.get(&name) {
        Some(service) => Json(service.clone()).into_response(),
        None => not_found(),
    }
}

async fn routes(State(hub): Hub) -> Response {
    Json(hub.world().routes.clone()).into_response()
}

async fn check_routes() -> Response {
    StatusCode::OK.into_response()
}
