//! Who else may use a database: several hubs a PostgreSQL one, one hub a MariaDB or MySQL one (there is nothing by which
//! several could hear each other), and nobody one whose schema changes.

use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlPool};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Executor as _};
use tokio::time::{sleep, timeout};

use super::connect::{ACQUIRE, Pools};
use super::{Db, DbError};

/// Locks belong to the whole server; their names are short.
const MYSQL: &str = "SELECT GET_LOCK(CONCAT('jupyterhub ', MD5(DATABASE())), 0)";

/// Locks are the database's own; the number is "hub", after that of writers.
const POSTGRES: &str = "SELECT pg_try_advisory_lock(6845795)";
const POSTGRES_SHARED: &str = "SELECT pg_try_advisory_lock_shared(6845795)";

/// How often it is looked whether the lock is still there.
const LOOK: Duration = Duration::from_secs(10);

/// Before a server that is away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Whom a lock lets in beside who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// Other hubs, where there can be some.
    Hubs,
    /// Nobody: the schema changes.
    Nobody,
}

/// The lock of a server, held as long as its connection. The server lets go of it however the process ends; of a machine that
/// is gone without a word after a minute.
#[derive(Debug)]
pub struct Alone {
    held: Held,
    with: With,
}

#[derive(Debug)]
enum Held {
    /// A file has a lock beside it.
    File,
    Postgres(PgConnection, PgPool),
    MySql(MySqlConnection, MySqlPool),
}

impl Held {
    async fn take_postgres(pool: &PgPool, with: With) -> Result<Self, DbError> {
        let mut connection = pool.acquire().await?.detach();
        let sql = match with {
            With::Hubs => POSTGRES_SHARED,
            With::Nobody => POSTGRES,
        };
        let taken: bool = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        if taken {
            Ok(Self::Postgres(connection, pool.clone()))
        } else {
            Err(DbError::Taken)
        }
    }

    async fn take_mysql(pool: &MySqlPool) -> Result<Self, DbError> {
        let mut connection = pool.acquire().await?.detach();
        connection.execute("SET SESSION wait_timeout = 60").await?;
        let taken: Option<i64> = sqlx::query_scalar(MYSQL).fetch_one(&mut connection).await?;
        if taken == Some(1) {
            Ok(Self::MySql(connection, pool.clone()))
        } else {
            Err(DbError::Taken)
        }
    }

    async fn is_there(&mut self) -> bool {
        let ping = async {
            match self {
                Self::File => Ok(()),
                Self::Postgres(connection, _) => connection.ping().await,
                Self::MySql(connection, _) => connection.ping().await,
            }
        };
        matches!(timeout(ACQUIRE, ping).await, Ok(Ok(())))
    }

    /// The same again, on a new connection.
    async fn again(&self, with: With) -> Result<Self, DbError> {
        match self {
            Self::File => Ok(Self::File),
            Self::Postgres(_, pool) => Self::take_postgres(pool, with).await,
            Self::MySql(_, pool) => Self::take_mysql(pool).await,
        }
    }
}

impl Pools {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`DbError::Taken`] when others have it who let nobody in.
    pub(super) async fn alone(&self, with: With) -> Result<Alone, DbError> {
        let held = match self {
            Self::Sqlite { .. } => Held::File,
            Self::Postgres { readers, .. } => Held::take_postgres(readers, with).await?,
            Self::MySql { readers, .. } => Held::take_mysql(readers).await?,
        };
        Ok(Alone { held, with })
    }
}

impl Alone {
    /// Waits until somebody else has the lock: it goes with its connection, and is taken again when the server was away. If
    /// others were faster this returns, and whoever relies on the lock must stop.
    pub async fn lost(mut self) {
        if matches!(self.held, Held::File) {
            std::future::pending::<()>().await;
        }
        loop {
            sleep(LOOK).await;
            while !self.held.is_there().await {
                match timeout(ACQUIRE, self.held.again(self.with)).await {
                    Ok(Ok(held)) => self.held = held,
                    Ok(Err(DbError::Taken)) => return,
                    Ok(Err(_)) | Err(_) => sleep(PAUSE).await,
                }
            }
        }
    }
}

impl Db {
    /// Makes sure that only those use this database who may do so at once. (SQLite files have a lock of their own, beside
    /// them.)
    ///
    /// # Errors
    /// [`DbError::Taken`] when somebody else uses it; otherwise when the database refuses or is gone.
    pub async fn alone(&self) -> Result<Alone, DbError> {
        self.pools.alone(With::Hubs).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tempfile::TempDir;

    use super::*;
    use crate::db::testing::TestDatabase;

    /// More than a look takes, on a machine that has a lot to do.
    const PATIENCE: Duration = Duration::from_secs(60);

    const HOLDERS: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 6845795 AND granted \
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

    /// The connection that holds the lock of a server.
    async fn holder(pools: &Pools) -> Option<i64> {
        match pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres { readers, .. } => {
                let pid: Option<i32> = sqlx::query_scalar(HOLDERS)
                    .fetch_optional(readers)
                    .await
                    .unwrap();
                pid.map(i64::from)
            }
            Pools::MySql { readers, .. } => {
                let sql = "SELECT IS_USED_LOCK(CONCAT('jupyterhub ', MD5(DATABASE())))";
                sqlx::query_scalar(sql).fetch_one(readers).await.unwrap()
            }
        }
    }

    /// Ends that connection, as a restart of the server does.
    async fn cut(pools: &Pools) {
        let Some(id) = holder(pools).await else {
            return;
        };
        let end = |sql: String| sqlx::AssertSqlSafe(sql);
        match pools {
            Pools::Sqlite { .. } => {}
            Pools::Postgres { readers, .. } => {
                let sql = end(format!("SELECT pg_terminate_backend({id})"));
                readers.execute(sql).await.unwrap();
            }
            Pools::MySql { readers, .. } => {
                readers.execute(end(format!("KILL {id}"))).await.unwrap();
            }
        }
    }

    /// Security case 103: the lock of a hub goes with its connection.
    #[tokio::test]
    async fn case_103_a_lock_that_was_lost_is_taken_again_or_given_up() {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new(&folder.path().join("db"));
        let db = Db::open(database.url()).await.unwrap();
        let pools = Pools::open(database.url()).await.unwrap();
        let lock = db.alone().await.unwrap();
        let Some(first) = holder(&pools).await else {
            assert!(matches!(pools, Pools::Sqlite { .. }));
            assert!(lock.lost().now_or_never().is_none(), "a file's is never");
            return;
        };
        // Nobody wants it: it is taken again.
        let watch = tokio::spawn(lock.lost());
        cut(&pools).await;
        let begin = std::time::Instant::now();
        while holder(&pools).await.is_none_or(|holder| holder == first) {
            assert!(begin.elapsed() < PATIENCE, "it is not taken again");
            sleep(Duration::from_millis(50)).await;
        }
        assert!(!watch.is_finished());
        // Somebody else is faster.
        let other = loop {
            cut(&pools).await;
            if let Ok(other) = pools.alone(With::Nobody).await {
                break other;
            }
            assert!(begin.elapsed() < 2 * PATIENCE, "it is not to be had");
        };
        let done = timeout(PATIENCE, watch).await;
        done.unwrap().unwrap();
        drop(other);
    }
}
