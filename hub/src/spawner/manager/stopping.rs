//! Stopping a server: `ready` or `spawning` → `stopping → stopped`, or → `removing →` gone.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::request::log_name;
use super::work::Turn;
use super::{Manager, StopError, StopRequest, identity};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerId, ServerRef};
use crate::domain::user::UserId;
use crate::event_log::ServerAction;
use crate::failpoint;

/// How long a spawner may take to do away with what it keeps of a server.
pub const FAREWELL: Duration = Duration::from_secs(60);

/// What became of the last step of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastStep {
    /// It is written.
    Done,
    /// Nothing is written yet: the server goes for good, and the spawner has to be told first.
    Removes,
    /// Somebody else has the server now.
    Lost,
}

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
        if request.remove && at.name.is_default() && !request.owner_goes {
            return Err(StopError::DefaultServer);
        }
        let fresh = match request.unless_active_since {
            Some(_) => self.refresh_activity(at).await,
            None => Ok(true),
        };
        let tx = self.write_about(&[at]).await?;
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
            ServerState::Stopped if request.remove => {}
            ServerState::Stopped => return Ok(None),
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
        // What has stopped is not used.
        let runs = server.state != ServerState::Stopped;
        let change = ServerChange {
            state: Some(stopping),
            lease: Some(Some(self.lease(self.clock.now()))),
            unless_active_since: request.unless_active_since.filter(|_| runs),
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
        let manager = self.clone();
        match runs {
            true => tokio::spawn(manager.run_stop(server, turn, request.owner_goes)),
            false => tokio::spawn(manager.run_removal(server, turn)),
        };
        Ok(Some(id))
    }

    /// Lets the spawner do away with what it keeps of a server that is deleted for good.
    async fn delete_forever(&self, at: &ServerRef, owner: UserId) {
        let deleted = timeout(FAREWELL, self.spawner.delete_forever(at, owner)).await;
        let why = match deleted {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no end after {} s", FAREWELL.as_secs()),
        };
        tracing::error!(server = %at, "something is left of server {at}, which is deleted: {why}");
    }

    /// Forgets a server that had stopped before.
    async fn run_removal(self, server: Server, mut turn: Turn) {
        turn.begin(true).await;
        let name = log_name(&server.at);
        self.delete_forever(&server.at, server.user_id).await;
        match self.removed_step(&server).await {
            Ok(true) => tracing::info!(server = %name, "server {name} is removed"),
            Ok(false) => tracing::info!(server = %name, "server {name} is in other hands"),
            Err(error) => {
                tracing::error!(server = %name, %error, "the removal of server {name} is not recorded");
            }
        }
    }

    async fn removed_step(&self, server: &Server) -> Result<bool, DbError> {
        let change = ServerChange {
            state: Some(ServerState::Stopped),
            lease: Some(None),
            ..ServerChange::default()
        };
        let tx = self.db.write().await?;
        let step = db::servers::step(&tx, server.id, server.epoch, &change).await?;
        if step.is_none() {
            return Ok(false);
        }
        db::servers::delete(&tx, server.id).await?;
        tx.commit_and_tell(&self.bus, removed(server.id)).await?;
        Ok(true)
    }

    /// Does the work of a stop: route first, then the process, then what the server was at the hub. One for which the
    /// owner goes is no activity of theirs: whoever has to try again does so on the same condition.
    pub(super) async fn run_stop(self, server: Server, mut turn: Turn, owner_goes: bool) {
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
        let mut stopped = self.stopped_step(&server, false, owner_goes).await;
        if matches!(stopped, Ok(LastStep::Removes)) {
            self.delete_forever(&server.at, server.user_id).await;
            stopped = self.stopped_step(&server, true, owner_goes).await;
        }
        failpoint::reached("stop.recorded");
        if !matches!(stopped, Ok(LastStep::Lost)) {
            self.metrics.stop(stopped.is_ok(), begin.elapsed());
        }
        match stopped {
            Ok(LastStep::Done | LastStep::Removes) => {
                tracing::info!(server = %name, "server {name} is stopped");
                let now = self.clock.now();
                self.events
                    .server(ServerAction::Stop, &server.at, now)
                    .await;
            }
            Ok(LastStep::Lost) => {
                tracing::info!(server = %name, "server {name} is in other hands");
            }
            Err(error) => {
                tracing::error!(server = %name, %error, "the stop of server {name} is not recorded");
            }
        }
    }

    /// The last step; a server that is to be removed is gone with it, once the spawner was `told`.
    async fn stopped_step(
        &self,
        server: &Server,
        told: bool,
        owner_goes: bool,
    ) -> Result<LastStep, DbError> {
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
        let row = row.filter(|row| row.epoch == server.epoch);
        let remove = row.is_some_and(|row| row.state == ServerState::Removing);
        if remove && !told {
            return Ok(LastStep::Removes);
        }
        if db::servers::step(&tx, server.id, server.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(LastStep::Lost);
        }
        identity::revoke(&tx, server).await?;
        if !owner_goes {
            db::last_activity::of_users(&tx, &[(server.user_id, now)]).await?;
        }
        if remove {
            db::servers::delete(&tx, server.id).await?;
        }
        tx.commit_and_tell(&self.bus, removed(server.id)).await?;
        Ok(LastStep::Done)
    }
}
