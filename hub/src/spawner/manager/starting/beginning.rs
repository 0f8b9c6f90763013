//! The first step of a start, `stopped → spawning`: whether it may be made, and the row that says that it was. What comes
//! after it is the work of a task.

use hub_types::names::ServerName;
use hub_types::secret::{Token, random_bytes};
use tokio::time::Instant;

use super::Starting;
use crate::bus::Event;
use crate::db::{self, DbError, NewServer, ServerChange, Tx};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::{Refused, ServerState, Step, next};
use crate::domain::limits::Crowded;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerId, ServerRef};
use crate::domain::user::User;
use crate::failpoint;
use crate::metrics::SpawnEnd;
use crate::spawner::manager::request::log_name;
use crate::spawner::manager::{Manager, StartError, StartRequest, identity, report};

impl Manager {
    /// Writes the first step and starts the task; returns the server. One that is being started already is left to
    /// whoever does that.
    pub(in crate::spawner::manager) async fn begin_start(
        &self,
        granted: &Granted<StartServer>,
        request: StartRequest,
    ) -> Result<ServerId, StartError> {
        let begin = Instant::now();
        let mut begun = self.first_steps(granted, request.clone()).await;
        if let Err(StartError::Refused {
            why: Refused::AlreadyRunning,
            ..
        }) = &begun
            && self.has_just_died(granted.subject()).await?
        {
            begun = self.first_steps(granted, request).await;
        }
        let refused = match &begun {
            Err(StartError::Throttled { .. }) => Some(SpawnEnd::Throttled),
            Err(StartError::Full) => Some(SpawnEnd::TooManyUsers),
            Err(StartError::Refused {
                why: Refused::PendingStop,
                ..
            }) => Some(SpawnEnd::AlreadyPending),
            Err(StartError::Db(_)) => Some(SpawnEnd::Error),
            _ => None,
        };
        if let Some(end) = refused {
            self.metrics.spawn(end, begin.elapsed());
        }
        begun
    }

    /// Whether a server that is thought to run does not; it is cleaned up after then.
    async fn has_just_died(&self, at: &ServerRef) -> Result<bool, DbError> {
        let server = db::servers::find(self.db.read(), at).await?;
        Ok(self.notice_the_dead(server.as_slice()).await)
    }

    async fn first_steps(
        &self,
        granted: &Granted<StartServer>,
        request: StartRequest,
    ) -> Result<ServerId, StartError> {
        let at = granted.subject();
        // Before the lock: a renaming that is waited for must not hold up a hub that stops.
        let tx = self.write_about(&[at]).await?;
        let closed = self.0.closed.read().await;
        if *closed {
            return Err(StartError::Closing);
        }
        let user = db::users::find(&*tx, at.user.as_str())
            .await?
            .ok_or_else(|| StartError::NoSuchUser(at.user.to_string()))?;
        let server = self.row_of(&tx, &user, &at.name, &request).await?;
        match next(server.state, Step::Start) {
            Ok(_) => {}
            Err(Refused::PendingSpawn) => return Ok(server.id),
            Err(why) => {
                return Err(StartError::Refused {
                    server: log_name(at),
                    why,
                });
            }
        }
        self.room_for_one_more(&tx).await?;
        let token = Token::generate();
        let starting = self.first_step(&tx, server, request, &token).await?;
        failpoint::reached("start.uncommitted");
        // Before others can see the step, and not before it is certain to be ours.
        let turn = self.0.work.announce(starting.server.id);
        let id = starting.server.id;
        tx.commit_and_tell(&self.bus, [Event::Server(id)]).await?;
        failpoint::reached("start.first_step");
        tokio::spawn(starting.run(turn, Some(token)));
        Ok(id)
    }

    /// Whether the limits leave room for a start.
    async fn room_for_one_more(&self, tx: &Tx) -> Result<(), StartError> {
        let limits = self.config.jupyterhub.start_limits();
        let (starting, active) = db::servers::crowd(&**tx, limits.counted()).await?;
        limits
            .check(starting, active)
            .map_err(|why| self.crowded(why))
    }

    /// What whoever comes at a limit is told.
    pub(super) fn crowded(&self, why: Crowded) -> StartError {
        let settings = &self.config.jupyterhub.tornado_settings;
        match why {
            Crowded::Running => StartError::Full,
            Crowded::Starting => StartError::Throttled {
                retry_after: settings.retry_after(u64::from_le_bytes(random_bytes())),
            },
        }
    }

    async fn row_of(
        &self,
        tx: &Tx,
        user: &User,
        name: &ServerName,
        request: &StartRequest,
    ) -> Result<Server, StartError> {
        let at = ServerRef::new(user.name.clone(), name.clone());
        let rule = self.config.jupyterhub.named_servers();
        if !name.is_default() {
            rule.check_enabled()?;
        }
        if let Some(server) = db::servers::find(&**tx, &at).await? {
            return Ok(server);
        }
        if !name.is_default() {
            let existing = db::servers::of_users(&**tx, &[user.id]).await?;
            rule.check_one_more(user.name.as_str(), &existing)?;
        }
        // Whoever asks, API or page: a name that is no slug never becomes a row, a route or a folder.
        let name = ServerName::new(name.as_str()).map_err(StartError::BadName)?;
        let new = NewServer {
            display_name: request.display_name.clone().unwrap_or_default(),
            user_options: request.user_options.clone().unwrap_or_default(),
        };
        let id = db::servers::insert(tx, user.id, &name, &new).await?;
        let server = db::servers::get(&**tx, id).await?;
        Ok(server.ok_or_else(|| row_gone(id))?)
    }

    async fn first_step(
        &self,
        tx: &Tx,
        mut server: Server,
        request: StartRequest,
        token: &Token,
    ) -> Result<Starting, DbError> {
        let now = self.clock.now();
        let change = ServerChange {
            state: Some(ServerState::Spawning),
            lease: Some(Some(self.lease(now))),
            target: Some(None),
            started: Some(Some(now)),
            last_activity: Some(now),
            display_name: request.display_name,
            user_options: request.user_options.clone(),
            spawner_state: Some(None),
            last_failure: Some(None),
            ..ServerChange::default()
        };
        // Read in this transaction, which is the only one that writes: the epoch cannot have changed.
        let start = db::servers::step(tx, server.id, server.epoch, &change)
            .await?
            .ok_or_else(|| row_gone(server.id))?;
        server.user_options = request.user_options.unwrap_or(server.user_options);
        server.spawner_state = None;
        db::last_activity::of_users(tx, &[(server.user_id, now)]).await?;
        identity::issue(
            tx,
            &self.0.deps,
            &server.at,
            (server.id, server.user_id),
            token.hash(),
        )
        .await?;
        db::events::forget_before(tx, server.id, start).await?;
        db::events::append(tx, server.id, start, &report::requested(), now).await?;
        Ok(Starting::new(self.clone(), server, start, start))
    }
}

fn row_gone(id: ServerId) -> DbError {
    DbError::Inconsistent {
        table: "servers",
        why: format!("row {} changed within a transaction", id.0),
    }
}
