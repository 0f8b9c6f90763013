//! All SQL of the hub: rows stay in here, domain values go out.
//!
//! Reads take any connection ([`Db::read`]); writes go through a [`Tx`], which is rolled back unless it is committed.
//! There is one writer at a time, whatever the database: SQLite's transactions begin `IMMEDIATE`, those of servers with a
//! lock, so that none fails half-way, and what it has looked up still holds when it commits. Look-ups return `Option`:
//! what absence means is the caller's business.
//!
//! SQLite, PostgreSQL and MariaDB (MySQL) are served by the same queries; what they say differently is in `dialect`.
//!
//! To add a table: a migration for each of them in `hub/migrations/`, an entity in `row`, a file here with functions that
//! take a connection and return domain types.

mod alone;
mod connect;
mod dialect;
mod error;
pub mod events;
pub mod foreign;
pub mod groups;
pub mod hubs;
pub mod last_activity;
mod notices;
pub mod oauth;
mod private_file;
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
#[cfg(any(test, feature = "contract"))]
pub mod testing;
pub mod tokens;
mod upgrade;
pub mod users;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use sqlx::mysql::MySqlPool;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::bus::{Bus, Event};
use crate::config::DbUrl;
use connect::Pools;

pub use alone::Alone;
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
pub use upgrade::Upgrade;
pub use users::{UserFilter, UserOrder, UserPage, UserState, UsersOnly};

/// The hub's database.
#[derive(Debug, Clone)]
pub struct Db {
    readers: DatabaseConnection,
    writer: DatabaseConnection,
    commits: Arc<AtomicU64>,
    register: Register,
    /// Tells this from other hubs.
    id: Arc<str>,
    /// Where others can be heard.
    others: Option<PgPool>,
    /// Where nobody else may be.
    mysql: Option<MySqlPool>,
}

impl Db {
    /// Opens the database; a new one (a SQLite file that is not there, a server's database without tables) gets the schema.
    ///
    /// # Errors
    /// When it cannot be created or reached, or has another schema than this program.
    pub async fn open(url: &DbUrl) -> Result<Self, DbError> {
        let pools = Pools::open(url).await?;
        schema::refuse_old(schema::look(&pools.writer()).await?)?;
        schema::migrate(&pools, schema::PRESENT).await?;
        Ok(Self {
            readers: pools.readers(),
            writer: pools.writer(),
            commits: Arc::default(),
            register: Register::default(),
            id: Uuid::new_v4().simple().to_string().into(),
            others: match &pools {
                Pools::Postgres { readers, .. } => Some(readers.clone()),
                Pools::Sqlite { .. } | Pools::MySql { .. } => None,
            },
            mysql: match pools {
                Pools::MySql { readers, .. } => Some(readers),
                Pools::Sqlite { .. } | Pools::Postgres { .. } => None,
            },
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
        let inner = self.writer.begin_with_options(options).await?;
        dialect::lock(&inner).await?;
        Ok(Tx {
            inner,
            commits: Arc::clone(&self.commits),
            register: self.register.clone(),
            users_change: AtomicBool::new(false),
            id: Arc::clone(&self.id),
        })
    }

    /// Another hub has committed; perhaps users came or went.
    fn changed_elsewhere(&self, users: bool) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if users {
            self.register.outdated();
        }
    }

    /// Counts what was committed, by this process and by those that it hears ([`Db::hear_others`]). Whatever was read before
    /// the count changed may be out of date; what was read after is not, as far as these write.
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
    id: Arc<str>,
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
        self.finish(None).await
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
        let events = events.into_iter().collect();
        self.finish(Some((bus.clone(), events))).await
    }

    /// Commits, counts it, and tells, whether or not somebody still waits for it.
    async fn finish(self, told: Option<(Bus, Vec<Event>)>) -> Result<(), DbError> {
        let all = tokio::spawn(async move {
            let users = self.users_change.into_inner();
            let events = told.as_ref().map_or(&[][..], |(_, events)| events);
            let done = match notices::tell(&self.inner, &self.id, users, events).await {
                Ok(()) => self.inner.commit().await.map_err(DbError::from),
                Err(error) => Err(error),
            };
            self.commits.fetch_add(1, Ordering::SeqCst);
            if users {
                self.register.outdated();
            }
            if let Some((bus, events)) = told {
                events.into_iter().for_each(|event| bus.tell(event));
            }
            done
        });
        match all.await {
            Ok(done) => done,
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
        let told = tokio::time::timeout(connect::BUSY_TIMEOUT, told.recv()).await;
        assert_eq!(told.unwrap().unwrap(), Event::Identities);
        let stored = settings::get(db.read(), "name").await.unwrap();
        assert_eq!(stored.as_deref(), Some("value"));
    }
}
