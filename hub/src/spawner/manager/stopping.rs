//! Stopping a server: `ready` or `spawning` → `stopping → stopped`.

use super::request::log_name;
use super::work::Turn;
use super::{Manager, StopError, StopRequest, identity};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerId};

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
        if request.unless_active_since.is_some() {
            self.refresh_activity(at).await;
        }
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
            ServerState::Stopping => return Ok(Some(server.id)),
            ServerState::Stopped => {
                if request.remove {
                    db::servers::delete(&tx, server.id).await?;
                    tx.commit().await?;
                    self.bus.tell(Event::Server(server.id));
                }
                return Ok(None);
            }
            ServerState::Spawning | ServerState::Ready => {}
        }
        let turn = self.0.work.announce(server.id);
        let change = ServerChange {
            state: Some(ServerState::Stopping),
            lease: Some(Some(self.lease(self.clock.now()))),
            unless_active_since: request.unless_active_since,
            ..ServerChange::default()
        };
        // The epoch was read in this transaction, so it can only be the precondition that failed.
        let Some(epoch) = db::servers::step(&tx, server.id, server.epoch, &change).await? else {
            return Err(StopError::Active(log_name(at)));
        };
        tx.commit().await?;
        server.epoch = epoch;
        self.bus.tell(Event::Server(server.id));
        let id = server.id;
        tokio::spawn(self.clone().run_stop(server, turn, request.remove));
        Ok(Some(id))
    }

    /// Does the work of a stop: route first, then the process, then what the server was at the hub.
    pub(super) async fn run_stop(self, server: Server, mut turn: Turn, remove: bool) {
        turn.begin(true).await;
        let name = log_name(&server.at);
        let spec = self.routespec(&server);
        if let Err(error) = self.proxy.delete(&spec).await {
            tracing::warn!(server = %name, %error, "route {spec} is left for the next check of routes");
        }
        if let Some(state) = &server.spawner_state
            && let Err(error) = self.spawner.stop(state, false).await
        {
            // The row stays at `stopping`: the next look at unfinished work tries again.
            tracing::error!(server = %name, %error, "server {name} cannot be stopped");
            return;
        }
        match self.stopped_step(&server, remove).await {
            Ok(true) => tracing::info!(server = %name, "server {name} is stopped"),
            Ok(false) => tracing::info!(server = %name, "server {name} is in other hands"),
            Err(error) => {
                tracing::error!(server = %name, %error, "the stop of server {name} is not recorded");
            }
        }
    }

    async fn stopped_step(&self, server: &Server, remove: bool) -> Result<bool, DbError> {
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
        if db::servers::step(&tx, server.id, server.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        identity::revoke(&tx, server).await?;
        db::users::touch(&tx, server.user_id, now).await?;
        if remove {
            db::servers::delete(&tx, server.id).await?;
        }
        tx.commit().await?;
        self.bus.tell(Event::Server(server.id));
        self.bus.tell(Event::Identities);
        Ok(true)
    }
}
