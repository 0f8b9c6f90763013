//! Looking whether ready servers still run.

use super::request::log_name;
use super::starting::TAIL;
use super::work::Turn;
use super::{Manager, identity};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Failure, Server};
use crate::spawner::Poll;

impl Manager {
    /// Asks the spawner for every ready server whether it runs; cleans up after those that do not. Returns how many
    /// died.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn poll_servers(&self) -> Result<usize, DbError> {
        let ready = db::servers::active(self.db.read())
            .await?
            .into_iter()
            .filter(|s| s.state == ServerState::Ready);
        let mut died = 0;
        for server in ready {
            let poll = match &server.spawner_state {
                Some(state) => self.spawner.poll(state).await,
                None => Poll::Exited("is not known to the spawner".into()),
            };
            if let Poll::Exited(how) = poll
                && !self.0.work.is_busy(server.id)
            {
                let turn = self.0.work.announce(server.id);
                died += usize::from(self.bury(server, &how, turn).await?);
            }
        }
        Ok(died)
    }

    /// Cleans up after a server that ended by itself; false when somebody else has it now.
    async fn bury(&self, mut server: Server, how: &str, mut turn: Turn) -> Result<bool, DbError> {
        turn.begin(false).await;
        let lease = ServerChange {
            lease: Some(Some(self.lease(self.clock.now()))),
            ..ServerChange::default()
        };
        let tx = self.db.write().await?;
        let Some(epoch) = db::servers::step(&tx, server.id, server.epoch, &lease).await? else {
            return Ok(false);
        };
        tx.commit().await?;
        server.epoch = epoch;
        let (name, spec) = (log_name(&server.at), self.routespec(&server));
        tracing::warn!(server = %name, "server {name} {how}");
        if let Err(error) = self.proxy.delete(&spec).await {
            tracing::warn!(server = %name, %error, "route {spec} is left for the next check of routes");
        }
        let mut output = Vec::new();
        if let Some(state) = &server.spawner_state {
            if let Err(error) = self.spawner.stop(state, true).await {
                tracing::error!(server = %name, %error, "what is left of server {name} cannot be stopped");
            }
            output = self.spawner.output_tail(state, TAIL).await;
        }
        self.died_step(
            &server,
            Failure {
                message: format!("the server {how}"),
                output,
                status: 500,
            },
        )
        .await
    }

    async fn died_step(&self, server: &Server, failure: Failure) -> Result<bool, DbError> {
        let change = ServerChange {
            state: Some(ServerState::Stopped),
            lease: Some(None),
            target: Some(None),
            started: Some(None),
            spawner_state: Some(None),
            last_failure: Some(Some(failure)),
            ..ServerChange::default()
        };
        let tx = self.db.write().await?;
        if db::servers::step(&tx, server.id, server.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        identity::revoke(&tx, server).await?;
        tx.commit().await?;
        self.bus.tell(Event::Server(server.id));
        self.bus.tell(Event::Identities);
        Ok(true)
    }
}
