//! The description of the API against the API: nothing is served without being described, and nothing described is not
//! served; what it says of permission is what callers meet.

use std::collections::{BTreeMap, BTreeSet};

use hub::http::{openapi, router};
use hub_types::paths::BaseUrl;
use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub, WHOAMI_TOKEN};

type Route = (String, String);

/// The description of every operation, by method and path.
fn operations() -> BTreeMap<Route, Value> {
    let document = openapi::document(&BaseUrl::default());
    let paths = document["paths"].as_object().unwrap();
    let mut all = BTreeMap::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let route = (method.to_uppercase(), path.clone());
            all.insert(route, operation.clone());
        }
    }
    all
}

/// Method and path of every route of the hub's whole router under `/hub/api`, as the router itself prints them:
/// `RouteId(7): MethodRouter(… allow_header: Bytes(b"GET,HEAD") …)` and `RouteId(7): "/hub/api/users"`.
fn routes(hub: &Hub) -> BTreeSet<Route> {
    let text = format!("{:?}", router(hub.state.clone()));
    // Fallbacks are numbered again from the start.
    let text = text.split("fallback_router").next().unwrap();
    let (mut paths, mut methods) = (BTreeMap::new(), BTreeMap::new());
    for entry in text.split("RouteId(").skip(1) {
        let (id, rest) = entry.split_once("): ").unwrap();
        if let Some(path) = rest.strip_prefix('"') {
            paths.insert(id.to_owned(), path.split('"').next().unwrap().to_owned());
        } else if let Some((_, allowed)) = rest.split_once("allow_header: Bytes(b\"") {
            methods.insert(id.to_owned(), allowed.split('"').next().unwrap().to_owned());
        }
    }
    let mut all = BTreeSet::new();
    for (id, path) in paths {
        let Some(path) = path.strip_prefix("/hub/api") else {
            continue;
        };
        // `/hub/api-docs` is a page; what catches unknown URLs has no methods of its own.
        if !(path.is_empty() || path.starts_with('/')) || path.starts_with("/{*") {
            continue;
        }
        let path = if path.is_empty() { "/" } else { path };
        let allowed = methods
            .get(&id)
            .unwrap_or_else(|| panic!("{path} has no methods"));
        for method in allowed
            .split(',')
            .filter(|method| !matches!(*method, "HEAD" | "OPTIONS"))
        {
            all.insert((method.to_owned(), path.to_owned()));
        }
    }
    all
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_served() {
    let hub = Hub::start().await;
    let served = routes(&hub);
    assert!(served.len() > 80, "the walk has lost its way: {served:?}");
    let described: BTreeSet<Route> = operations().into_keys().collect();
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(missing.is_empty(), "served, but not described: {missing:?}");
    let gone: Vec<_> = described.difference(&served).collect();
    assert!(gone.is_empty(), "described, but not served: {gone:?}");
}

/// A URL of the path, with names that mean nothing.
fn filled(path: &str, kind: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{kind}" => kind,
        "{user}" => "alice",
        segment if segment.starts_with('{') => "x1",
        segment => segment,
    });
    format!("/hub/api{}", segments.collect::<Vec<_>>().join("/"))
}

/// The scopes that a refusal names: `… requires any of [a, b]`.
fn named(message: &str) -> BTreeSet<String> {
    let list = message.split('[').nth(1).unwrap_or_default();
    let list = list.split(']').next().unwrap_or_default();
    let names = list.split(", ").filter(|name| !name.is_empty());
    names.map(ToOwned::to_owned).collect()
}

/// Whether a text has `name` as a whole word.
fn names_whole(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_');
    text.split(|c| !part(c)).any(|word| word == name)
}

