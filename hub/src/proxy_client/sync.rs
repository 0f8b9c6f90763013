//! Keeps the proxy's routes as the database wants them, and reads back when they were used.

use std::sync::Arc;

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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    /// How many routes were missing or wrong.
    pub added: usize,
    /// How many routes nobody wanted.
    pub deleted: usize,
    /// When servers were last used.
    pub activity: Vec<(ServerRef, DateTime<Utc>)>,
}

/// Checks routes. Cheap to clone; only one check runs at a time.
#[derive(Debug, Clone)]
pub struct RouteSync(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    proxy: Arc<dyn ProxyClient>,
    addresses: Arc<Addresses>,
    /// Routes of services, settled when the hub starts.
    services: Vec<Route>,
    one_at_a_time: Mutex<()>,
}

impl RouteSync {
    /// Nothing is checked yet. `services` are the routes of services.
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
        }))
    }

    /// Compares the proxy's routes with what the database wants, and changes what differs.
    ///
    /// # Errors
    /// [`CheckError`]; routes may have changed partly then, the next check goes on.
    pub async fn check(&self) -> Result<Checked, CheckError> {
        let inner = &*self.0;
        let _one = inner.one_at_a_time.lock().await;
        let mut checked = Checked::default();
        for pass in 0..PASSES {
            // Routes before rows: a route that appears in between is added once more, not deleted.
            let actual = inner.proxy.routes().await?;
            let changes = plan(&self.wanted().await?, &actual);
            if pass == 0 {
                checked.activity = activity(&actual);
            }
            if changes.is_empty() {
                break;
            }
            for change in &changes {
                match change {
                    Change::Add(_) => checked.added += 1,
                    Change::Delete(_) => checked.deleted += 1,
                }
            }
            futures_util::future::try_join_all(changes.iter().map(|change| self.apply(change)))
                .await?;
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
