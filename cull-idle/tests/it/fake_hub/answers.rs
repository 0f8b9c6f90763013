//! What the fake hub answers when it is not told to fail: JupyterHub 6.1's answers, and our extensions.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hub_types::clock::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};

use super::Inner;

pub(super) fn ordinary(inner: &mut Inner, parts: &Parts, body: &Bytes, target: &str) -> Response {
    let path = parts.uri.path().strip_prefix("/hub/api").unwrap_or("?");
    match (&parts.method, path) {
        (&Method::GET, "/") => axum::Json(json!({"version": inner.version})).into_response(),
        (&Method::GET, "/users") => list(inner, parts, target),
        (&Method::GET, path) => {
            let name = plain(path.trim_start_matches("/users/"));
            if inner.unconditional {
                awaken(inner, &name);
            }
            match inner.users.iter().find(|user| user["name"] == name) {
                Some(user) => axum::Json(user.clone()).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
        (&Method::PUT, path) if !inner.notices_unknown => {
            announce(inner, body, path.trim_start_matches("/users/"))
        }
        (&Method::PUT, _) => StatusCode::NOT_FOUND.into_response(),
        (&Method::DELETE, path) => delete(inner, parts, path.trim_start_matches("/users/")),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn list(inner: &Inner, parts: &Parts, target: &str) -> Response {
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let passes = |user: &&Value| {
        let servers = user["servers"].as_object();
        let ready = servers.is_none_or(|s| s.values().any(|s| s["ready"] != json!(false)));
        match query.get("state").map(String::as_str) {
            Some("ready") => ready && servers.is_none_or(|s| !s.is_empty()),
            Some("inactive") => servers.is_some_and(Map::is_empty),
            _ => true,
        }
    };
    let all: Vec<&Value> = inner.users.iter().filter(passes).collect();
    if !inner.paginates || parts.headers[header::ACCEPT] != "application/jupyterhub-pagination+json"
    {
        return axum::Json(json!(all)).into_response();
    }
    let number = |name: &str| query.get(name).and_then(|n| n.parse::<usize>().ok());
    let (offset, limit) = (
        number("offset").unwrap_or(0),
        number("limit").map_or(inner.page_size, |limit| limit.min(inner.page_size)),
    );
    let items: Vec<&&Value> = all.iter().skip(offset).take(limit).collect();
    let after = offset + limit;
    let next = (after < all.len()).then(|| {
        let rest: String = query
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "offset" | "limit"))
            .map(|(name, value)| format!("&{name}={value}"))
            .collect();
        json!({"offset": after, "limit": limit,
               "url": format!("http://hub.invalid{}?offset={after}&limit={limit}{rest}", target.split('?').next().unwrap())})
    });
    axum::Json(json!({"items": items,
        "_pagination": {"offset": offset, "limit": limit, "total": all.len(), "next": next}}))
    .into_response()
}

/// A name as it was before it was put into a URL.
fn plain(name: &str) -> String {
    percent_encoding::percent_decode_str(name)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// Lets a user and their servers be used now, as far as that was arranged.
fn awaken(inner: &mut Inner, name: &str) {
    let now = json!(hub_types::time::format(SystemClock.now() + inner.offset));
    let Some(user) = inner.users.iter_mut().find(|user| user["name"] == *name) else {
        return;
    };
    for path in &inner.awakened {
        match path.split_once('/') {
            None if plain(path) == name => user["last_activity"] = now.clone(),
            Some((owner, server)) if plain(owner) == name => {
                let server = plain(server.strip_prefix("servers/").unwrap_or_default());
                if let Some(model) = user["servers"].get_mut(&server) {
                    model["last_activity"] = now.clone();
                }
            }
            _ => {}
        }
    }
}

/// Notes in a default server's model that it will be stopped.
fn announce(inner: &mut Inner, body: &Bytes, path: &str) -> Response {
    let name = plain(path.trim_end_matches("/server/stop-notice"));
    let mut users = inner.users.iter_mut();
    match users.find(|user| user["name"] == *name) {
        Some(user) if user["servers"][""].is_object() => {
            user["servers"][""]["stop_notice"] = serde_json::from_slice(body).unwrap();
            axum::Json(user["servers"][""]["stop_notice"].clone()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Stops a server or deletes a user, unless it was used after the time of the condition.
fn delete(inner: &mut Inner, parts: &Parts, path: &str) -> Response {
    let (name, server) = match path.split_once('/') {
        None => (path, None),
        Some((name, "server")) => (name, Some("")),
        Some((name, rest)) => (name, rest.strip_prefix("servers/")),
    };
    let name = plain(name);
    let now = SystemClock.now() + inner.offset;
    let awake = inner.awakened.iter().any(|awakened| awakened == path);
    let Some(index) = inner.users.iter().position(|user| user["name"] == *name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let user = &mut inner.users[index];
    let server = server.map(plain);
    let active = match &server {
        Some(server) => match user["servers"].get_mut(server) {
            Some(server) => &mut server["last_activity"],
            None => return StatusCode::NOT_FOUND.into_response(),
        },
        None => &mut user["last_activity"],
    };
    if awake {
        *active = json!(hub_types::time::format(now));
    }
    let since = parts.headers.get("x-jupyterhub-if-inactive-since");
    let since = since.and_then(|value| hub_types::time::parse(value.to_str().unwrap()));
    let active = active.as_str().and_then(hub_types::time::parse);
    if !inner.unconditional
        && since.is_some_and(|since| active.is_some_and(|active| active > since))
    {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    match server {
        None => drop(inner.users.remove(index)),
        Some(server) => {
            user["last_activity"] = json!(hub_types::time::format(now));
            let _ = user["servers"].as_object_mut().unwrap().remove(&server);
        }
    }
    StatusCode::NO_CONTENT.into_response()
}