#[tokio::test]
async fn whoever_lacks_the_scopes_is_told_of_those_that_are_described() {
    let hub = Hub::start().await;
    // Everybody may know who they are themselves: users are asked for by a service, and services by a user.
    let bob = hub.token("bob", &["(no_scope)"]).await;
    let mut checked = 0;
    for ((method, path), operation) in operations() {
        let Some(scopes) = operation["x-scopes-any-of"].as_array() else {
            continue;
        };
        let scopes: BTreeSet<_> = scopes
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect();
        let mut seen = BTreeSet::new();
        for kind in ["users", "groups", "services"] {
            let url = filled(&path, kind);
            let token = if path.starts_with("/services") {
                &bob
            } else {
                WHOAMI_TOKEN
            };
            let reply = hub.call(token, &method, &url).json(&json!({})).send().await;
            assert_eq!(reply.status, 403, "{method} {url}: {}", reply.body);
            if path == "/metrics" {
                // A page, which names the one scope in its own words.
                assert!(reply.body.contains("requires scope"), "{}", reply.body);
                let names = hub_types::scope::ScopeName::ALL.iter();
                let names = names.map(|scope| scope.as_str().to_owned());
                seen.extend(names.filter(|name| names_whole(&reply.body, name)));
                continue;
            }
            let message = reply.json()["message"].as_str().unwrap().to_owned();
            if (method.as_str(), path.as_str()) == ("POST", "/users/{user}/tokens") {
                // JupyterHub's own words, which do not name the scope.
                assert!(
                    message.contains("no permissions to generate tokens"),
                    "{message}"
                );
                seen.insert("tokens".to_owned());
                continue;
            }
            seen.extend(named(&message));
        }
        assert_eq!(seen, scopes, "{method} {path}");
        checked += 1;
    }
    assert!(checked > 70, "{checked}");
}

/// What a token with the culler's four scopes opens, apart from what needs no scope.
const CULLER: &str = "
    GET /users/{user}/servers/
    GET /users/{user}/servers//progress
    DELETE /users/{user}/servers/
    PUT /users/{user}/server/stop-notice
    PUT /users/{user}/servers/{server}/stop-notice
    GET /users
    GET /users/{user}
    GET /users/{user}/server
    GET /users/{user}/server/progress
    GET /users/{user}/servers/{server}
    GET /users/{user}/servers/{server}/progress
    DELETE /users/{user}/server
    DELETE /users/{user}/servers/{server}
";

#[tokio::test]
async fn case_111_the_cullers_token_opens_nothing_else() {
    let hub = Hub::start().await;
    let mut open = BTreeSet::new();
    for ((method, path), operation) in operations() {
        if operation["x-scopes-any-of"].is_null() {
            continue;
        }
        for kind in ["users", "groups", "services"] {
            let url = filled(&path, kind);
            let call = hub.call(CULLER_TOKEN, &method, &url);
            let reply = call.json(&json!({})).send().await;
            if reply.status != 403 {
                open.insert((method.clone(), path.clone()));
            }
        }
    }
    let expected = CULLER.trim().lines().map(|line| {
        let (method, path) = line.trim().split_once(' ').unwrap();
        (method.to_owned(), path.to_owned())
    });
    assert_eq!(open, expected.collect::<BTreeSet<_>>());
    // And that is enough: it sees who is idle, and stops them.
    let alice = hub.token("alice", &["inherit"]).await;
    let server = "/hub/api/users/alice/server";
    hub.call(&alice, "POST", server).send().await.expect(201);
    let list = "/hub/api/users?state=ready";
    let users = hub.call(CULLER_TOKEN, "GET", list).send().await.json();
    let model = &users[0]["servers"][""];
    assert_eq!(users[0]["name"], "alice");
    for field in ["ready", "started", "last_activity"] {
        assert!(!model[field].is_null(), "{field} in {users}");
    }
    let stop = hub.call(CULLER_TOKEN, "DELETE", server);
    stop.send().await.expect(204);
}

#[tokio::test]
async fn what_needs_no_scope_says_who_may() {
    let hub = Hub::start().await;
    for ((method, path), operation) in operations() {
        let anybody = operation["security"] == json!([]);
        let url = filled(&path, "users");
        let reply = hub.request(&method, &url).json(&json!({})).send().await;
        let refused = reply.status == 403 || (reply.status == 302 && path == "/oauth2/authorize");
        assert_eq!(!refused, anybody, "{method} {path}: {}", reply.status);
    }
}

#[test]
fn what_is_not_read_off_types_is_said() {
    let all = operations();
    let operation = |method: &str, path: &str| &all[&(method.to_owned(), path.to_owned())];
    let may_be_absent = |operation: &Value| {
        operation["security"]
            .as_array()
            .unwrap()
            .contains(&json!({}))
    };
    let tokens = operation("POST", "/users/{user}/tokens");
    assert!(
        may_be_absent(tokens),
        "`auth` in the body is enough: {tokens}"
    );
    assert!(!may_be_absent(operation("GET", "/users/{user}/tokens")));
    let exchange = &operation("POST", "/oauth2/token")["responses"];
    for status in ["403", "413"] {
        assert!(exchange[status].is_object(), "{status}: {exchange}");
    }
    let document = openapi::document(&BaseUrl::default());
    let schemas = &document["components"]["schemas"];
    let kinds: Vec<_> = schemas["Identity"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["allOf"][1]["properties"]["kind"]["const"])
        .collect();
    assert_eq!(kinds, ["user", "service"]);
    for field in ["url", "info", "display"] {
        let kind = &schemas["ServiceModel"]["properties"][field]["type"];
        let null = kind
            .as_array()
            .is_some_and(|kinds| kinds.contains(&json!("null")));
        assert!(
            null,
            "of a service of the configuration {field} is null to itself: {kind}"
        );
    }
}

