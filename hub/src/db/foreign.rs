//! Databases that are not this hub's: recognised without a write, for not even the mode of a file's journal is ours to change.

use std::path::Path;

use sea_orm::SqlxSqliteConnector;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::DbError;
use super::connect::Pools;
use super::schema::{self, Schema};
use crate::config::DbUrl;

/// Refuses the database of a Python JupyterHub, of another program or of a newer hub, and says how to go on.
///
/// # Errors
/// When it is one of those, or cannot be read.
pub async fn refuse(url: &DbUrl) -> Result<(), DbError> {
    of(url).await.map(|_| ())
}

/// Says whether a hub could begin with a database; with `upgrades`, it may be that of an older one.
///
/// # Errors
/// When it could not, as far as that can be seen without a write.
pub async fn look(url: &DbUrl, upgrades: bool) -> Result<(), DbError> {
    match of(url).await? {
        Schema::Old(_) if upgrades => Ok(()),
        found => schema::refuse_old(found),
    }
}

async fn of(url: &DbUrl) -> Result<Schema, DbError> {
    match url {
        DbUrl::Memory => Ok(Schema::New),
        DbUrl::Sqlite(file) => of_file(file).await,
        DbUrl::Postgres(_) | DbUrl::MySql(_) => {
            let pools = Pools::open(url).await?;
            schema::look(&pools.writer()).await
        }
    }
}

/// Refuses the file of a Python JupyterHub, of another program or of a newer hub, and says how to go on. One that is not
/// there or is empty will be ours.
///
/// # Errors
/// When the file is one of those, or cannot be read.
pub(super) async fn refuse_file(file: &Path) -> Result<(), DbError> {
    of_file(file).await.map(|_| ())
}

async fn of_file(file: &Path) -> Result<Schema, DbError> {
    if std::fs::metadata(file).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(Schema::New);
    }
    // A journal beside it shows that some hub uses it now: then it must be read through it, else nothing may be made.
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(!Path::new(&wal).exists());
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    let looked = schema::look(&SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone())).await;
    pool.close().await;
    looked
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
    use tempfile::TempDir;

    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn what_is_refused_keeps_every_byte() {
        for (sql, said) in [
            (
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "belongs to a Python JupyterHub",
            ),
            ("CREATE TABLE recipes (name TEXT)", "of another program"),
            (
                "CREATE TABLE _sqlx_migrations (version BIGINT, success BOOLEAN); \
                 INSERT INTO _sqlx_migrations VALUES (99, TRUE)",
                "written by a newer hub (migration 99",
            ),
        ] {
            let folder = TempDir::new().unwrap();
            let file = folder.path().join("jupyterhub.sqlite");
            let options = SqliteConnectOptions::new()
                .filename(&file)
                .create_if_missing(true);
            let mut theirs = options.connect().await.unwrap();
            theirs.execute(sql).await.unwrap();
            theirs.close().await.unwrap();
            let before = std::fs::read(&file).unwrap();

            let url = DbUrl::Sqlite(file.clone());
            let opened = Db::open(&url).await.unwrap_err().to_string();
            let upgraded = Db::upgrade(&url, true, DateTime::UNIX_EPOCH).await;
            for error in [opened, upgraded.unwrap_err().to_string()] {
                assert!(error.contains(said), "{error}");
            }
            assert!(std::fs::read(&file).unwrap() == before, "{sql}");
            let files = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(files, 1, "{sql}: something was made beside it");
        }
    }
}
