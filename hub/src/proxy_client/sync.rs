//! Keeps the proxy's routes as the database wants them, and reads back when they were used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use hub_types::names::{ServerName, Username};
use hub_types::route::RouteTable;
use serde_json::Value;
use tokio::sync::Mutex;

use super::plan::{Change, Wanted, is_ours, plan};
use super::{ProxyClient, ProxyError, Route};
use crate::addresses::Addresses;
use crate::db::{self, Db, DbError};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::ServerRef;

/// How often a check looks again when it had to change something: the world moves on meanwhile.
const PASSES: usize = 3;

/// Why a check was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The proxy did not do what it was asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many routes were missing or wrong.
    pub added: usize,
    /// How many routes nobody wanted.
    pub deleted: usize,
    /// When servers were last used.
    pub activity: Vec<(ServerRef, DateTime<Utc>)>,
    /// Why not everything was repaired: the first thing that went wrong. What was found is true all the same.
    pub failed: Option<CheckError>,
}

/// Checks routes. Cheap to clone; only one check runs at a time.
#[derive(Debug, Clone)]
pub struct RouteSync(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    proxy: Arc<dyn ProxyClient>,
    addresses: Arc<Addresses>,
    /// Routes of configured services, settled when the hub starts.
    services: Vec<Route>,
    one_at_a_time: Mutex<()>,
    /// Whether routes may be wrong: until the first check is complete, and from when something went wrong.
    dirty: AtomicBool,
}

impl RouteSync {
    /// Nothing is checked yet. `services` are the routes of configured services; registered ones are in the database.
    #[must_use]
    pub fn new(
        db: Db,
        proxy: Arc<dyn ProxyClient>,
        addresses: Arc<Addresses>,
        services: Vec<Route>,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            proxy,
            addresses,
            services,
            one_at_a_time: Mutex::default(),
            dirty: AtomicBool::new(true),
        }))
    }

    /// Says that routes may be wrong: they are to be checked soon.
    pub fn mark_dirty(&self) {
        self.0.dirty.store(true, Ordering::SeqCst);
    }

    /// Whether routes may be wrong: no check has been complete since the hub began, or since [`RouteSync::mark_dirty`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.0.dirty.load(Ordering::SeqCst)
    }

    /// Compares the proxy's routes with what the database wants, and changes what differs. A change that fails holds up
    /// no other ([`Checked::failed`]).
    ///
    /// # Errors
    /// [`CheckError`] when routes could not even be compared.
    pub async fn check(&self) -> Result<Checked, CheckError> {
        let _one = self.0.one_at_a_time.lock().await;
        // Before the look: what is marked meanwhile stays marked.
        self.0.dirty.store(false, Ordering::SeqCst);
        let checked = self.look_and_repair().await;
        if !matches!(&checked, Ok(Checked { failed: None, .. })) {
            self.mark_dirty();
        }
        checked
    }

    async fn look_and_repair(&self) -> Result<Checked, CheckError> {
        let (mut changes, actual) = self.differences().await?;
        let mut checked = Checked {
            activity: activity(&actual),
            ..Checked::default()
        };
        for _ in 0..PASSES {
            if changes.is_empty() || checked.failed.is_some() {
                break;
            }
            self.repair(&changes, &mut checked).await;
            changes = match self.differences().await {
                Ok((changes, _)) => changes,
                Err(error) => {
                    checked.failed.get_or_insert(error);
                    break;
                }
            };
        }
        if checked.added + checked.deleted > 0 {
            tracing::info!(
                added = checked.added,
                deleted = checked.deleted,
                "the proxy's routes were repaired"
            );
        }
        Ok(checked)
    }

    async fn differences(&self) -> Result<(Vec<Change>, RouteTable), CheckError> {
        // Routes before rows: a route that appears in between is added once more, not deleted.
        let actual = self.0.proxy.routes().await?;
        Ok((plan(&self.wanted().await?, &actual), actual))
    }

    async fn repair(&self, changes: &[Change], checked: &mut Checked) {
        let done = futures_util::future::join_all(changes.iter().map(|change| self.apply(change)));
        for (change, result) in changes.iter().zip(done.await) {
            match (change, result) {
                (Change::Add(_), Ok(())) => checked.added += 1,
                (Change::Delete(_), Ok(())) => checked.deleted += 1,
                (_, Err(error)) => {
                    tracing::warn!("a route is not repaired: {error}");
                    checked.failed.get_or_insert(error.into());
                }
            }
        }
    }

    async fn apply(&self, change: &Change) -> Result<(), ProxyError> {
        match change {
            Change::Add(route) => self.0.proxy.add(route).await,
            Change::Delete(spec) => self.0.proxy.delete(spec).await,
        }
    }

    async fn wanted(&self) -> Result<Wanted, DbError> {
        let Addresses {
            base, hub_origin, ..
        } = &*self.0.addresses;
        let mut wanted = Wanted::default();
        wanted.add(Route::of_hub(base, hub_origin.clone()));
        self.0
            .services
            .iter()
            .cloned()
            .for_each(|route| wanted.add(route));
        for (row, spec) in db::services::registered(self.0.db.read()).await? {
            if let Some(url) = spec.get("url").and_then(Value::as_str) {
                wanted.add(Route::of_service(base, &row.name, url));
            }
        }
        for server in db::servers::active(self.0.db.read()).await? {
            match (server.state, server.target) {
                (ServerState::Ready, Some(target)) => {
                    wanted.add(Route::of_server(base, &server.at, target));
                }
                _ => {
                    wanted
                        .in_between
                        .insert(base.server(&server.at.user, &server.at.name));
                }
            }
        }
        Ok(wanted)
    }
}

/// When servers were last used, as their routes say.
#[must_use]
pub fn activity(routes: &RouteTable) -> Vec<(ServerRef, DateTime<Utc>)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    routes
        .values()
        .filter(|route| is_ours(route))
        .filter_map(|route| {
            let user = text(route.data.get("user"))?;
            let name = text(route.data.get("server_name"))?;
            Some((
                ServerRef::new(Username::stored(user), ServerName::stored(name)),
                route.last_activity?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_of_servers_only() {
        let table: RouteTable = serde_json::from_value(serde_json::json!({
            "/": {"hub": true, "target": "http://h", "jupyterhub": true, "last_activity": "2026-11-22T03:26:01.437Z"},
            "/user/a": {"user": "a", "server_name": "", "target": "http://a", "jupyterhub": true, "last_activity": "2026-11-22T03:26:01.437Z"},
            "/user/b": {"user": "b", "server_name": "", "target": "http://b", "jupyterhub": true},
            "/user/c": {"user": "c", "server_name": "", "target": "http://c", "last_activity": "2026-11-22T03:26:01.437Z"},
        }))
        .unwrap();
        let found = activity(&table);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.to_string(), "a/");
        assert_eq!(found[0].1.to_rfc3339(), "2026-11-22T03:26:01.437+00:00");
    }
}
