//! The life of every server: what is asked for becomes steps in the database, and a task that does the work.
//!
//! A request only writes the first step and waits a while. The work (process, HTTP, route) is done by a task of this
//! process that holds the server's lease; whoever waits looks at the database, so it does not matter which hub process
//! does the work. If this process dies, another one, or the next, finds the lease and goes on ([`Manager::adopt_all`]).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::Stream;
use hub_types::clock::Clock;
use hub_types::progress::ProgressEvent;
use serde_json::{Map, Value};

use crate::addresses::Addresses;
use crate::bus::Bus;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::domain::action::{StartServer, StopServer};
use crate::domain::lifecycle::Refused;
use crate::domain::principal::Granted;
use crate::domain::server::{Failure, ServerId, ServerRef};
use crate::proxy_client::ProxyClient;
use crate::spawner::Spawner;

/// What a manager works with.
#[derive(Debug, Clone)]
pub struct ManagerDeps {
    /// The truth.
    pub db: Db,
    /// Where steps are told.
    pub bus: Bus,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where everything is.
    pub addresses: Arc<Addresses>,
    /// What the hub was told.
    pub config: Arc<Config>,
    /// How servers are run.
    pub spawner: Arc<dyn Spawner>,
    /// How they are reached.
    pub proxy: Arc<dyn ProxyClient>,
    /// Id of this hub process, the owner of its leases.
    pub hub_id: String,
}

/// What is asked for with a start.
#[derive(Debug, Clone, Default)]
pub struct StartRequest {
    /// Options for the spawner; none means those of the last start.
    pub user_options: Option<Map<String, Value>>,
    /// What people call it; none leaves it as it is.
    pub display_name: Option<String>,
}

/// What a start came to within the time it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// It answers and is routed: 201.
    Ready,
    /// It is still being started: 202.
    Pending,
}

/// Why a server was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The owner is not registered: 404.
    #[error("No such user: {0}")]
    NoSuchUser(String),
    /// It runs, or is being stopped: 400.
    #[error("{server} {why}")]
    Refused {
        /// `alice`, `alice:gpu`.
        server: String,
        /// Why not.
        why: Refused,
    },
    /// Too many servers are being started: 429.
    #[error("Too many users trying to log in right now. Try again in {} seconds.", .retry_after.as_secs())]
    Throttled {
        /// For the header `Retry-After`.
        retry_after: Duration,
    },
    /// The start failed: the status of the failure, 500 as a rule.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The database refused or is gone: 503.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl StartError {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchUser(_) => 404,
            Self::Refused { .. } => 400,
            Self::Throttled { .. } => 429,
            Self::Failed(failure) => failure.status,
            Self::Db(_) => 503,
        }
    }
}

/// What is asked for with a stop.
#[derive(Debug, Clone, Default)]
pub struct StopRequest {
    /// Whether to forget a named server altogether.
    pub remove: bool,
    /// Only if the server was not used after this time (the culler's precondition).
    pub unless_active_since: Option<DateTime<Utc>>,
}

/// What a stop came to within the time it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// It does not run: 204.
    Stopped,
    /// It is still being stopped: 202.
    Pending,
}

/// Why a server was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such named server: 404.
    #[error("{user} has no server named '{name}'")]
    NoSuchServer {
        /// The owner.
        user: String,
        /// The server.
        name: String,
    },
    /// The default server cannot be removed: 400.
    #[error("Cannot delete the default server")]
    DefaultServer,
    /// It was used after the given time: 412.
    #[error("{0} was active in the meantime")]
    Active(String),
    /// The database refused or is gone: 503.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl StopError {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchServer { .. } => 404,
            Self::DefaultServer => 400,
            Self::Active(_) => 412,
            Self::Db(_) => 503,
        }
    }
}

/// Starts, stops, watches and adopts servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Manager(Arc<ManagerDeps>);

impl Manager {
    /// A manager; nothing happens before the first call.
    #[must_use]
    pub fn new(deps: ManagerDeps) -> Self {
        Self(Arc::new(deps))
    }

    /// Starts a server (its row is made if it is missing) and waits at most `wait` for it to be ready.
    ///
    /// A server that is being started already is waited for in the same way.
    ///
    /// # Errors
    /// [`StartError`]; also when the start fails within `wait`.
    pub async fn start(
        &self,
        granted: Granted<StartServer>,
        request: StartRequest,
        wait: Duration,
    ) -> Result<StartOutcome, StartError> {
        let _ = (granted, request, wait);
        Ok(StartOutcome::Pending)
    }

    /// Stops a server, or cancels its start, and waits at most `wait` until it is gone.
    ///
    /// # Errors
    /// [`StopError`].
    pub async fn stop(
        &self,
        granted: Granted<StopServer>,
        request: StopRequest,
        wait: Duration,
    ) -> Result<StopOutcome, StopError> {
        let _ = (granted, request, wait);
        Ok(StopOutcome::Pending)
    }

    /// The progress of the current start: what was reported so far, then what follows, up to and with the event that
    /// is `ready` or `failed`. Just that last event when the server is ready or has failed already; nothing when
    /// neither is the case and nothing is being started.
    pub fn progress(&self, server: ServerId) -> impl Stream<Item = ProgressEvent> + Send + use<> {
        let _ = server;
        futures_util::stream::empty()
    }

    /// Goes on with what other hub processes left unfinished: after a start, and whenever leases may have run out.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn adopt_all(&self) -> Result<(), DbError> {
        Ok(())
    }

    /// Moves `last_activity` of servers and their owners forward, in one transaction. Times that lie too far in the
    /// future are dropped.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn report_activity(&self, batch: Vec<(ServerRef, DateTime<Utc>)>) -> Result<(), DbError> {
        let _ = batch;
        Ok(())
    }
}
