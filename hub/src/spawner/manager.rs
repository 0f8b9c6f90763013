//! The life of every server: what is asked for becomes steps in the database, and a task that does the work.
//!
//! A request only writes the first step and waits a while. The work (process, HTTP, route) is done by a task of this
//! process that holds the server's lease; whoever waits looks at the database, so it does not matter which hub process
//! does the work. If this process dies, another one, or the next, finds the lease and goes on
//! ([`Manager::adopt_all`]).

mod activity;
mod adoption;
mod failures;
mod hubs;
mod identity;
mod notice;
mod progress;
mod renaming;
mod report;
mod request;
mod starting;
mod stopping;
mod watching;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::Stream;
use hub_types::clock::Clock;
use hub_types::progress::ProgressEvent;
use hub_types::server::Pending;
use tokio::sync::RwLock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::auth::Authenticator;
use crate::bus::{Bus, Event};
use crate::config::Config;
use crate::db::{self, Db, DbError};
use crate::domain::action::{StartServer, StopServer};
use crate::domain::lifecycle::{LEASE, Lease, ServerState};
use crate::domain::principal::Granted;
use crate::domain::server::{Failure, Server, ServerId};
use crate::event_log::EventLog;
use crate::metrics::Metrics;
use crate::proxy_client::ProxyClient;
use crate::spawner::Spawner;

pub use hubs::HubProcess;
pub use progress::{Listener, MAX_LISTENERS};
pub use renaming::{RENAMING, Renaming};
pub(crate) use report::OUTPUT;
pub use request::{StartError, StartOutcome, StartRequest, StopError, StopOutcome, StopRequest};
pub use starting::again::Again;
pub use stopping::FAREWELL;

/// How often whoever waits looks at the database even if nothing was told: another hub process may do the work.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the proxy may take to delete a route once the hub stops.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

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
    /// Who is told of starts and stops.
    pub authenticator: Arc<dyn Authenticator>,
    /// How they are reached.
    pub proxy: Arc<dyn ProxyClient>,
    /// What is timed.
    pub metrics: Metrics,
    /// Where starts and stops are written down.
    pub events: EventLog,
    /// Id of this hub process, the owner of its leases.
    pub hub_id: String,
}

/// Starts, stops, watches and adopts servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    deps: ManagerDeps,
    work: work::Work,
    names: renaming::Names,
    http: OnceLock<reqwest::Client>,
    /// Whether a route may be left that nobody wants.
    route_left: AtomicBool,
    /// Cancelled when the hub stops: from then on nobody waits long for the proxy.
    leaving: CancellationToken,
    /// Whether servers may be started; read-locked while a start writes its first step.
    closed: RwLock<bool>,
    failures: failures::Failures,
    listeners: progress::Listeners,
}

impl std::ops::Deref for Manager {
    type Target = ManagerDeps;

    fn deref(&self) -> &ManagerDeps {
        &self.0.deps
    }
}

impl Manager {
    /// A manager; nothing happens before the first call.
    #[must_use]
    pub fn new(deps: ManagerDeps) -> Self {
        Self(Arc::new(Inner {
            deps,
            work: work::Work::default(),
            names: renaming::Names::default(),
            http: OnceLock::new(),
            route_left: AtomicBool::new(false),
            leaving: CancellationToken::new(),
            closed: RwLock::new(false),
            failures: failures::Failures::default(),
            listeners: progress::Listeners::default(),
        }))
    }

    /// Cancelled when so many starts in a row have failed that the hub shall stop.
    #[must_use]
    pub fn gave_up(&self) -> &CancellationToken {
        self.0.failures.enough()
    }

    /// Starts a server (its row is made if it is missing) and waits at most `wait` for it to be ready.
    ///
    /// A server that is being started already is waited for in the same way. The start goes on when the caller goes
    /// away.
    ///
    /// # Errors
    /// [`StartError`]; also when the start fails within `wait`.
    pub async fn start(
        &self,
        granted: Granted<StartServer>,
        request: StartRequest,
        wait: Duration,
    ) -> Result<StartOutcome, StartError> {
        let deadline = Instant::now() + wait;
        let (manager, at) = (self.clone(), granted.subject().clone());
        // A task of its own: a caller that goes away must not leave a step without the work that belongs to it.
        let server = finished(tokio::spawn(async move {
            manager.begin_start(&granted, request).await
        }))
        .await?;
        match self.settled(server, Pending::Spawn, deadline).await? {
            None => Ok(StartOutcome::Pending),
            Some(Some(server)) if server.state == ServerState::Ready => Ok(StartOutcome::Ready),
            Some(server) => Err(StartError::Failed(
                server
                    .and_then(|server| server.last_failure)
                    .unwrap_or(Failure {
                        message: format!(
                            "{} was stopped while it was being started",
                            request::log_name(&at)
                        ),
                        output: Vec::new(),
                        status: 500,
                    }),
            )),
        }
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
        let deadline = Instant::now() + wait;
        let manager = self.clone();
        let Some(server) = finished(tokio::spawn(async move {
            manager.begin_stop(&granted, &request).await
        }))
        .await?
        else {
            return Ok(StopOutcome::Stopped);
        };
        let settled = self.settled(server, Pending::Stop, deadline).await?;
        Ok(match settled {
            None => StopOutcome::Pending,
            Some(_) => StopOutcome::Stopped,
        })
    }

