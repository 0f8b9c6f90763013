//! Stopping a server: `ready` or `spawning` → `stopping → stopped`, or → `removing →` gone.

use tokio::time::Instant;

use super::request::log_name;
use super::work::Turn;
use super::{Manager, StopError, StopRequest, identity};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerId};
use crate::event_log::ServerAction;
use crate::failpoint;

/// What is told of a server that lost its tokens, or is removed with what others may do with it.
fn removed(id: ServerId) -> [Event; 2] {
    [Event::Server(id), Event::Identities]
}

impl Manager {
    /// Writes the first step and starts the task; `None` when nothing has to be waited for.
    pub(super) async fn begin_stop(
        &self,
        granted: &Granted<StopServer>,
        request: &StopRequest,
    ) -> Result<Option<ServerId>, StopError> {
        let at = granted.subject();
        if request.remove && at.name.is_default() {
            return Err(StopError::DefaultServer);
        }
        let fresh = match request.unless_active_since {
            Some(_) => self.refresh_activity(at).await,
            None => Ok(true),
        };
        let tx = self.db.write().await?;
        let Some(mut server) = db::servers::find(&*tx, at).await? else {
            if at.name.is_default() {
                return Ok(None);
            }
            return Err(StopError::NoSuchServer {
                user: at.user.to_string(),
                name: at.name.to_string(),
            });
        };
        match server.state {
            ServerState::Stopping | ServerState::Removing => {
                if request.remove {
                    db::servers::remove_when_stopped(&tx, server.id).await?;
                    tx.commit().await?;
                }
                return Ok(Some(server.id));
            }
            ServerState::Stopped => {
                if request.remove {
                    db::servers::delete(&tx, server.id).await?;
                    tx.commit_and_tell(&self.bus, removed(server.id)).await?;
                }
                return Ok(None);
            }
            // One that starts has no route yet.
            state => {
                if !fresh? && state == ServerState::Ready {
                    return Err(StopError::Unsure(log_name(at)));
                }
            }
        }
        let stopping = match request.remove {
            true => ServerState::Removing,
            false => ServerState::Stopping,
        };
        let change = ServerChange {
            state: Some(stopping),
            lease: Some(Some(self.lease(self.clock.now()))),
            unless_active_since: request.unless_active_since,
            ..ServerChange::default()
        };
        // The epoch was read in this transaction, so it can only be the precondition that failed.
        let Some(epoch) = db::servers::step(&tx, server.id, server.epoch, &change).await? else {
            return Err(StopError::Active(log_name(at)));
        };
        // A stop that is refused must not touch a start that goes on.
        let turn = self.0.work.announce(server.id);
        server.epoch = epoch;
        let id = server.id;
        tx.commit_and_tell(&self.bus, [Event::Server(id)]).await?;
        failpoint::reached("stop.first_step");
        tokio::spawn(self.clone().run_stop(server, turn));
        Ok(Some(id))
    }

    /// Does the work of a stop: route first, then the process, then what the server was at the hub.
    pub(super) async fn run_stop(self, server: Server, mut turn: Turn) {
        turn.begin(true).await;
        let (begin, name) = (Instant::now(), log_name(&server.at));
        self.unroute(&server).await;
        failpoint::reached("stop.unrouted");
        if let Some(state) = &server.spawner_state
            && let Err(error) = self.spawner.stop(state, false).await
        {
            // The row stays at `stopping`: the next look at unfinished work tries again.
            tracing::error!(server = %name, %error, "server {name} cannot be stopped");
            self.metrics.stop(false, begin.elapsed());
            return;
        }
        self.after_stop(&server).await;
        failpoint::reached("stop.ended");
        let stopped = self.stopped_step(&server).await;
        failpoint::reached("stop.recorded");
        if !matches!(stopped, Ok(false)) {
            self.metrics.stop(stopped.is_ok(), begin.elapsed());
        }
        match stopped {
            Ok(true) => {
                tracing::info!(server = %name, "server {name} is stopped");
                let now = self.clock.now();
                self.events
                    .server(ServerAction::Stop, &server.at, now)
                    .await;
            }
            Ok(false) => tracing::info!(server = %name, "server {name} is in other hands"),
            Err(error) => {
                tracing::error!(server = %name, %error, "the stop of server {name} is not recorded");
            }
        }
    }

    /// The last step; a server that is to be removed is gone with it.
    async fn stopped_step(&self, server: &Server) -> Result<bool, DbError> {
        let now = self.clock.now();
        let change = ServerChange {
            state: Some(ServerState::Stopped),
            lease: Some(None),
            target: Some(None),
            started: Some(None),
            last_activity: Some(now),
            spawner_state: Some(None),
            ..ServerChange::default()
        };
        let tx = self.db.write().await?;
        // Somebody may have asked for it while it was being stopped.
        let row = db::servers::get(&*tx, server.id).await?;
        let remove = row.is_some_and(|row| row.state == ServerState::Removing);
        if db::servers::step(&tx, server.id, server.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        identity::revoke(&tx, server).await?;
        db::last_activity::of_users(&tx, &[(server.user_id, now)]).await?;
        if remove {
            db::servers::delete(&tx, server.id).await?;
        }
        tx.commit_and_tell(&self.bus, removed(server.id)).await?;
        Ok(true)
    }
}
