//! Starting a server: `stopped → spawning → ready`, or back with a reason.

pub(super) mod again;
mod beginning;
mod preparing;
mod reaching;
mod routing;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::progress::ProgressEvent;
use hub_types::secret::Token;
use tokio::time::Instant;

use super::request::log_name;
use super::watching::after_failure;
use super::work::Turn;
use super::{Manager, identity, report};
use crate::bus::Event;
use crate::db::{self, DbError, ServerChange};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Failure, Server};
use crate::event_log::ServerAction;
use crate::failpoint;
use crate::metrics::SpawnEnd;
use crate::proxy_client::Route;
use crate::spawner::{Commit, CommitError, Placed, Progress, SpawnError, StartContext};

/// How many lines of output are kept of a failed start.
pub(super) const TAIL: usize = 20;

/// Why a start did not come to its end.
#[derive(Debug)]
enum Ended {
    /// Somebody else has the server now.
    Lost,
    /// It failed.
    Failed(String),
    /// What was asked for cannot be: the HTTP status, and why.
    Refused(u16, String),
    /// The database refused or is gone.
    Db(DbError),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// One start, as the task that does the work knows it.
#[derive(Debug)]
pub(super) struct Starting {
    manager: Manager,
    server: Server,
    /// The epoch in which the start began: its name in the table of events.
    start: i64,
    /// What the row is at, and where the process was placed.
    row: Mutex<RowState>,
}

#[derive(Debug, Clone)]
struct RowState {
    epoch: i64,
    placed: Option<Placed>,
    /// How long this server may take to answer, once that is settled.
    http_timeout: Option<Duration>,
}

/// What is counted of a start; a cancelled one is nobody's failure.
fn spawn_end(outcome: &Result<(), Ended>) -> Option<SpawnEnd> {
    match outcome {
        Ok(()) => Some(SpawnEnd::Success),
        Err(Ended::Failed(_) | Ended::Refused(..)) => Some(SpawnEnd::Failure),
        Err(Ended::Db(_)) => Some(SpawnEnd::Error),
        Err(Ended::Lost) => None,
    }
}

impl Starting {
    /// A start that is at `epoch` and began at `start`.
    pub(super) fn new(manager: Manager, server: Server, start: i64, epoch: i64) -> Self {
        let placed = server.spawner_state.clone().zip(server.target.clone());
        let placed = placed.map(|(state, target)| Placed { state, target });
        Self {
            manager,
            server,
            start,
            row: Mutex::new(RowState {
                epoch,
                placed,
                http_timeout: None,
            }),
        }
    }

    /// Does the work: from the start with a token, else from a process that an earlier hub has placed.
    pub(super) async fn run(self, mut turn: Turn, token: Option<Token>) {
        turn.begin(false).await;
        let cancelled = turn.cancelled().clone();
        let (begin, asked_for) = (Instant::now(), token.is_some());
        let outcome = cancelled
            .run_until_cancelled(self.attempt(token))
            .await
            .unwrap_or(Err(Ended::Lost));
        if let (true, Some(end)) = (asked_for, spawn_end(&outcome)) {
            self.manager.metrics.spawn(end, begin.elapsed());
            // What was asked for was wrong, and not the hub: that is not counted.
            if !matches!(outcome, Err(Ended::Refused(400..500, _))) {
                let limit = self.manager.config.spawner.consecutive_failure_limit;
                self.manager.0.failures.count(end, limit);
            }
        }
        let name = log_name(&self.server.at);
        match outcome {
            Ok(()) => {
                tracing::info!(server = %name, "server {name} is ready");
                let (events, now) = (&self.manager.events, self.manager.clock.now());
                events
                    .server(ServerAction::Start, &self.server.at, now)
                    .await;
            }
            Err(Ended::Lost) => {
                tracing::info!(server = %name, "the start of server {name} was cancelled");
            }
            Err(Ended::Failed(message)) => self.fail(500, message).await,
            Err(Ended::Refused(status, message)) => self.fail(status, message).await,
            // The lease runs out, and whoever finds it goes on from what is in the row.
            Err(Ended::Db(error)) => {
                tracing::error!(server = %name, %error, "the start of server {name} is interrupted");
            }
        }
    }

