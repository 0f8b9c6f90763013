//! Databases for tests: SQLite, or a fresh database on the server that `tests/with-database` started.

use std::collections::BTreeMap;
use std::path::Path;

use hub_types::env::{EnvSource as _, ProcessEnv};
use sea_orm::{ConnectionTrait as _, FromQueryResult as _, JsonValue, Statement};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Error, Executor as _};

use super::connect::{self, Pools};
use super::{Db, dialect, schema};
use crate::config::{DbUrl, ServerUrl};

/// Names the server, and one of its databases, in the form of `db_url`. Without it tests use SQLite.
pub const SERVER: &str = "HUB_TEST_DATABASE";

/// A database with the schema, which PostgreSQL copies faster than it makes one.
const TEMPLATE: &str = "hub_template";

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: DbUrl,
    /// How to get rid of it: the server's own database, and its name.
    drop: Option<(DbUrl, String)>,
}

impl TestDatabase {
    /// A database of a hub that has never run; with SQLite it is `file`, which nobody needs to remove.
    ///
    /// # Panics
    /// When the server that the environment names does not do as it should.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self::make(file, true)
    }

    /// A database without tables.
    ///
    /// # Panics
    /// When the server that the environment names does not do as it should.
    #[must_use]
    pub fn empty(file: &Path) -> Self {
        Self::make(file, false)
    }

    #[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
    fn make(file: &Path, schema: bool) -> Self {
        let Some(server) = ProcessEnv.get(SERVER) else {
            let (url, drop) = (DbUrl::Sqlite(file.to_owned()), None);
            return Self { url, drop };
        };
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let url = beside(&server, &name);
        let admin: DbUrl = server.parse().expect("a URL");
        let (server, new) = (admin.clone(), name.clone());
        on(async move || match &server {
            DbUrl::Postgres(at) if schema => from_template(at, &new).await,
            _ => run(&server, &format!("CREATE DATABASE {new}")).await,
        })
        .expect("a new database");
        let drop = Some((admin, name));
        Self { url, drop }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &DbUrl {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((admin, name)) = self.drop.take() {
            // What stays goes with the server, which lives as long as the tests.
            let _ = on(async move || remove(&admin, &name).await);
        }
    }
}

/// An empty database for a test that needs no file of it: with SQLite it is in memory.
///
/// # Panics
/// When the server that the environment names does not do as it should.
#[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
pub async fn empty() -> Db {
    let url = if ProcessEnv.get(SERVER).is_some() {
        let database = TestDatabase::new(Path::new(""));
        let url = database.url().clone();
        // The handle outlives this function: the database goes with the server.
        std::mem::forget(database);
        url
    } else {
        DbUrl::Memory
    };
    Db::open(&url).await.expect("an empty database")
}

/// Every row of every table but sqlx's own, as JSON: what two looks at a database differ in has changed between them.
///
/// # Panics
/// When the database does not do as it should.
#[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
pub async fn every_row(db: &Db) -> BTreeMap<String, Vec<String>> {
    let c = db.read();
    let mut found = BTreeMap::new();
    let tables = dialect::tables(c).await.expect("tables");
    for table in tables.into_iter().filter(|name| !name.starts_with('_')) {
        let sql = format!("SELECT * FROM {table}");
        let all = Statement::from_string(c.get_database_backend(), sql);
        let rows = JsonValue::find_by_statement(all).all(c).await;
        let rows = rows.expect("rows");
        let mut rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        rows.sort();
        found.insert(table, rows);
    }
    found
}

/// Another database of the same server.
#[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
fn beside(server: &str, name: &str) -> DbUrl {
    let (place, query) = server.split_once('?').unwrap_or((server, ""));
    let (place, _) = place.rsplit_once('/').expect("it names a database");
    format!("{place}/{name}?{query}").parse().expect("a URL")
}

/// Copies the template; the first that finds none makes it.
async fn from_template(at: &ServerUrl, name: &str) -> Result<(), Error> {
    let mut server: PgConnection = connect::postgres_options(at).connect().await?;
    let copy = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    let absent = match server.execute(AssertSqlSafe(copy.clone())).await {
        Err(Error::Database(error)) => error.code().as_deref() == Some("3D000"),
        done => return done.map(|_| ()),
    };
    if !absent {
        return server.execute(AssertSqlSafe(copy)).await.map(|_| ());
    }
    server.execute("SELECT pg_advisory_lock(1)").await?;
    let sql = "SELECT 1 FROM pg_database WHERE datname = $1";
    let there: Option<i32> = sqlx::query_scalar(sql)
        .bind(TEMPLATE)
        .fetch_optional(&mut server)
        .await?;
    if there.is_none() {
        make_template(&mut server).await?;
    }
    server.execute(AssertSqlSafe(copy)).await?;
    server.close().await
}

async fn make_template(server: &mut PgConnection) -> Result<(), Error> {
    let making = format!("{TEMPLATE}_in_making");
    let create = format!("CREATE DATABASE {making}");
    server.execute(AssertSqlSafe(create)).await?;
    let url = ProcessEnv.get(SERVER).unwrap_or_default();
    let schema = async {
        let pools = Pools::open(&beside(&url, &making)).await?;
        schema::make(&pools).await?;
        if let Pools::Postgres {
            readers, writer, ..
        } = &pools
        {
            readers.close().await;
            writer.close().await;
        }
        Ok::<_, super::DbError>(())
    };
    let made = schema.await;
    made.map_err(|error| Error::Protocol(error.to_string()))?;
    let name = format!("ALTER DATABASE {making} RENAME TO {TEMPLATE}");
    server.execute(AssertSqlSafe(name)).await.map(|_| ())
}

/// Says something to a server.
async fn run(server: &DbUrl, sql: &str) -> Result<(), Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    match server {
        DbUrl::Postgres(at) => {
            let mut server: PgConnection = connect::postgres_options(at).connect().await?;
            server.execute(sql).await?;
            server.close().await
        }
        DbUrl::MySql(at) => {
            let mut server: MySqlConnection = connect::mysql_options(at).connect().await?;
            server.execute(sql).await?;
            server.close().await
        }
        DbUrl::Sqlite(_) | DbUrl::Memory => Ok(()),
    }
}

/// Gets rid of a database, whoever is connected: a test that failed may have left a transaction open.
async fn remove(server: &DbUrl, name: &str) -> Result<(), Error> {
    if let DbUrl::MySql(at) = server {
        let mut server: MySqlConnection = connect::mysql_options(at).connect().await?;
        let sql = "SELECT id FROM information_schema.processlist WHERE db = ?";
        let ids: Vec<i64> = sqlx::query_scalar(sql)
            .bind(name)
            .fetch_all(&mut server)
            .await?;
        for id in ids {
            // It may have gone by itself.
            let _ = server.execute(AssertSqlSafe(format!("KILL {id}"))).await;
        }
        let sql = format!("DROP DATABASE {name}");
        server.execute(AssertSqlSafe(sql)).await?;
        return server.close().await;
    }
    run(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await
}

/// Works on a thread with a runtime of its own: the caller may be within one, and may be no future.
fn on(work: impl AsyncFnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), String> {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(work()).map_err(|error| error.to_string())
    };
    let thread = std::thread::spawn(work);
    thread.join().unwrap_or_else(|_| Err("it panicked".into()))
}
