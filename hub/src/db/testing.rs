//! Databases for tests: SQLite, or a fresh database on the server that `tests/with-database` started.

use std::path::Path;

use hub_types::env::{EnvSource as _, ProcessEnv};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use super::Db;
use super::connect::Pools;
use crate::config::DbUrl;

/// Names the server, and one of its databases, in the form of `db_url`. Without it tests use SQLite.
pub const SERVER: &str = "HUB_TEST_DATABASE";

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: DbUrl,
    /// How to get rid of it: the server's own database, and its name.
    drop: Option<(DbUrl, String)>,
}

impl TestDatabase {
    /// An empty database; with SQLite it is `file`, which nobody needs to remove.
    ///
    /// # Panics
    /// When the server that the environment names does not do as it should.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
    pub fn new(file: &Path) -> Self {
        let Some(server) = ProcessEnv.get(SERVER) else {
            let (url, drop) = (DbUrl::Sqlite(file.to_owned()), None);
            return Self { url, drop };
        };
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let (place, query) = server.split_once('?').unwrap_or((&server, ""));
        let (place, _) = place.rsplit_once('/').expect("it names a database");
        let url = format!("{place}/{name}?{query}").parse().expect("a URL");
        let admin: DbUrl = server.parse().expect("a URL");
        let create = format!("CREATE DATABASE {name}");
        on(admin.clone(), async move |pools| {
            pools.writer().execute_unprepared(&create).await.map(|_| ())
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
            let _ = on(admin, async move |pools| remove(&pools, &name).await);
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

/// Gets rid of a database, whoever is connected: a test that failed may have left a transaction open.
async fn remove(pools: &Pools, name: &str) -> Result<(), DbErr> {
    let server = pools.writer();
    let backend = server.get_database_backend();
    if backend == DbBackend::Postgres {
        let sql = format!("DROP DATABASE {name} WITH (FORCE)");
        return server.execute_unprepared(&sql).await.map(|_| ());
    }
    let sql = format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'");
    for row in server
        .query_all_raw(Statement::from_string(backend, sql))
        .await?
    {
        let id: i64 = row.try_get_by_index(0)?;
        // It may have gone by itself.
        let _ = server.execute_unprepared(&format!("KILL {id}")).await;
    }
    let sql = format!("DROP DATABASE {name}");
    server.execute_unprepared(&sql).await.map(|_| ())
}

/// Works on the server, on a thread with a runtime of its own: the caller may be within one, and may be no future.
fn on(
    server: DbUrl,
    work: impl AsyncFnOnce(Pools) -> Result<(), DbErr> + Send + 'static,
) -> Result<(), String> {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let pools = Pools::open(&server).await.map_err(|e| e.to_string())?;
            work(pools).await.map_err(|error| error.to_string())
        })
    };
    let thread = std::thread::spawn(work);
    thread.join().unwrap_or_else(|_| Err("it panicked".into()))
}