    /// Fails a start of which nothing runs.
    pub(super) async fn give_up(self, mut turn: Turn, message: &str) {
        turn.begin(false).await;
        self.fail(500, message.to_owned()).await;
    }

    async fn attempt(&self, token: Option<Token>) -> Result<(), Ended> {
        let patience = match token {
            Some(token) => self.spawn(token).await?,
            None => self.recorded_patience().await?,
        };
        let Some(placed) = self.row().placed else {
            return Err(Ended::Failed(
                "the spawner did not say where the server runs".into(),
            ));
        };
        self.answers(&placed, patience).await?;
        failpoint::reached("start.answers");
        self.routed(placed.target).await?;
        failpoint::reached("start.routed");
        self.ready().await?;
        failpoint::reached("start.ready");
        Ok(())
    }

    /// How long a server that an earlier hub has placed may take to answer: as long as its own settings said.
    async fn recorded_patience(&self) -> Result<Duration, DbError> {
        let recorded = db::servers::http_timeout(self.manager.db.read(), self.server.id).await?;
        Ok(recorded.unwrap_or(self.manager.config.spawner.http_timeout))
    }

    /// Runs the server; returns how long it may take to answer.
    async fn spawn(&self, token: Token) -> Result<Duration, Ended> {
        let manager = &self.manager;
        self.tell_event(&report::spawning()).await?;
        let late = |limit: Duration| {
            Ended::Failed(format!(
                "the server did not start within {} s (Spawner.start_timeout)",
                limit.as_secs()
            ))
        };
        // What comes before counts as well. Only then is known what this server's own settings say.
        let (begin, limit) = (Instant::now(), manager.config.spawner.start_timeout);
        let prepared = tokio::time::timeout(limit, self.prepare()).await;
        let prepared = prepared.map_err(|_| late(limit))??;
        let (settings, limit) = (&prepared.settings, prepared.settings.spawner.start_timeout);
        self.row_mut().http_timeout = Some(settings.spawner.http_timeout);
        let hub = identity::hub_address(&manager.0.deps, settings);
        let mut contract = identity::contract(&manager.0.deps, settings, &self.server.at, token);
        if let Some(id) = db::oauth::client_of_server(manager.db.read(), self.server.id).await? {
            contract.client_id = id;
        }
        let context = StartContext {
            server: &self.server.at,
            user_id: self.server.user_id,
            groups: &prepared.groups,
            user_options: &self.server.user_options,
            settings,
            contract,
            hub: &hub,
            commit: self,
            progress: self,
        };
        let rest = limit.saturating_sub(begin.elapsed());
        match tokio::time::timeout(rest, manager.spawner.start(context)).await {
            Ok(Ok(())) => Ok(settings.spawner.http_timeout),
            Ok(Err(SpawnError::Failed(message))) => Err(Ended::Failed(message)),
            Ok(Err(SpawnError::Refused { status, message })) => {
                Err(Ended::Refused(status, message))
            }
            Ok(Err(SpawnError::Commit(CommitError::Cancelled))) => Err(Ended::Lost),
            Ok(Err(SpawnError::Commit(CommitError::Db(error)))) => Err(Ended::Db(error)),
            Err(_) => Err(late(limit)),
        }
    }

    async fn ready(&self) -> Result<(), Ended> {
        let manager = &self.manager;
        let url = manager.url_of(&self.server);
        let change = ServerChange {
            state: Some(ServerState::Ready),
            lease: Some(None),
            ..ServerChange::default()
        };
        let tx = manager.db.write().await?;
        if db::servers::step(&tx, self.server.id, self.row().epoch, &change)
            .await?
            .is_none()
        {
            drop(tx);
            // Whoever has the server now deletes the route as well, but perhaps before it was added.
            manager.unroute(&self.server).await;
            return Err(Ended::Lost);
        }
        db::events::append(
            &tx,
            self.server.id,
            self.start,
            &report::ready(&url),
            manager.clock.now(),
        )
        .await?;
        let told = [Event::Server(self.server.id)];
        Ok(tx.commit_and_tell(&manager.bus, told).await?)
    }

