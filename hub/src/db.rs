//! All SQL of the hub: rows stay in here, domain values go out.
//!
//! Reads take any connection ([`Db::read`]); writes go through a [`Tx`], which is rolled back unless it is committed.
//! There is one writer at a time, whatever the database: SQLite's transactions begin `IMMEDIATE`, those of servers with a
//! lock, so that none fails half-way, and what it has looked up still holds when it commits. Writers to a file that wait for
//! each other share a commit (`group_commit`): what one has written, the next one's transaction sees, and [`Db::read`] only once
//! the disk has it; who learns of it in a transaction that is dropped finds it with [`Db::read`], too. Look-ups return `Option`:
//! what absence means is the caller's business.
//!
//! SQLite, PostgreSQL and MariaDB (MySQL) are served by the same queries; what they say differently is in `dialect`.
//!
//! To add a table: a migration for each of them in `hub/migrations/`, an entity in `row`, a file here with functions that
//! take a connection and return domain types.

mod alone;
mod bounded;
mod connect;
mod damage;
mod dialect;
mod error;
pub mod events;
pub mod foreign;
mod group_commit;
pub mod groups;
pub mod hubs;
pub mod last_activity;
pub mod lock_out;
mod notices;
pub mod oauth;
mod place;
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
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait as _,
};
use uuid::Uuid;

use crate::bus::{Bus, Event};
use crate::config::DbUrl;
use alone::With;
use bounded::Health;
use connect::Pools;
use group_commit::{Turn, Writers};
use schema::Schema;

pub use alone::Alone;
pub use bounded::Bounded;
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
pub use users::{Seen, UserFilter, UserOrder, UserPage, UserState, UsersOnly};

/// How long the end of a hub waits for its last statements.
const CLOSING: Duration = Duration::from_secs(5);

/// The hub's database.
#[derive(Debug, Clone)]
pub struct Db {
    readers: Bounded<DatabaseConnection>,
    writer: DatabaseConnection,
    writers: Writers,
    health: Health,
    commits: Arc<AtomicU64>,
    register: Register,
    /// Tells this from other hubs.
    id: Arc<str>,
    pools: Pools,
    /// Whether another hub was ever heard of.
    heard: Arc<AtomicBool>,
}

impl Db {
    /// Opens the database; a new one (a SQLite file that is not there, a server's database without tables) gets the schema.
    ///
    /// # Errors
    /// When it cannot be created, written or reached, is damaged, or has another schema than this program.
    pub async fn open(url: &DbUrl) -> Result<Self, DbError> {
        let pools = Pools::open(url).await?;
        damage::refuse(url, &pools).await?;
        match schema::look(&pools.writer()).await? {
            Schema::New => {
                // PostgreSQL lets several hubs that start at once make it, one after the other.
                let _alone = match &pools {
                    Pools::MySql { .. } => Some(pools.alone(With::Nobody).await?),
                    Pools::Sqlite { .. } | Pools::Postgres { .. } => None,
                };
                schema::make(&pools).await?;
                if *url != DbUrl::Memory {
                    tracing::info!("{url} was empty or not there: a new database was made");
                }
            }
            found => schema::refuse_old(found)?,
        }
        let health = pools.health(url);
        let writers = Writers::default();
        let shared = (!health.is_of_server()).then(|| writers.clone());
        Ok(Self {
            readers: Bounded::each(pools.readers(), health.clone(), shared),
            writer: pools.writer(),
            writers,
            health,
            commits: Arc::default(),
            register: Register::default(),
            id: Uuid::new_v4().simple().to_string().into(),
            pools,
            heard: Arc::default(),
        })
    }

    /// Lets go of a SQLite file, so that it is whole without the journal beside it; who copies it need not know of that.
    /// Gives up when a statement takes long. Connections to a server go with the process.
    pub async fn close_file(&self) {
        if tokio::time::timeout(CLOSING, self.pools.close_file())
            .await
            .is_err()
        {
            tracing::warn!("the database is still in use; a copy of it needs the file -wal, too");
        }
    }

    /// The users in the order of their registration.
    #[must_use]
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// A connection for reading.
    #[must_use]
    pub fn read(&self) -> &Bounded<DatabaseConnection> {
        &self.readers
    }

    /// Asks the database something short.
    ///
    /// # Errors
    /// When it does not answer within three seconds.
    pub async fn answers(&self) -> Result<(), DbError> {
        let question = Statement::from_string(self.readers.get_database_backend(), "SELECT 1");
        bounded::soon(self.readers.query_one_raw(question)).await?;
        Ok(())
    }

