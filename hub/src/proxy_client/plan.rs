//! Which routes have to change so that the proxy has what the hub wants: a pure comparison.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::names::escape;
use hub_types::route::{ProxyRoute, RouteTable};
use serde_json::{Map, Value};

use super::Route;

/// Marks the routes that are ours: others are never touched.
pub const OURS: &str = "jupyterhub";

/// What the hub wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Routes that must be there, by routespec.
    pub routes: BTreeMap<String, Route>,
    /// Routespecs that somebody is working on: they may be there or not.
    pub in_between: BTreeSet<String>,
}

impl Wanted {
    /// Adds a route that must be there.
    pub fn add(&mut self, route: Route) {
        self.routes.insert(route.routespec.clone(), route);
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Add a route that is missing or differs.
    Add(Route),
    /// Delete a route of ours that nobody wants: its routespec.
    Delete(String),
}

/// The changes that lead from `actual` to `wanted`; none when they agree. Deletions come last.
#[must_use]
pub fn plan(wanted: &Wanted, actual: &RouteTable) -> Vec<Change> {
    let have: BTreeMap<String, &ProxyRoute> = actual
        .iter()
        .filter(|(_, route)| is_ours(route))
        .map(|(key, route)| (routespec_of(key), route))
        .collect();
    let adds = wanted
        .routes
        .values()
        .filter(|route| {
            have.get(&route.routespec)
                .is_none_or(|there| !same(route, there))
        })
        .cloned()
        .map(Change::Add);
    let deletes = have
        .keys()
        .filter(|spec| !wanted.routes.contains_key(*spec) && !wanted.in_between.contains(*spec))
        .cloned()
        .map(Change::Delete);
    adds.chain(deletes).collect()
}

/// Whether the route is the hub's business at all.
#[must_use]
pub fn is_ours(route: &ProxyRoute) -> bool {
    route.data.contains_key(OURS)
}

fn same(wanted: &Route, there: &ProxyRoute) -> bool {
    wanted.target.trim_end_matches('/') == there.target.trim_end_matches('/')
        && wanted
            .data
            .iter()
            .all(|(key, value)| there.data.get(key) == Some(value))
}

/// The routespec of a key of the proxy's table: keys are percent-decoded and have no trailing slash.
#[must_use]
pub fn routespec_of(key: &str) -> String {
    let segments: Vec<String> = key.trim_matches('/').split('/').map(escape).collect();
    match segments.join("/") {
        path if path.is_empty() => "/".to_owned(),
        path => format!("/{path}/"),
    }
}

/// The path under `/api/routes` for a routespec: no trailing slash, except for the root.
#[must_use]
pub fn api_path(routespec: &str) -> String {
    match routespec.trim_matches('/') {
        "" => "/".to_owned(),
        path => format!("/{path}"),
    }
}

/// What is posted for a route.
#[must_use]
pub fn body(route: &Route) -> Map<String, Value> {
    let mut body = route.data.clone();
    body.insert("target".to_owned(), Value::from(route.target.clone()));
    body.insert(OURS.to_owned(), Value::from(true));
    body
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};
    use hub_types::paths::BaseUrl;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::server::ServerRef;

    fn server(user: &str, port: u16) -> Route {
        let at = ServerRef::new(Username::stored(user), ServerName::default_server());
        Route::of_server(&BaseUrl::default(), &at, format!("http://127.0.0.1:{port}"))
    }

    fn table(value: Value) -> RouteTable {
        serde_json::from_value(value).unwrap()
    }

    fn wanted(routes: impl IntoIterator<Item = Route>) -> Wanted {
        let mut wanted = Wanted::default();
        routes.into_iter().for_each(|route| wanted.add(route));
        wanted
    }

