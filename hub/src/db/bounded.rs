//! Statements that are not waited for for ever, and a server that is known to be away.
//!
//! A server may refuse connections, be unreachable, or say nothing at all. The first statement that meets this waits for its
//! limit; while the server is away all others fail at once, so that whoever is known in a cache is answered at once, too. One
//! task asks until the server answers again. A file is away while it is not in its place, and only then.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
};
use tokio::time::timeout;

use super::connect::{ACQUIRE, BUSY_TIMEOUT};
use super::group_commit::{Spoilt, Writers};
use super::place::Place;
use super::{DbError, error};

/// The longest that a statement may take. Longer than it may wait for a lock.
const STATEMENT: Duration = Duration::from_secs(20);

/// How long a transaction waits for a file, those that are before it in the queue included: a little longer than SQLite, which
/// says why.
pub(super) const TURN: Duration = BUSY_TIMEOUT.saturating_add(Duration::from_millis(500));

const GONE: &str = "the file, or its journal, is not where it was opened";

/// Before a server that is away is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether a statement of these pools was given up: then their connections are not to be trusted.
pub(super) type Late = Arc<AtomicBool>;

/// Whether the database answers, as far as is known.
#[derive(Debug, Clone)]
pub(super) enum Health {
    /// What is in memory is always there.
    Memory,
    File(Arc<Place>),
    Server(Arc<Server>),
}

#[derive(Debug)]
pub(super) struct Server {
    readers: DatabaseConnection,
    late: Late,
    away: AtomicBool,
    asking: AtomicBool,
}

impl Health {
    /// Of a server that has just answered.
    pub(super) fn of_server(readers: DatabaseConnection, late: Late) -> Self {
        Self::Server(Arc::new(Server {
            readers,
            late,
            away: AtomicBool::new(false),
            asking: AtomicBool::new(false),
        }))
    }

    /// Whether it is a server's; statements to it run apart from who waits for them.
    pub(super) fn is_of_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Whether what was just committed is where others find it: a file may have gone meanwhile.
    pub(super) fn kept(&self) -> Result<(), DbError> {
        match self {
            Self::File(place) if !place.is_kept() => Err(DbError::Unsure(GONE.to_owned())),
            _ => Ok(()),
        }
    }

    /// Begins something with the database, if that is not known to be away.
    pub(super) async fn begin<T>(
        &self,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        match self {
            Self::Server(server) if server.away.load(Ordering::SeqCst) => Err(io(
                std::io::ErrorKind::NotConnected,
                "the server is away, and is asked until it answers",
            )),
            Self::File(place) if !place.is_kept() => Err(io(std::io::ErrorKind::NotFound, GONE)),
            _ => self.go_on(work).await,
        }
    }

    /// Goes on with what was begun, for so long and no longer.
    pub(super) async fn go_on<T>(
        &self,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let Self::Server(server) = self else {
            return work.await;
        };
        // Pinned, so that its connection goes back to the pool after the pool knows not to trust it.
        let mut work = pin!(work);
        let done = timeout(STATEMENT, &mut work).await.unwrap_or_else(|_| {
            server.late.store(true, Ordering::SeqCst);
            Err(io(
                std::io::ErrorKind::TimedOut,
                "the server did not answer in time",
            ))
        });
        match &done {
            // The queue may just be long.
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => ask(server),
            Err(error) if error::is_away(error) => {
                server.away.store(true, Ordering::SeqCst);
                ask(server);
            }
            _ => {}
        }
        done
    }
}

