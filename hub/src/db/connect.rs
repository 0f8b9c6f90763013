//! Pools of connections: one for reading, and one connection for writing.

use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxMySqlConnector, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlSslMode};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgSslMode};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use super::bounded::{Health, Late};
use super::place::Place;
use super::{DbError, foreign, private_file};
use crate::config::{DbUrl, ServerUrl};

/// How long a statement waits for another writer before it fails.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many rows SQLite's thread may be ahead of who reads them. More than the longest page, so that the two threads need
/// not wait for each other.
const ROWS_AT_ONCE: usize = 1_000;

/// Reading connections to a SQLite file.
const SQLITE_READERS: u32 = 4;

/// Reading connections to a server.
const SERVER_READERS: u32 = 8;

/// How long a request waits for a connection to a server: when the server is away, and when all are in use. Services wait four
/// seconds for the hub's answer.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);

/// How long a start waits for a server that says nothing.
const CONNECT: Duration = Duration::from_secs(15);

/// Connected pools. The writer's has one connection: writers of one process queue for it.
#[derive(Debug, Clone)]
pub(super) enum Pools {
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres {
        readers: PgPool,
        writer: PgPool,
        late: Late,
    },
    MySql {
        readers: MySqlPool,
        writer: MySqlPool,
        late: Late,
    },
}

impl Pools {
    /// Connects. A SQLite file that is not there is created (0600), with nothing in it; one that is not ours is refused
    /// before anything in or beside it changes.
    pub(super) async fn open(url: &DbUrl) -> Result<Self, DbError> {
        match url {
            DbUrl::Sqlite(path) => {
                foreign::refuse_file(path).await?;
                private_file::create(path)?;
                sqlite(SqliteConnectOptions::new().filename(path), true).await
            }
            DbUrl::Memory => sqlite(SqliteConnectOptions::new().in_memory(true), false).await,
            DbUrl::Postgres(server) => postgres(postgres_options(server)).await,
            DbUrl::MySql(server) => mysql(mysql_options(server)).await,
        }
    }

    pub(super) fn readers(&self) -> DatabaseConnection {
        self.clone().connections().0
    }

    pub(super) fn writer(&self) -> DatabaseConnection {
        self.clone().connections().1
    }

    /// What tells whether the database at `url` is there. The schema must have been looked at: by then a file has its journal.
    pub(super) fn health(&self, url: &DbUrl) -> Health {
        match (self, url) {
            (Self::Postgres { late, .. } | Self::MySql { late, .. }, _) => {
                Health::of_server(self.readers(), Late::clone(late))
            }
            (Self::Sqlite { .. }, DbUrl::Sqlite(path)) => Health::File(Place::of(path).into()),
            (Self::Sqlite { .. }, _) => Health::Memory,
        }
    }

    /// Closes a file, once nobody uses it any more; the writer last, who takes what is in the journal into the file.
    pub(super) async fn close_file(&self) {
        if let Self::Sqlite { readers, writer } = self {
            readers.close().await;
            writer.close().await;
        }
    }

    fn connections(self) -> (DatabaseConnection, DatabaseConnection) {
        match self {
            Self::Sqlite { readers, writer } => (
                SqlxSqliteConnector::from_sqlx_sqlite_pool(readers),
                SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
            ),
            Self::Postgres {
                readers, writer, ..
            } => (
                SqlxPostgresConnector::from_sqlx_postgres_pool(readers),
                SqlxPostgresConnector::from_sqlx_postgres_pool(writer),
            ),
            Self::MySql {
                readers, writer, ..
            } => (
                SqlxMySqlConnector::from_sqlx_mysql_pool(readers),
                SqlxMySqlConnector::from_sqlx_mysql_pool(writer),
            ),
        }
    }
}

async fn sqlite(options: SqliteConnectOptions, file: bool) -> Result<Pools, DbError> {
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
        .after_release(move |connection, _| Box::pin(is_settled(connection, file)))
        .connect_with(options.clone())
        .await?;
    // What is in memory is there for one connection only.
    let readers = if file {
        forever
            .max_connections(SQLITE_READERS)
            .connect_with(options.read_only(true))
            .await?
    } else {
        writer.clone()
    };
    Ok(Pools::Sqlite { readers, writer })
}

/// Whether a connection that comes back is outside of any transaction. SQLite ends some by itself (a full disk); the driver,
/// which counts them, does not know then. What is in memory is gone with its connection.
async fn is_settled(connection: &mut SqliteConnection, file: bool) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!file || !connection.is_in_transaction())
}

/// Connects once, without a pool: that would go on trying, and then say only that it took too long.
async fn first<C>(connect: impl Future<Output = Result<C, sqlx::Error>>) -> Result<C, sqlx::Error> {
    tokio::time::timeout(CONNECT, connect)
        .await
        .unwrap_or_else(|_| {
            let why = format!("the server does not answer within {} s", CONNECT.as_secs());
            Err(sqlx::Error::Io(std::io::Error::new(
                ErrorKind::TimedOut,
                why,
            )))
        })
}

/// A pool whose connections do not come back from a statement that was given up, unless they answer.
fn pool<DB: sqlx::Database>(late: &Late) -> PoolOptions<DB> {
    let late = Late::clone(late);
    PoolOptions::new().acquire_timeout(ACQUIRE).after_release(
        move |connection: &mut DB::Connection, _| {
            let late = Late::clone(&late);
            Box::pin(async move {
                if !late.load(Ordering::SeqCst) {
                    return Ok(true);
                }
                match tokio::time::timeout(ACQUIRE, connection.ping()).await {
                    Ok(answered) => answered.map(|()| true),
                    Err(_) => Err(sqlx::Error::Io(ErrorKind::TimedOut.into())),
                }
            })
        },
    )
}

