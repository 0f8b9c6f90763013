//! Looking whether ready servers still run.

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::request::log_name;
use super::starting::TAIL;
use super::work::Turn;
use super::{Manager, finished, identity};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Failure, Server};
use crate::spawner::Poll;

/// How many servers are looked at, and cleaned up after, at the same time.
const POLLS: usize = 16;

/// The row of a server that failed. What is not `gone` stays known and is left in `stopping`: the next look at
/// unfinished work stops it again, and until then nothing is started in its place.
pub(super) fn after_failure(failure: Failure, gone: bool) -> ServerChange {
    let change = ServerChange {
        state: Some(ServerState::Stopping),
        lease: Some(None),
        last_failure: Some(Some(failure)),
        ..ServerChange::default()
    };
    if !gone {
        return change;
    }
    ServerChange {
        state: Some(ServerState::Stopped),
        target: Some(None),
        started: Some(None),
        spawner_state: Some(None),
        ..change
    }
}

impl Manager {
    /// Asks the spawner for every ready server whether it runs; cleans up after those that do not. Returns how many
    /// died.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn poll_servers(&self) -> Result<usize, DbError> {
        let mut ready = db::servers::active(self.db.read()).await?;
        ready.retain(|server| server.state == ServerState::Ready);
        Ok(self.poll_all(ready).await)
    }

    /// Asks at once for those of `servers` that are ready, so that one that ended by itself is noticed before the next
    /// turn; true when one had. (JupyterHub does so when its owner comes home, and before it says "already running".)
    pub async fn notice_the_dead(&self, servers: &[Server]) -> bool {
        let ready = |server: &&Server| server.state == ServerState::Ready;
        let ready: Vec<_> = servers.iter().filter(ready).cloned().collect();
        if ready.is_empty() {
            return false;
        }
        let manager = self.clone();
        // A task of its own: a caller that goes away must not leave a server half cleaned up.
        finished(tokio::spawn(
            async move { manager.poll_all(ready).await > 0 },
        ))
        .await
    }

    /// Asks for each of these servers; returns how many had died.
    async fn poll_all(&self, servers: Vec<Server>) -> usize {
        let died: Vec<bool> = futures_util::stream::iter(servers)
            .map(|server| self.poll_one(server))
            .buffer_unordered(POLLS)
            .collect()
            .await;
        died.into_iter().filter(|died| *died).count()
    }

    /// Asks for one server, and cleans up after it; true when it had died. What goes wrong is left for the next look.
    async fn poll_one(&self, server: Server) -> bool {
        let begin = Instant::now();
        let poll = match &server.spawner_state {
            Some(state) => self.spawner.poll(state).await,
            None => Poll::Exited("is not known to the spawner".into()),
        };
        let running = !matches!(poll, Poll::Exited(_));
        self.metrics.server_poll(running, begin.elapsed());
        let Poll::Exited(how) = poll else {
            return false;
        };
        if self.0.work.is_busy(server.id) {
            return false;
        }
        let (turn, name) = (self.0.work.announce(server.id), log_name(&server.at));
        match self.bury(server, &how, turn).await {
            Ok(died) => died,
            Err(error) => {
                tracing::error!(server = %name, %error, "server {name} {how}, which is not recorded yet");
                false
            }
        }
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
        let name = log_name(&server.at);
        tracing::warn!(server = %name, "server {name} {how}");
        self.unroute(&server).await;
        let (mut output, mut gone) = (Vec::new(), true);
        if let Some(state) = &server.spawner_state {
            if let Err(error) = self.spawner.stop(state, true).await {
                tracing::error!(server = %name, %error, "what is left of server {name} cannot be stopped yet");
                gone = false;
            }
            output = self.spawner.output_tail(state, TAIL).await;
        }
        if gone {
            self.after_stop(&server).await;
        }
        self.died_step(
            &server,
            Failure {
                message: format!("the server {how}"),
                output,
                status: 500,
            },
            gone,
        )
        .await
    }

    async fn died_step(
        &self,
        server: &Server,
        failure: Failure,
        gone: bool,
    ) -> Result<bool, DbError> {
        let change = after_failure(failure, gone);
        let tx = self.db.write().await?;
        if db::servers::step(&tx, server.id, server.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        if gone {
            identity::revoke(&tx, server).await?;
        }
        let told = [Event::Server(server.id), Event::Identities];
        tx.commit_and_tell(&self.bus, told).await?;
        Ok(true)
    }
}
