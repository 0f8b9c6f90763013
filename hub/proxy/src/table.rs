//! The route table: who answers for a path. Lookups take no lock; changes never touch open connections.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::activity::Activity;
use crate::journal::{Change, Journal};
use crate::target::{BadTarget, Target};

pub(crate) mod trie;

use trie::Trie;

/// One route: the posted object, its target taken apart, its time of last use.
#[derive(Debug)]
pub(crate) struct Route {
    /// `/user/alice`; `/` for the default route. Always decoded, never with a trailing slash.
    pub(crate) key: String,
    /// The posted object as it was, except that `last_activity` (and `host`) are ours.
    data: Map<String, Value>,
    pub(crate) target: Target,
    pub(crate) activity: Arc<Activity>,
}

impl Route {
    /// The route as the REST API shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = self.data.clone();
        object.insert(
            "last_activity".to_owned(),
            Value::String(self.activity.wire()),
        );
        Value::Object(object)
    }
}

/// Why a route was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoute {
    /// `target` is missing or no string. The words are configurable-http-proxy's.
    #[error("Must specify 'target' as string")]
    NoTarget,
    /// `target` cannot be used.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// The path is longer than any that could be requested.
    #[error("the path of a route may have at most {MAX_KEY} bytes")]
    TooLong,
}

/// Longest route key, in bytes.
const MAX_KEY: usize = 4096;

/// All routes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    routes: ArcSwap<Trie<Route>>,
    /// Taken by whoever changes the table.
    changes: Mutex<Changes>,
    host_routing: bool,
}

/// What a change needs beside the routes.
#[derive(Debug, Default)]
struct Changes {
    /// The cells of last use by key, so that a connection which was opened before its route was posted again still
    /// counts for the new route.
    cells: HashMap<String, Weak<Activity>>,
    /// Where changes are written down, if anywhere.
    journal: Option<Journal>,
}

impl Table {
    /// An empty table. With `host_routing` the first segment of a key is a host name, compared in lower case.
    pub(crate) fn new(host_routing: bool) -> Self {
        Self {
            host_routing,
            ..Self::default()
        }
    }

    /// Adds the route at `path` (decoded), or replaces the whole of it. Counts as use.
    pub(crate) fn add(
        &self,
        path: &str,
        mut data: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<(), BadRoute> {
        let key = self.key(path);
        if key.len() > MAX_KEY {
            return Err(BadRoute::TooLong);
        }
        let target = data
            .get("target")
            .and_then(Value::as_str)
            .ok_or(BadRoute::NoTarget)?;
        let target = Target::parse(target)?;
        data.remove("last_activity");
        if let Some(host) = key
            .split('/')
            .next()
            .filter(|host| self.host_routing && !host.is_empty())
        {
            data.insert("host".to_owned(), Value::String(host.to_owned()));
        }
        let mut changes = self.lock();
        let activity = changes
            .cells
            .get(&key)
            .and_then(Weak::upgrade)
            .unwrap_or_else(|| Arc::new(Activity::new(now)));
        activity.touch(now);
        changes.cells.insert(key.clone(), Arc::downgrade(&activity));
        let route = Route {
            key: format!("/{key}"),
            data,
            target,
            activity,
        };
        if let Some(journal) = &mut changes.journal {
            journal.append(&Change::Add {
                key: &route.key,
                data: &route.data,
            });
        }
        let next = self.routes.load().with(&key, Arc::new(route));
        self.publish(next, &mut changes);
        Ok(())
    }

    /// Takes over the routes of `journal`, as if they were posted `now`, and writes every change to it from here on.
    ///
    /// A restored route counts as used: nobody knows what went on while no proxy ran.
    pub(crate) fn keep_in(
        &self,
        journal: Journal,
        routes: BTreeMap<String, Map<String, Value>>,
        now: DateTime<Utc>,
    ) {
        for (key, data) in routes {
            if let Err(error) = self.add(&key, data, now) {
                tracing::warn!("the stored route {key} is left out: {error}");
            }
        }
        self.lock().journal = Some(journal);
    }

    /// Removes the route at exactly `path`. False when there is none.
    pub(crate) fn remove(&self, path: &str) -> bool {
        let key = self.key(path);
        let mut changes = self.lock();
        let Some(next) = self.routes.load().without(&key) else {
            return false;
        };
        if let Some(journal) = &mut changes.journal {
            journal.append(&Change::Remove {
                key: &format!("/{key}"),
            });
        }
        self.publish(next, &mut changes);
        true
    }

    /// The route at exactly `path`.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Route>> {
        self.routes.load().get(&self.key(path)).cloned()
    }

    /// Number of routes.
    pub(crate) fn len(&self) -> usize {
        self.routes.load().len()
    }

    /// All routes in the order of their keys.
    pub(crate) fn all(&self) -> Vec<Arc<Route>> {
        self.routes.load().values().into_iter().cloned().collect()
    }

    /// The route that answers for a request to `host` for `path` (normalised and decoded).
    pub(crate) fn find(&self, host: Option<&str>, path: &str) -> Option<Arc<Route>> {
        let routes = self.routes.load();
        let path = path.trim_matches('/');
        if !self.host_routing {
            return routes.longest(path).cloned();
        }
        let key = format!(
            "{}/{path}",
            bare_host(host.unwrap_or_default()).to_ascii_lowercase()
        );
        routes.longest(key.trim_matches('/')).cloned()
    }