    /// Begins a transaction that writes. Keep it short: no other writer gets on meanwhile.
    ///
    /// # Errors
    /// When the database is locked for longer than ten seconds, or gone.
    pub async fn write(&self) -> Result<Tx, DbError> {
        let (inner, turn) = if self.health.is_of_server() {
            let (writer, health) = (self.writer.clone(), self.health.clone());
            let begin = async move { health.begin(writer.begin()).await };
            (bounded::whole(begin).await?, None)
        } else {
            let begin = self.writers.begin(&self.writer);
            let (inner, turn) = self.health.begin(begin).await?;
            (inner, Some(turn))
        };
        let spoilt = turn.as_ref().map(Turn::spoilt);
        let inner = Bounded::all(inner, self.health.clone(), spoilt);
        dialect::lock(&inner).await?;
        Ok(Tx {
            inner,
            turn,
            commits: Arc::clone(&self.commits),
            register: self.register.clone(),
            users_change: AtomicBool::new(false),
            id: Arc::clone(&self.id),
            health: self.health.clone(),
        })
    }

    /// How long what was read is worth something while the database is away. Nobody could have changed it, unless there are
    /// other hubs, which may still reach what this one does not.
    #[must_use]
    pub fn outage(&self) -> TimeDelta {
        if self.heard.load(Ordering::SeqCst) {
            TimeDelta::minutes(1)
        } else {
            TimeDelta::minutes(10)
        }
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
    /// Before the turn, and so dropped before it.
    inner: Bounded<DatabaseTransaction>,
    /// Of a file: other writers wait for it.
    turn: Option<Turn>,
    commits: Arc<AtomicU64>,
    register: Register,
    users_change: AtomicBool,
    id: Arc<str>,
    health: Health,
}

impl Tx {
    /// Users come or go in this transaction: [`Db::register`] is read again after it.
    fn changes_users(&self) {
        self.users_change.store(true, Ordering::SeqCst);
    }

    /// Makes everything that was written in this transaction permanent.
    ///
    /// # Errors
    /// When the database refuses or is gone; nothing has been written then, unless it is [`DbError::Unsure`].
    pub async fn commit(self) -> Result<(), DbError> {
        self.finish(None).await
    }

    /// Makes everything permanent and tells of it, as one step: when the caller is dropped half-way (a client went away),
    /// both still happen, so that no cache stays behind the database.
    ///
    /// # Errors
    /// When the database refuses or is gone; nothing has been written then, unless it is [`DbError::Unsure`]. It is told all
    /// the same: an event only says "look again".
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
                Ok(()) => match self.inner.into_inner() {
                    Ok(inner) => {
                        let commit = match self.turn {
                            Some(turn) => turn.commit(inner).await,
                            None => self.health.go_on(inner.commit()).await,
                        };
                        let commit = commit.map_err(DbError::from).map_err(DbError::of_commit);
                        commit.and_then(|()| self.health.kept())
                    }
                    Err(error) => Err(error.into()),
                },
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
            Err(error) => Err(DbError::Unsure(error.to_string())),
        }
    }
}

impl Deref for Tx {
    type Target = Bounded<DatabaseTransaction>;

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

    /// Security case 100: a disk that is full, by the limit that SQLite can be given.
    #[tokio::test]
    async fn case_100_a_full_file_is_told_and_recovered_from() {
        let folder = TempDir::new().unwrap();
        let url = DbUrl::Sqlite(folder.path().join("hub.sqlite"));
        let db = Db::open(&url).await.unwrap();
        let limit = async |pages: u32| {
            let tx = db.write().await.unwrap();
            let sql = format!("PRAGMA max_page_count = {pages}");
            tx.execute_unprepared(&sql).await.unwrap();
            tx.commit().await.unwrap();
        };
        let text = "x".repeat(100_000);
        let write = async |name: &str| {
            let tx = db.write().await?;
            settings::set(&tx, "small", name).await?;
            settings::set(&tx, name, &text).await?;
            tx.commit().await
        };
        for name in ["one", "two"] {
            // As many as there are already. The limit goes with its connection, which is not used again after this.
            limit(1).await;
            let error = write(name).await.unwrap_err();
            assert!(error.to_string().contains("full"), "{error}");
            // Nothing of it is there, and what is there can be read.
            let small = settings::get(db.read(), "small").await.unwrap();
            assert_eq!(small, None);
        }
        limit(1_000_000).await;
        write("three").await.unwrap();
        let small = settings::get(db.read(), "small").await.unwrap();
        assert_eq!(small.as_deref(), Some("three"));
    }
}