async fn postgres(options: PgConnectOptions) -> Result<Pools, DbError> {
    first(options.connect()).await?.close().await?;
    let late = Late::default();
    Ok(Pools::Postgres {
        readers: pool(&late)
            .max_connections(SERVER_READERS)
            .connect_lazy_with(options.clone()),
        writer: pool(&late)
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_lazy_with(options),
        late,
    })
}

async fn mysql(options: MySqlConnectOptions) -> Result<Pools, DbError> {
    let mut connection = first(options.connect()).await?;
    let options = options.collation(exact_collation(&mut connection).await?);
    connection.close().await?;
    let late = Late::default();
    let pool = || pool(&late).after_connect(|connection, _| Box::pin(settle(connection)));
    Ok(Pools::MySql {
        readers: pool()
            .max_connections(SERVER_READERS)
            .connect_lazy_with(options.clone()),
        writer: pool()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_lazy_with(options),
        late,
    })
}

/// Sessions of the hub do not lean on how the server is configured: what is too long is refused and not cut off, a statement
/// sees what was committed before it, and a hub that hangs holds nobody up (which MySQL cannot be told).
async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection
        .execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', \
             SESSION innodb_lock_wait_timeout = 10 /*M!, SESSION idle_transaction_timeout = 60 */; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        )
        .await?;
    Ok(())
}

/// The collation that tells all names apart, which MariaDB and MySQL call differently. (Their `utf8mb4_bin` takes `a` and
/// `a ` for the same.)
async fn exact_collation(connection: &mut MySqlConnection) -> Result<&'static str, DbError> {
    let version: String = sqlx::query_scalar("SELECT VERSION()")
        .fetch_one(connection)
        .await?;
    Ok(if version.contains("MariaDB") {
        "utf8mb4_nopad_bin"
    } else {
        "utf8mb4_0900_bin"
    })
}

/// Makes the collation of the session the default of the database, which will hold our tables only.
pub(super) async fn settle_database(pool: &MySqlPool) -> Result<(), DbError> {
    let collation: String = sqlx::query_scalar("SELECT @@collation_connection")
        .fetch_one(pool)
        .await?;
    let change = format!("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}");
    pool.execute(AssertSqlSafe(change)).await?;
    Ok(())
}

pub(super) fn postgres_options(server: &ServerUrl) -> PgConnectOptions {
    // Begins with what libpq takes from the environment: PGPASSWORD, PGPASSFILE and the like.
    let mut options = PgConnectOptions::new()
        .database(server.database())
        .application_name(server.parameter("application_name").unwrap_or("jupyterhub"))
        // A hub that hangs holds nobody up.
        .options([
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
    if let Some(user) = server.user() {
        options = options.username(user);
    }
    if let Some(password) = server.password() {
        options = options.password(password.expose());
    }
    if let Some(host) = server.host() {
        options = if host.starts_with('/') {
            options.socket(host)
        } else {
            options.host(host)
        };
    }
    if let Some(port) = server.port() {
        options = options.port(port);
    }
    postgres_tls(options, server)
}

fn postgres_tls(mut options: PgConnectOptions, server: &ServerUrl) -> PgConnectOptions {
    let modes = [
        ("disable", PgSslMode::Disable),
        ("allow", PgSslMode::Allow),
        ("prefer", PgSslMode::Prefer),
        ("require", PgSslMode::Require),
        ("verify-ca", PgSslMode::VerifyCa),
        ("verify-full", PgSslMode::VerifyFull),
    ];
    if let Some(mode) = chosen(server.parameter("sslmode"), modes) {
        options = options.ssl_mode(mode);
    }
    if let Some(file) = server.parameter("sslrootcert") {
        options = options.ssl_root_cert(file);
    }
    if let Some(file) = server.parameter("sslcert") {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = server.parameter("sslkey") {
        options = options.ssl_client_key(file);
    }
    options
}

pub(super) fn mysql_options(server: &ServerUrl) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .database(server.database())
        .charset("utf8mb4");
    if let Some(user) = server.user() {
        options = options.username(user);
    }
    if let Some(password) = server.password() {
        options = options.password(password.expose());
    }
    if let Some(host) = server.host() {
        options = options.host(host);
    }
    if let Some(port) = server.port() {
        options = options.port(port);
    }
    if let Some(path) = server.parameter("unix_socket") {
        options = options.socket(path);
    }
    mysql_tls(options, server)
}

fn mysql_tls(mut options: MySqlConnectOptions, server: &ServerUrl) -> MySqlConnectOptions {
    // Who gives an authority means that it is asked.
    if let Some(file) = server.parameter("ssl_ca") {
        options = options.ssl_ca(file).ssl_mode(MySqlSslMode::VerifyCa);
    }
    let modes = [
        ("DISABLED", MySqlSslMode::Disabled),
        ("PREFERRED", MySqlSslMode::Preferred),
        ("REQUIRED", MySqlSslMode::Required),
        ("VERIFY_CA", MySqlSslMode::VerifyCa),
        ("VERIFY_IDENTITY", MySqlSslMode::VerifyIdentity),
    ];
    if let Some(mode) = chosen(server.parameter("ssl_mode"), modes) {
        options = options.ssl_mode(mode);
    }
    if let Some(file) = server.parameter("ssl_cert") {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = server.parameter("ssl_key") {
        options = options.ssl_client_key(file);
    }
    options
}

fn chosen<T, const N: usize>(name: Option<&str>, of: [(&str, T); N]) -> Option<T> {
    let name = name?;
    of.into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