fn io(kind: std::io::ErrorKind, why: &'static str) -> DbErr {
    let error = sqlx::Error::Io(std::io::Error::new(kind, why));
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

/// Asks the server until it answers, as long as anybody could want to know.
fn ask(server: &Arc<Server>) {
    if server.asking.swap(true, Ordering::SeqCst) {
        return;
    }
    let server = Arc::downgrade(server);
    tokio::spawn(async move {
        let mut told = false;
        while let Some(server) = server.upgrade() {
            if let Ok(Ok(())) = timeout(ACQUIRE, server.readers.ping()).await {
                // In this order: whoever finds it away from now on asks again.
                server.asking.store(false, Ordering::SeqCst);
                server.late.store(false, Ordering::SeqCst);
                server.away.store(false, Ordering::SeqCst);
                if told {
                    tracing::info!("the database answers again");
                }
                return;
            }
            server.away.store(true, Ordering::SeqCst);
            if !told {
                told = true;
                tracing::error!("the database is away; it is asked until it answers");
            }
            drop(server);
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// A connection, or a transaction, whose statements are bounded.
#[derive(Debug)]
pub struct Bounded<C> {
    inner: Arc<C>,
    health: Health,
    begun: bool,
    /// Set when a statement fails in a way that may have undone more than itself.
    spoilt: Option<Spoilt>,
    /// Who may have told of what is not there for readers yet.
    writers: Option<Writers>,
}

impl<C> Bounded<C> {
    /// Each statement stands for itself: none is begun while the server is away, and it sees all that the `writers` have told
    /// anybody.
    pub(super) fn each(inner: C, health: Health, writers: Option<Writers>) -> Self {
        Self {
            inner: Arc::new(inner),
            health,
            begun: false,
            spoilt: None,
            writers,
        }
    }

    /// Statements belong to what was begun. `spoilt` is set when one fails in a way that may have undone others.
    pub(super) fn all(inner: C, health: Health, spoilt: Option<Spoilt>) -> Self {
        Self {
            inner: Arc::new(inner),
            health,
            begun: true,
            spoilt,
            writers: None,
        }
    }

    /// What was bounded, unless a statement that nobody waited for is still under way.
    pub(super) fn into_inner(self) -> Result<C, DbErr> {
        Arc::try_unwrap(self.inner).map_err(|_| {
            let why = "a statement of this transaction was given up, and is still under way";
            io(std::io::ErrorKind::ResourceBusy, why)
        })
    }

    async fn run<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if !self.begun {
            if let Some(writers) = &self.writers {
                writers.settled().await;
            }
            return self.health.begin(work).await;
        }
        let done = self.health.go_on(work).await;
        if let (Some(spoilt), Err(error)) = (&self.spoilt, &done)
            && !error::is_of_one_statement(error)
        {
            let _ = spoilt.set(error.clone());
        }
        done
    }
}

impl<C> Clone for Bounded<C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            health: self.health.clone(),
            begun: self.begun,
            spoilt: self.spoilt.clone(),
            writers: self.writers.clone(),
        }
    }
}

impl<C> Bounded<C> {
    /// Where a statement to a server runs to its end whoever still waits for it. A connection whose statement was abandoned
    /// half-way may never be ready again (seen with MariaDB), and its place in the pool is gone then.
    fn apart(&self) -> Option<Self> {
        self.health.is_of_server().then(|| self.clone())
    }
}

/// Lets a task of its own finish the work.
pub(super) async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(ending()))
}

/// What who waits hears when nobody is left to answer.
pub(super) fn ending() -> DbErr {
    io(std::io::ErrorKind::Interrupted, "the hub is ending")
}

/// Waits for an answer for as long as for a connection to a server.
pub(super) async fn soon<T>(work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    timeout(ACQUIRE, work).await.unwrap_or_else(|_| {
        Err(io(
            std::io::ErrorKind::TimedOut,
            "it did not answer in time",
        ))
    })
}

/// What who waits for a file hears after [`TURN`].
pub(super) fn late() -> DbErr {
    io(
        std::io::ErrorKind::TimedOut,
        "others have been writing for too long",
    )
}

#[cfg(any(test, feature = "contract"))]
impl Bounded<DatabaseConnection> {
    /// Takes the connections away, as if the database were gone.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn lose(&self) -> Result<(), DbErr> {
        self.inner.close_by_ref().await
    }
}

#[async_trait::async_trait]
impl<C: ConnectionTrait + Send + 'static> ConnectionTrait for Bounded<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self.apart() {
            Some(one) => {
                whole(async move { one.run(one.inner.execute_raw(statement)).await }).await
            }
            None => self.run(self.inner.execute_raw(statement)).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self.apart() {
            Some(one) => {
                whole(async move { one.run(one.inner.query_one_raw(statement)).await }).await
            }
            None => self.run(self.inner.query_one_raw(statement)).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.apart() {
            Some(one) => {
                whole(async move { one.run(one.inner.query_all_raw(statement)).await }).await
            }
            None => self.run(self.inner.query_all_raw(statement)).await,
        }
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }
}