    /// The part of a route's key that is a path: all of it, or what follows the host.
    pub(crate) fn path_of<'k>(&self, key: &'k str) -> &'k str {
        if !self.host_routing {
            return key;
        }
        key.get(1..)
            .and_then(|key| key.find('/').map(|at| &key[at..]))
            .unwrap_or("/")
    }

    /// Canonical form of a key: no slashes around it, the host in lower case.
    fn key(&self, path: &str) -> String {
        let key = path.trim_matches('/');
        match key.split_once('/') {
            Some((host, rest)) if self.host_routing => format!("{}/{rest}", host.to_lowercase()),
            None if self.host_routing => key.to_lowercase(),
            _ => key.to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `next` the table that lookups see, and forgets cells that nobody can touch any more once they pile up.
    fn publish(&self, next: Trie<Route>, changes: &mut Changes) {
        let live = next.len();
        let next = Arc::new(next);
        self.routes.store(next.clone());
        if changes.cells.len() > 2 * live + 64 {
            changes.cells.retain(|_, cell| cell.strong_count() > 0);
        }
        if let Some(journal) = changes.journal.as_mut().filter(|j| j.wants_rewrite(live)) {
            let routes = next.values().into_iter();
            journal.rewrite(routes.map(|route| (route.key.as_str(), &route.data)));
        }
    }
}

/// The host of a `Host` header without its port: `[::1]:8000` is `[::1]`.
pub(crate) fn bare_host(host: &str) -> &str {
    match host.find(']') {
        Some(end) if host.starts_with('[') => &host[..=end],
        _ => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else {
            panic!("not an object")
        };
        map
    }

    fn now() -> DateTime<Utc> {
        "2026-11-22T03:31:47.762Z".parse().unwrap()
    }

    #[test]
    fn stores_what_was_posted() {
        let table = Table::new(false);
        let posted = json!({"target": "http://h:1", "user": "alice", "extra": {"a": [1, null]}, "last_activity": 3});
        table.add("/user/alice/", object(posted), now()).unwrap();
        let expected = json!({"target": "http://h:1", "user": "alice", "extra": {"a": [1, null]},
            "last_activity": "2026-11-22T03:31:47.762Z"});
        assert_eq!(table.get("user/alice").unwrap().to_json(), expected);
        assert_eq!(table.get("/user/alice/").unwrap().key, "/user/alice");
        assert!(table.get("/user").is_none());
    }

    #[test]
    fn posting_again_replaces_all_but_keeps_old_connections_counting() {
        let table = Table::new(false);
        table
            .add("/a", object(json!({"target": "http://h:1", "x": 1})), now())
            .unwrap();
        let old = table.get("/a").unwrap();
        table
            .add("/a", object(json!({"target": "http://h:2"})), now())
            .unwrap();
        let later = now() + TimeDelta::seconds(5);
        old.activity.touch(later);
        let new = table.get("/a").unwrap();
        assert_eq!(new.activity.last(), later);
        assert_eq!(new.to_json().get("x"), None);
    }

    #[test]
    fn hosts_are_compared_without_case_and_port() {
        let table = Table::new(true);
        for path in ["/", "/Ex.org", "/ex.org/hub", "/[::1]/x"] {
            table
                .add(path, object(json!({"target": "http://h:1"})), now())
                .unwrap();
        }
        for (host, path, expected) in [
            (Some("EX.org:8000"), "/", "/ex.org"),
            (Some("ex.org"), "/hub/x", "/ex.org/hub"),
            (Some("[::1]:8000"), "/x", "/[::1]/x"),
            (Some("other"), "/hub", "/"),
            (None, "/hub", "/"),
        ] {
            assert_eq!(
                table.find(host, path).unwrap().key,
                expected,
                "{host:?} {path}"
            );
        }
        assert_eq!(table.get("/EX.ORG").unwrap().to_json()["host"], "ex.org");
        assert_eq!(table.get("/").unwrap().to_json().get("host"), None);
    }

    #[test]
    fn targets_are_checked() {
        let table = Table::new(false);
        for bad in [
            json!({}),
            json!({"target": 1}),
            json!({"target": null}),
            json!({"target": ["x"]}),
        ] {
            assert_eq!(table.add("/", object(bad), now()), Err(BadRoute::NoTarget));
        }
        assert!(matches!(
            table.add("/", object(json!({"target": "nonsense"})), now()),
            Err(BadRoute::Target(_))
        ));
        assert_eq!(
            table.add(
                &"x".repeat(5000),
                object(json!({"target": "http://h"})),
                now()
            ),
            Err(BadRoute::TooLong)
        );
        assert!(table.all().is_empty());
    }

    #[test]
    fn dead_cells_are_forgotten() {
        let table = Table::new(false);
        for n in 0..1000 {
            table
                .add(
                    &format!("/u/{n}"),
                    object(json!({"target": "http://h"})),
                    now(),
                )
                .unwrap();
            assert!(table.remove(&format!("/u/{n}")));
        }
        assert!(table.lock().cells.len() < 100);
        assert!(!table.remove("/u/1"));
    }
}
