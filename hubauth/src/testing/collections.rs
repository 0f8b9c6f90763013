//! The fake hub's groups and tokens.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use hub_types::group::GroupModel;
use hub_types::identity::Kind;
use hub_types::page::{Page, Pagination};
use hub_types::secret::Token;
use hub_types::token::{NewToken, TokenModel};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::{Hub, error, not_found};
use super::{Shared, people};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/groups", get(groups))
        .route(
            "/groups/{group}",
            get(group).post(create_group).delete(delete_group),
        )
        .route("/groups/{group}/users", post(join).delete(leave))
        .route("/groups/{group}/properties", put(properties))
        .route("/users/{user}/tokens", get(tokens).post(create_token))
        .route("/users/{user}/tokens/{id}", get(token).delete(revoke))
}

async fn groups(State(hub): Hub) -> Response {
    let items: Vec<GroupModel> = hub.world().groups.values().cloned().collect();
    let total = items.len() as u64;
    let pagination = Pagination {
        offset: 0,
        limit: 50,
        total,
        next: None,
    };
    Json(Page { items, pagination }).into_response()
}

async fn group(State(hub): Hub, Path(name): Path<String>) -> Response {
    match hub.world().groups.get(&name) {
        Some(group) => Json(group.clone()).into_response(),
        None => not_found(),
    }
}

async fn create_group(State(hub): Hub, Path(name): Path<String>) -> Response {
    let mut world = hub.world();
    if world.groups.contains_key(&name) {
        return error(StatusCode::CONFLICT, Some("Group already exists"));
    }
    let group = GroupModel {
        kind: "group".to_owned(),
        name: name.clone(),
        users: Some(Vec::new()),
        roles: Some(Vec::new()),
        properties: Some(Map::new()),
    };
    world.groups.insert(name, group.clone());
    (StatusCode::CREATED, Json(group)).into_response()
}

async fn delete_group(State(hub): Hub, Path(name): Path<String>) -> Response {
    match hub.world().groups.remove(&name) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => not_found(),
    }
}

#[derive(Deserialize)]
struct Members {
    users: Vec<String>,
}

async fn join(State(hub): Hub, Path(name): Path<String>, Json(new): Json<Members>) -> Response {
    let mut world = hub.world();
    if new.users.iter().any(|user| !world.users.contains_key(user)) {
        return error(StatusCode::BAD_REQUEST, Some("No such user"));
    }
    let Some(group) = world.groups.get_mut(&name) else {
        return not_found();
    };
    let users = group.users.get_or_insert_default();
    for user in new.users {
        if !users.contains(&user) {
            users.push(user);
        }
    }
    Json(group.clone()).into_response()
}

async fn leave(State(hub): Hub, Path(name): Path<String>, Json(gone): Json<Members>) -> Response {
    let mut world = hub.world();
    let Some(group) = world.groups.get_mut(&name) else {
        return not_found();
    };
    let users = group.users.get_or_insert_default();
    users.retain(|user| !gone.users.contains(user));
    Json(group.clone()).into_response()
}

async fn properties(
    State(hub): Hub,
    Path(name): Path<String>,
    Json(properties): Json<Map<String, Value>>,
) -> Response {
    let mut world = hub.world();
    let Some(group) = world.groups.get_mut(&name) else {
        return not_found();
    };
    group.properties = Some(properties);
    Json(group.clone()).into_response()
}

async fn tokens(State(hub): Hub, Path(user): Path<String>) -> Response {
    let world = hub.world();
    let mine = |token: &&TokenModel| token.user.as_ref() == Some(&user);
    let tokens: Vec<&TokenModel> = world.made.values().filter(mine).collect();
    Json(json!({ "api_tokens": tokens })).into_response()
}

async fn create_token(
    State(hub): Hub,
    Path(user): Path<String>,
    Json(new): Json<NewToken>,
) -> Response {
    let mut world = hub.world();
    if !world.users.contains_key(&user) {
        return not_found();
    }
    let secret = Token::generate();
    let scopes = new.scopes.unwrap_or_default();
    let texts: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let id = format!("made{}", world.made.len() + 1);
    let mut identity = people::identity(Kind::User, &user, &[], &texts);
    identity.token_id = Some(id.clone());
    world.tokens.insert(secret.expose().to_owned(), identity);
    let mut model = TokenModel {
        user: Some(user),
        service: None,
        id: id.clone(),
        kind: "api_token".to_owned(),
        roles: Vec::new(),
        scopes,
        created: None,
        last_activity: None,
        expires_at: None,
        note: new.note,
        session_id: None,
        oauth_client: "JupyterHub".to_owned(),
        token: None,
    };
    world.made.insert(id, model.clone());
    model.token = Some(secret.expose().to_owned());
    (StatusCode::CREATED, Json(model)).into_response()
}

async fn token(State(hub): Hub, Path((_, id)): Path<(String, String)>) -> Response {
    match hub.world().made.get(&id) {
        Some(token) => Json(token.clone()).into_response(),
        None => not_found(),
    }
}

async fn revoke(State(hub): Hub, Path((_, id)): Path<(String, String)>) -> Response {
    let mut world = hub.world();
    if world.made.remove(&id).is_none() {
        return not_found();
    }
    world
        .tokens
        .retain(|_, identity| identity.token_id.as_ref() != Some(&id));
    StatusCode::NO_CONTENT.into_response()
}