    /// Cleans up after a start that went wrong, then says so.
    async fn fail(&self, status: u16, message: String) {
        let (manager, name) = (&self.manager, log_name(&self.server.at));
        tracing::warn!(server = %name, "the start of server {name} failed: {message}");
        let placed = self.row().placed;
        let (mut output, mut gone) = (Vec::new(), true);
        if let Some(placed) = placed {
            manager.unroute(&self.server).await;
            if let Err(error) = manager.spawner.stop(&placed.state, true).await {
                tracing::error!(server = %name, %error, "what is left of server {name} cannot be stopped yet");
                gone = false;
            }
            output = manager.spawner.output_tail(&placed.state, TAIL).await;
        }
        if gone {
            // Else the stop that follows does it.
            manager.after_stop(&self.server).await;
        }
        failpoint::reached("fail.ended");
        let failure = Failure {
            message,
            output,
            status,
        };
        match manager
            .failed_step(&self.server, &self.row(), self.start, (failure, gone))
            .await
        {
            Ok(true) => {}
            Ok(false) => tracing::info!(server = %name, "server {name} is in other hands"),
            Err(error) => {
                tracing::error!(server = %name, %error, "the failed start of server {name} is not recorded");
            }
        }
    }

    async fn tell_event(&self, event: &ProgressEvent) -> Result<(), DbError> {
        let manager = &self.manager;
        let tx = manager.db.write().await?;
        db::events::append(&tx, self.server.id, self.start, event, manager.clock.now()).await?;
        let told = [Event::Server(self.server.id)];
        tx.commit_and_tell(&manager.bus, told).await
    }

    /// The same for what the start can do without.
    async fn say(&self, event: &ProgressEvent) {
        if let Err(error) = self.tell_event(event).await {
            tracing::debug!(server = %self.server.at, %error, "an event of a start is lost");
        }
    }

    fn row(&self) -> RowState {
        self.row_mut().clone()
    }

    fn row_mut(&self) -> MutexGuard<'_, RowState> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Progress for Starting {
    async fn tell(&self, percent: u8, message: &str) {
        self.say(&report::under_way(percent, message)).await;
    }

    async fn tell_html(&self, percent: u8, message: &str, html: &str) {
        self.say(&report::under_way_html(percent, message, html))
            .await;
    }
}

#[async_trait]
impl Commit for Starting {
    async fn commit(&self, placed: &Placed) -> Result<(), CommitError> {
        let RowState {
            epoch,
            http_timeout,
            ..
        } = self.row();
        let change = ServerChange {
            target: Some(Some(placed.target.clone())),
            spawner_state: Some(Some(placed.state.clone())),
            http_timeout,
            ..ServerChange::default()
        };
        let tx = self.manager.db.write().await?;
        let Some(epoch) = db::servers::step(&tx, self.server.id, epoch, &change).await? else {
            return Err(CommitError::Cancelled);
        };
        tx.commit().await?;
        *self.row_mut() = RowState {
            epoch,
            placed: Some(placed.clone()),
            http_timeout,
        };
        Ok(())
    }
}

impl Manager {
    /// The step from `spawning` to `stopped` with a reason, or to `stopping` when not all of it is `gone`; false when
    /// somebody else has the server now.
    async fn failed_step(
        &self,
        server: &Server,
        row: &RowState,
        start: i64,
        (failure, gone): (Failure, bool),
    ) -> Result<bool, DbError> {
        let event = report::failed(&failure);
        let change = after_failure(failure, gone);
        let tx = self.db.write().await?;
        if db::servers::step(&tx, server.id, row.epoch, &change)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        if gone {
            identity::revoke(&tx, server).await?;
        }
        db::events::append(&tx, server.id, start, &event, self.clock.now()).await?;
        let told = [Event::Server(server.id), Event::Identities];
        tx.commit_and_tell(&self.bus, told).await?;
        Ok(true)
    }

    /// The route of a server that listens at `target`.
    pub(super) fn route(&self, server: &Server, target: String) -> Route {
        Route::of_server(&self.addresses, &server.at, target)
    }
}
