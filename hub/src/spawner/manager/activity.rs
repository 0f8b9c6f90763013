//! `last_activity` of servers and their owners, as the proxy's routes tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::request::log_name;
use super::{Manager, StopError};
use crate::db::{self, DbError};
use crate::domain::activity::{Verdict, judge};
use crate::domain::server::ServerRef;

/// How long a stop with a precondition waits for the proxy's word.
const PATIENCE: Duration = Duration::from_secs(2);

impl Manager {
    /// Moves `last_activity` of servers and their owners forward, in one transaction. Times that lie too far in the
    /// future are dropped, and so are servers that do not run.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn report_activity(
        &self,
        batch: BTreeMap<ServerRef, DateTime<Utc>>,
    ) -> Result<(), DbError> {
        if batch.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let active = db::servers::active(self.db.read()).await?;
        let known: BTreeMap<_, _> = active.iter().map(|server| (&server.at, server)).collect();
        let mut newer = Vec::new();
        for (at, reported) in &batch {
            let Some(server) = known.get(at) else {
                continue;
            };
            match judge(server.last_activity, *reported, now) {
                Verdict::Store(at) => newer.push((server.id, server.user_id, at)),
                Verdict::Old => {}
                Verdict::Future => {
                    tracing::warn!(server = %at, %reported, "activity in the future is ignored; do the clocks agree?");
                }
            }
        }
        if newer.is_empty() {
            return Ok(());
        }
        let tx = self.db.write().await?;
        let (servers, users): (Vec<_>, Vec<_>) = newer
            .iter()
            .map(|(server, user, at)| ((*server, *at), (*user, *at)))
            .unzip();
        db::last_activity::of_servers(&tx, &servers).await?;
        db::last_activity::of_users(&tx, &users).await?;
        tx.commit().await
    }

    /// Asks the proxy when a server was last used: what the database knows may be as old as the last poll. False when the
    /// proxy has no route to it: one that was started again a moment ago has forgotten the use of the last minutes.
    ///
    /// # Errors
    /// [`StopError::Unsure`] when the proxy does not say in time; when the database refuses or is gone.
    pub(super) async fn refresh_activity(&self, at: &ServerRef) -> Result<bool, StopError> {
        let spec = self.addresses.server_spec(at);
        let why = match tokio::time::timeout(PATIENCE, self.proxy.last_activity(&spec)).await {
            Ok(Ok(Some(used))) => {
                let used = BTreeMap::from([(at.clone(), used)]);
                self.report_activity(used).await?;
                return Ok(true);
            }
            Ok(Ok(None)) => return Ok(self.proxy_has(&spec).await),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer in time".to_owned(),
        };
        tracing::warn!(server = %at, "the proxy does not say when a server was last used: {why}");
        Err(StopError::Unsure(log_name(at)))
    }

    async fn proxy_has(&self, spec: &str) -> bool {
        let asked = tokio::time::timeout(PATIENCE, self.proxy.route(spec)).await;
        matches!(asked, Ok(Ok(Some(_))))
    }
}