    /// The progress of the current start: what was reported so far, then what follows, up to and with the event that
    /// is `ready` or `failed`. Just that last event when the server is ready or has failed already; nothing when
    /// neither is the case and nothing is being started.
    pub fn progress(&self, server: ServerId) -> impl Stream<Item = ProgressEvent> + Send + use<> {
        progress::stream(self.clone(), server)
    }

    /// A place among those who listen to the progress of a server; `None` when [`MAX_LISTENERS`] do.
    #[must_use]
    pub fn listener(&self, server: ServerId) -> Option<Listener> {
        self.0.listeners.join(server)
    }

    /// How many servers this process works on.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.0.work.count()
    }

    /// Waits until this process works on no server any more.
    pub async fn idle(&self) {
        self.0.work.idle().await;
    }

    /// Starts no server any more: from here on nothing comes up behind the back of a hub that stops.
    pub async fn close(&self) {
        *self.0.closed.write().await = true;
    }

    /// Says that the hub stops: a proxy that does not answer holds up no stop of a server any more.
    pub fn hurry(&self) {
        self.0.leaving.cancel();
    }

    /// Whether a route could not be deleted since the last question: the routes should be checked.
    #[must_use]
    pub fn take_route_left(&self) -> bool {
        self.0.route_left.swap(false, Ordering::SeqCst)
    }

    /// Deletes the route of a server; one that cannot be deleted is left for the next check of routes.
    async fn unroute(&self, server: &Server) {
        let spec = self.addresses.server_spec(&server.at);
        let late = async {
            self.0.leaving.cancelled().await;
            tokio::time::sleep(LAST_PATIENCE).await;
        };
        let why = tokio::select! {
            deleted = self.proxy.delete(&spec) => match deleted {
                Ok(()) => return,
                Err(error) => error.to_string(),
            },
            () = late => "the proxy does not answer in time, and the hub is stopping".to_owned(),
        };
        tracing::warn!(server = %server.at, "route {spec} is left for the next check of routes: {why}");
        self.0.route_left.store(true, Ordering::SeqCst);
    }

    /// Waits until `pending` is over: `None` when it has not by `deadline`, `Some(None)` when its row is
    /// gone.
    async fn settled(
        &self,
        id: ServerId,
        pending: Pending,
        deadline: Instant,
    ) -> Result<Option<Option<Server>>, DbError> {
        let mut events = self.bus.listen();
        loop {
            let server = db::servers::get(self.db.read(), id).await?;
            let now = server.as_ref().and_then(|server| server.state.pending());
            if now != Some(pending) {
                return Ok(Some(server));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            changed(&mut events, id, deadline.min(Instant::now() + LOOK_AGAIN)).await;
        }
    }

    fn lease(&self, now: DateTime<Utc>) -> Lease {
        Lease {
            owner: self.hub_id.clone(),
            expires: now + LEASE,
        }
    }

    /// Where people find the server: a path, or a URL on its user's host.
    fn url_of(&self, server: &Server) -> String {
        self.addresses.server_url(&server.at)
    }
}

/// Returns when something may have happened to the server, or at `until`.
async fn changed(
    events: &mut tokio::sync::broadcast::Receiver<Event>,
    id: ServerId,
    until: Instant,
) {
    use tokio::sync::broadcast::error::RecvError;
    let told = async {
        loop {
            match events.recv().await {
                Ok(Event::Server(server)) if server == id => return,
                Ok(Event::Everything) => return,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    let _ = tokio::time::timeout_at(until, told).await;
}

/// The result of a task; its panic is ours.
async fn finished<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody aborts it; only a runtime that shuts down does, and then nobody waits any more.
            Err(_) => std::future::pending().await,
        },
    }
}
