//! Going on with what another hub process, or the one before, left unfinished.

use super::Manager;
use super::starting::Starting;
use crate::db::{self, DbError, ServerChange};
use crate::domain::lifecycle::{Adoption, adopt};
use crate::domain::server::Server;

const INTERRUPTED: &str =
    "the hub was restarted before the server's process was started; start it again";

impl Manager {
    /// Goes on with what other hub processes left unfinished: after a start, and whenever leases may have run out.
    ///
    /// Returns when the work has been taken over, not when it is done.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn adopt_all(&self) -> Result<(), DbError> {
        for server in db::servers::active(self.db.read()).await? {
            self.adopt_one(server).await?;
        }
        Ok(())
    }

    async fn adopt_one(&self, server: Server) -> Result<(), DbError> {
        if self.0.work.is_busy(server.id) {
            return Ok(());
        }
        let now = self.clock.now();
        // A lease of our own that nobody here works under is left over from work that went wrong.
        let lease = server
            .lease
            .as_ref()
            .filter(|lease| lease.owner != self.hub_id);
        let adoption = adopt(server.state, lease, server.spawner_state.is_some(), now);
        if !matches!(
            adoption,
            Adoption::Resume | Adoption::Fail | Adoption::StopAgain
        ) {
            return Ok(());
        }
        let change = ServerChange {
            lease: Some(Some(self.lease(now))),
            ..ServerChange::default()
        };
        let tx = self.db.write().await?;
        let Some(epoch) = db::servers::step(&tx, server.id, server.epoch, &change).await? else {
            return Ok(());
        };
        let turn = self.0.work.announce(server.id);
        tx.commit().await?;
        tracing::info!(server = %server.at, state = server.state.as_str(), "going on with server {}", server.at);
        let server = Server { epoch, ..server };
        if adoption == Adoption::StopAgain {
            tokio::spawn(self.clone().run_stop(server, turn, false));
            return Ok(());
        }
        let start = db::events::latest_start(self.db.read(), server.id)
            .await?
            .unwrap_or(epoch);
        let starting = Starting::new(self.clone(), server, start, epoch);
        match adoption {
            Adoption::Fail => tokio::spawn(starting.give_up(turn, INTERRUPTED)),
            _ => tokio::spawn(starting.run(turn, None)),
        };
        Ok(())
    }
}