/// The operations of JupyterHub 6.1.1, as its `rest-api.yml` lists them, with our names for what stands in braces.
const JUPYTERHUB: &str = "
    GET /
    GET /info
    GET /user
    GET /users
    POST /users
    GET /users/{user}
    POST /users/{user}
    DELETE /users/{user}
    PATCH /users/{user}
    POST /users/{user}/activity
    POST /users/{user}/server
    DELETE /users/{user}/server
    GET /users/{user}/servers/{server}
    PUT /users/{user}/servers/{server}
    POST /users/{user}/servers/{server}
    DELETE /users/{user}/servers/{server}
    PATCH /users/{user}/servers/{server}
    GET /users/{user}/shared
    GET /users/{user}/shared/{owner}/{server}
    DELETE /users/{user}/shared/{owner}/{server}
    GET /users/{user}/tokens
    POST /users/{user}/tokens
    GET /users/{user}/tokens/{token}
    DELETE /users/{user}/tokens/{token}
    GET /groups
    GET /groups/{group}
    POST /groups/{group}
    DELETE /groups/{group}
    GET /groups/{group}/shared
    GET /groups/{group}/shared/{owner}/{server}
    DELETE /groups/{group}/shared/{owner}/{server}
    POST /groups/{group}/users
    DELETE /groups/{group}/users
    PUT /groups/{group}/properties
    GET /shares/{user}
    GET /shares/{user}/{server}
    POST /shares/{user}/{server}
    PATCH /shares/{user}/{server}
    DELETE /shares/{user}/{server}
    GET /share-codes/{user}
    GET /share-codes/{user}/{server}
    POST /share-codes/{user}/{server}
    DELETE /share-codes/{user}/{server}
    GET /services
    GET /services/{service}
    GET /proxy
    POST /proxy
    PATCH /proxy
    POST /authorizations/token
    GET /authorizations/token/{token}
    GET /authorizations/cookie/{name}/{value}
    GET /oauth2/authorize
    POST /oauth2/token
    POST /shutdown
";

#[test]
fn all_operations_of_jupyterhub_are_there() {
    let described = operations();
    let wanted: Vec<_> = JUPYTERHUB.split_whitespace().collect();
    assert_eq!(wanted.len(), 2 * 54);
    for pair in wanted.chunks(2) {
        let route = (pair[0].to_owned(), pair[1].to_owned());
        let operation = described.get(&route);
        let operation = operation.unwrap_or_else(|| panic!("{route:?} is missing"));
        assert!(
            operation["x-extension"].is_null(),
            "{route:?} is no extension"
        );
    }
}

#[tokio::test]
async fn the_document_and_the_page_are_for_anybody() {
    let hub = Hub::start().await;
    let reply = hub.request("GET", "/hub/api/openapi.json").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    let document = reply.json();
    assert_eq!(document, openapi::document(&BaseUrl::default()));
    assert_eq!(document["servers"][0]["url"], "/hub/api");
    let tag = reply.header("etag").to_owned();
    let again = hub
        .request("GET", "/hub/api/openapi.json")
        .header("if-none-match", &tag);
    assert_eq!(again.send().await.status, 304);

    let page = async |path: &str| {
        let reply = hub.request("GET", path).send().await.expect(200);
        assert!(reply.body.len() < 60_000, "{path}: {}", reply.body.len());
        reply.body
    };
    let overview = page("/hub/api-docs").await;
    let links = overview.split("href=\"").skip(1);
    let parts: BTreeSet<&str> = links
        .filter_map(|link| link.split(['"', '#']).next())
        .filter(|link| link.starts_with("/hub/api-docs/"))
        .collect();
    let mut whole = String::new();
    for part in parts {
        whole.push_str(&page(part).await);
    }
    for operation in operations().values() {
        let id = operation["operationId"].as_str().unwrap();
        assert_eq!(whole.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        let linked = overview.matches(&format!("#{id}\"")).count();
        assert_eq!(linked, 1, "{id} in the overview");
    }
    let none = hub.request("GET", "/hub/api-docs/nothing").send().await;
    assert_eq!(none.status, 404);
    for model in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(whole.contains(&format!("id=\"model-{model}\"")), "{model}");
    }
}