    #[test]
    fn what_changes() {
        let hub = Route::of_hub(&BaseUrl::default(), "http://127.0.0.1:8081".into());
        let actual = table(json!({
            "/": {"hub": true, "target": "http://127.0.0.1:8081", "jupyterhub": true, "last_activity": "2026-11-22T03:26:01.437Z"},
            "/user/same": {"user": "same", "server_name": "", "target": "http://127.0.0.1:1/", "jupyterhub": true},
            "/user/al ice@x~": {"user": "al ice@x~", "server_name": "", "target": "http://127.0.0.1:2", "jupyterhub": true},
            "/user/moved": {"user": "moved", "server_name": "", "target": "http://127.0.0.1:3", "jupyterhub": true},
            "/user/other": {"user": "whose", "server_name": "", "target": "http://127.0.0.1:4", "jupyterhub": true},
            "/user/stale": {"user": "stale", "server_name": "", "target": "http://127.0.0.1:5", "jupyterhub": true},
            "/user/pending": {"user": "pending", "server_name": "", "target": "http://127.0.0.1:6", "jupyterhub": true},
            "/foreign": {"target": "http://127.0.0.1:7"},
        }));
        let mut wanted = wanted([
            hub,
            server("same", 1),
            server("al ice@x~", 2),
            server("moved", 33),
            server("other", 4),
            server("new", 8),
        ]);
        wanted.in_between.insert("/user/pending/".into());
        assert_eq!(
            plan(&wanted, &actual),
            [
                Change::Add(server("moved", 33)),
                Change::Add(server("new", 8)),
                Change::Add(server("other", 4)),
                Change::Delete("/user/stale/".into()),
            ]
        );
    }

    #[test]
    fn keys_and_paths() {
        for (key, spec, path) in [
            ("/", "/", "/"),
            ("", "/", "/"),
            ("/user/alice", "/user/alice/", "/user/alice"),
            ("/user/al ice", "/user/al%20ice/", "/user/al%20ice"),
            ("/user/a@b~c", "/user/a@b~c/", "/user/a@b~c"),
            ("/user/100%", "/user/100%25/", "/user/100%25"),
        ] {
            assert_eq!(routespec_of(key), spec);
            assert_eq!(api_path(spec), path);
        }
        assert_eq!(
            Value::from(body(&server("alice", 1))),
            json!({"user": "alice", "server_name": "", "target": "http://127.0.0.1:1", "jupyterhub": true})
        );
    }

    /// What a proxy does with a change.
    fn apply(table: &mut RouteTable, change: &Change) {
        let key = |spec: &str| {
            let path = api_path(spec);
            percent_encoding::percent_decode_str(&path)
                .decode_utf8()
                .unwrap()
                .into_owned()
        };
        match change {
            Change::Add(route) => {
                let value = serde_json::from_value(Value::from(body(route))).unwrap();
                table.insert(key(&route.routespec), value);
            }
            Change::Delete(spec) => {
                table.remove(&key(spec));
            }
        }
    }

    proptest! {
        #[test]
        fn a_plan_carried_out_leaves_nothing_to_do(
            want in proptest::collection::btree_map("[a-zé %+~@.]{1,4}", 1u16..9, 0..6),
            have in proptest::collection::btree_map("[a-zé %+~@.]{1,4}", (1u16..9, any::<bool>()), 0..6),
            pending in proptest::collection::btree_set("[a-z]{1}", 0..3),
        ) {
            let mut wanted = wanted(want.iter().map(|(user, port)| server(user, *port)));
            wanted.in_between = pending.iter().map(|user| server(user, 1).routespec).collect();
            let mut actual = RouteTable::new();
            for (user, (port, ours)) in &have {
                let mut body = body(&server(user, *port));
                if !ours {
                    body.remove(OURS);
                }
                actual.insert(format!("/user/{user}"), serde_json::from_value(Value::from(body)).unwrap());
            }
            let foreign: RouteTable = actual.clone().into_iter().filter(|(key, route)| {
                !is_ours(route) && !wanted.routes.contains_key(&routespec_of(key))
            }).collect();
            for change in plan(&wanted, &actual) {
                apply(&mut actual, &change);
            }
            prop_assert_eq!(plan(&wanted, &actual), []);
            for (key, route) in foreign {
                prop_assert_eq!(actual.get(&key), Some(&route));
            }
        }
    }
}
