//! All SQL of the hub: rows stay in here, domain values go out.
//!
//! Reads take any connection ([`Db::read`]); writes go through a [`Tx`], which is rolled back unless it is committed.
//! SQLite has one writer at a time: [`Db::write`] begins `IMMEDIATE`, so that a transaction never fails half-way for
//! want of the lock. Look-ups return `Option`: what absence means is the caller's business.
//!
//! To add a table: a migration in `hub/migrations/`, an entity in `row`, a file here with functions that take
//! a connection and return domain types.

mod error;
pub mod events;
pub mod foreign;
pub mod groups;
pub mod hubs;
pub mod last_activity;
pub mod oauth;
pub mod processes;
mod register;
pub mod roles;
mod row;
mod schema;
pub mod servers;
pub mod services;
pub mod sessions;
pub mod settings;
pub mod share_codes;
pub mod shares;
pub mod tokens;
pub mod users;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    SqlxSqliteConnector, TransactionOptions, TransactionTrait as _,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::bus::{Bus, Event};
use crate::config::DbUrl;

pub use error::DbError;
pub use hubs::HubRow;
pub use oauth::{CodeOutcome, NewCode, OAuthClient, RedeemedCode};
pub use processes::ProcessRow;
pub use register::Register;
pub use roles::RoleTable;
pub use servers::{NewServer, ServerChange};
pub use services::ServiceRow;
pub use sessions::Session;
pub use share_codes::{NewShareCode, ShareCodesOf};
pub use shares::SharesOf;
pub use tokens::NewTokenRow;
pub use users::{UserFilter, UserOrder, UserPage, UserState, UsersOnly};

/// How long a statement waits for SQLite's write lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many rows SQLite's thread may be ahead of who reads them. More than the longest page, so that the two threads need
/// not wait for each other.
const ROWS_AT_ONCE: usize = 1_000;

/// The hub's database.
#[derive(Debug, Clone)]
pub struct Db {
    readers: DatabaseConnection,
    writer: DatabaseConnection,
    commits: Arc<AtomicU64>,
    register: Register,
}

impl Db {
    /// Opens the database, creates the file (0600) when there is none, and brings the schema up to date.
    ///
    /// # Errors
    /// When the file cannot be created or opened, or holds a schema that this program does not know.
    pub async fn open(url: &DbUrl) -> Result<Self, DbError> {
        let (options, readers) = match url {
            DbUrl::Sqlite(path) => {
                schema::create_private(path)?;
                (SqliteConnectOptions::new().filename(path), 4)
            }
            DbUrl::Memory => (SqliteConnectOptions::new().in_memory(true), 0),
        };
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_AT_ONCE);
        // A file does not go away as a server may: nothing is asked before each use.
        let forever = SqlitePoolOptions::new()
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .min_connections(1);
        let writer = forever
            .clone()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        schema::migrate(&writer).await?;
        let readers = if readers == 0 {
            writer.clone()
        } else {
            forever
                .max_connections(readers)
                .connect_with(options.read_only(true))
                .await?
        };
        Ok(Self {
            readers: SqlxSqliteConnector::from_sqlx_sqlite_pool(readers),
            writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
            commits: Arc::default(),
            register: Register::default(),
        })
    }

    /// The users in the order of their registration.
    #[must_use]
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// A connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Begins a transaction that writes. Keep it short: no other writer gets on meanwhile.
    ///
    /// # Errors
    /// When the database is locked for longer than ten seconds, or gone.
    pub async fn write(&self) -> Result<Tx, DbError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(Tx {
            inner: self.writer.begin_with_options(options).await?,
            commits: Arc::clone(&self.commits),
            register: self.register.clone(),
            users_change: AtomicBool::new(false),
        })
    }

    /// Counts what this process has committed. Whatever was read before the count changed may be out of date; what was
    /// read after is not, as far as this process writes.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

/// A transaction: dropped without [`Tx::commit`], it has changed nothing.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    commits: Arc<AtomicU64>,
    register: Register,
    users_change: AtomicBool,
}

impl Tx {
    /// Users come or go in this transaction: [`Db::register`] is read again after it.
    fn changes_users(&self) {
        self.users_change.store(true, Ordering::SeqCst);
    }

    /// Makes everything that was written in this transaction permanent.
    ///
    /// # Errors
    /// When the database refuses or is gone; nothing has been written then.
    pub async fn commit(self) -> Result<(), DbError> {
        self.commit_and_then(|| {}).await
    }

    /// Makes everything permanent and tells of it, as one step: when the caller is dropped half-way (a client went away),
    /// both still happen, so that no cache stays behind the database.
    ///
    /// # Errors
    /// When the database refuses or is gone; nothing has been written then, as far as the database says. It is told all the
    /// same: an event only says "look again".
    pub async fn commit_and_tell(
        self,
        bus: &Bus,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), DbError> {
        let (bus, events) = (bus.clone(), events.into_iter().collect::<Vec<_>>());
        self.commit_and_then(move || {
            for event in events {
                bus.tell(event);
            }
        })
        .await
    }

    /// Commits, counts it, and goes on to `then`, whether or not somebody still waits for it.
    async fn commit_and_then(self, then: impl FnOnce() + Send + 'static) -> Result<(), DbError> {
        let all = tokio::spawn(async move {
            let done = self.inner.commit().await;
            self.commits.fetch_add(1, Ordering::SeqCst);
            if self.users_change.into_inner() {
                self.register.outdated();
            }
            then();
            done
        });
        match all.await {
            Ok(done) => Ok(done?),
            Err(error) => Err(DbError::Interrupted(error.to_string())),
        }
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

/// Whether a column has one of these values, however many they are: they go as one value, a JSON list, because SQLite
/// bounds the values of a statement (32,766). Other databases take such lists apart in words of their own.
fn one_of(column: impl ColumnTrait, values: &[String]) -> Result<Expr, DbError> {
    let values = Expr::cust_with_values("value FROM json_each(?)", [row::json(&values)?]);
    Ok(column.in_subquery(Query::select().expr(values).take()))
}

/// A time as the database holds it: microseconds since 1970.
fn to_micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// Reads what [`to_micros`] wrote.
fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tempfile::TempDir;

    use super::*;

    /// A request that is dropped while the commit is under way.
    #[tokio::test]
    async fn what_was_committed_is_told_also_when_nobody_waits_for_it() {
        let folder = TempDir::new().unwrap();
        let url = DbUrl::Sqlite(folder.path().join("hub.sqlite"));
        let (db, bus) = (Db::open(&url).await.unwrap(), Bus::default());
        let mut told = bus.listen();
        let tx = db.write().await.unwrap();
        settings::set(&tx, "name", "value").await.unwrap();
        let mut commit = Box::pin(tx.commit_and_tell(&bus, [Event::Identities]));
        assert!(
            commit.as_mut().now_or_never().is_none(),
            "a commit takes time"
        );
        drop(commit);
        let told = tokio::time::timeout(BUSY_TIMEOUT, told.recv()).await;
        assert_eq!(told.unwrap().unwrap(), Event::Identities);
        let stored = settings::get(db.read(), "name").await.unwrap();
        assert_eq!(stored.as_deref(), Some("value"));
    }
}
