//! The way from an older schema to the present one: `hub upgrade-db`.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait as _;

use super::connect::Pools;
use super::schema::{self, Schema};
use super::{Db, DbError, private_file};
use crate::config::DbUrl;

/// What an upgrade did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// There was nothing to do.
    Nothing,
    /// The schema was made: the database was empty.
    Made,
    /// The schema was changed, after a copy was made of a file.
    Changed {
        /// Where the copy is; none of a server's database.
        backup: Option<PathBuf>,
    },
}

impl Db {
    /// Brings an old schema up to date. Of a SQLite file a copy is made first, beside it and as private as it; of a
    /// server's database none can be made, so that `without_backup` must be agreed to. Nothing is copied, or needs to be
    /// agreed to, when nothing changes.
    ///
    /// # Errors
    /// When the copy cannot be made or is not agreed to be missing, when the schema is none that can be changed, and when
    /// the database refuses or is gone. The schema is the old one then, or one in between that can be changed further.
    pub async fn upgrade(
        url: &DbUrl,
        without_backup: bool,
        now: DateTime<Utc>,
    ) -> Result<Upgrade, DbError> {
        let pools = Pools::open(url).await?;
        let done = match schema::look(&pools.writer()).await? {
            Schema::Present => return Ok(Upgrade::Nothing),
            Schema::New => Upgrade::Made,
            Schema::Old(_) => Upgrade::Changed {
                backup: match url {
                    DbUrl::Sqlite(path) => Some(copy(&pools, path, now).await?),
                    _ if without_backup => None,
                    _ => return Err(DbError::NoBackup),
                },
            },
        };
        schema::migrate(&pools, schema::PRESENT).await?;
        Ok(done)
    }
}

/// Copies a file through SQLite, which knows what is still in the write-ahead log. Named as JupyterHub names it.
async fn copy(pools: &Pools, path: &Path, now: DateTime<Utc>) -> Result<PathBuf, DbError> {
    let mut name = path.as_os_str().to_owned();
    name.push(now.format(".%Y-%m-%d-%H%M%S").to_string());
    let backup = PathBuf::from(name);
    // SQLite takes an empty file for none, and refuses one that holds something.
    private_file::create(&backup)?;
    let quoted = backup.display().to_string().replace('\'', "''");
    let sql = format!("VACUUM INTO '{quoted}'");
    pools.writer().execute_unprepared(&sql).await?;
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;
    use crate::db::testing::TestDatabase;
    use crate::db::{settings, users};

    /// A SQLite database that the first hub made, with somebody in it.
    async fn old(folder: &TempDir) -> DbUrl {
        let url = DbUrl::Sqlite(folder.path().join("it's.sqlite"));
        let pools = Pools::open(&url).await.unwrap();
        schema::migrate(&pools, 1).await.unwrap();
        let sql = "INSERT INTO users (name, admin, created) VALUES ('zoe', FALSE, 0)";
        pools.writer().execute_unprepared(sql).await.unwrap();
        let sql = "INSERT INTO roles (name, description, scopes, from_config) VALUES ('mine', '', '[]', TRUE)";
        pools.writer().execute_unprepared(sql).await.unwrap();
        url
    }

    fn files(folder: &TempDir) -> Vec<String> {
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names
            .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn an_old_schema_is_refused_and_changed_on_demand_with_a_copy() {
        let folder = TempDir::new().unwrap();
        let url = old(&folder).await;
        let refused = Db::open(&url).await.unwrap_err().to_string();
        assert!(
            refused.contains("older hub (migration 1 of 4); run \"hub upgrade-db\"")
                && refused.contains("--upgrade-db"),
            "{refused}"
        );
        let now = "2026-11-22T18:30:07Z".parse().unwrap();
        let done = Db::upgrade(&url, false, now).await.unwrap();
        let backup = folder.path().join("it's.sqlite.2026-11-22-183007");
        assert_eq!(
            done,
            Upgrade::Changed {
                backup: Some(backup.clone())
            }
        );
        let db = Db::open(&url).await.unwrap();
        assert!(users::find(db.read(), "zoe").await.unwrap().is_some());
        assert_eq!(
            backup.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        // The copy is what was there before.
        let pools = Pools::open(&DbUrl::Sqlite(backup)).await.unwrap();
        assert_eq!(schema::look(&pools.writer()).await.unwrap(), Schema::Old(1));
        // The second time nothing changes, and nothing is copied.
        let before = files(&folder);
        let later = "2026-11-22T18:30:08Z".parse().unwrap();
        assert_eq!(
            Db::upgrade(&url, false, later).await.unwrap(),
            Upgrade::Nothing
        );
        assert_eq!(files(&folder), before);
    }

    /// Security case 103: the schema of a newer hub, of a change that was interrupted, of another program.
    #[tokio::test]
    async fn case_103_a_schema_that_is_not_ours_is_refused_and_left_alone() {
        for (sql, said) in [
            (
                "UPDATE _sqlx_migrations SET version = 99 WHERE version = 4",
                "it was written by a newer hub (migration 99; this one knows 4); run that one",
            ),
            (
                "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 4",
                "(migration 4) was interrupted and cannot be taken back; restore the backup",
            ),
            (
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "it belongs to a Python JupyterHub and is left untouched",
            ),
            (
                "DROP TABLE _sqlx_migrations",
                "it holds tables of another program and is left untouched",
            ),
        ] {
            let folder = TempDir::new().unwrap();
            let database = TestDatabase::new(&folder.path().join("db"));
            let url = database.url();
            assert_eq!(
                Db::upgrade(url, false, DateTime::UNIX_EPOCH).await.unwrap(),
                Upgrade::Made
            );
            let db = Db::open(url).await.unwrap();
            let tx = db.write().await.unwrap();
            settings::set(&tx, "name", "value").await.unwrap();
            tx.execute_unprepared(sql).await.unwrap();
            tx.commit().await.unwrap();
            let opened = Db::open(url).await.unwrap_err().to_string();
            let upgraded = Db::upgrade(url, true, DateTime::UNIX_EPOCH).await;
            for error in [opened, upgraded.unwrap_err().to_string()] {
                assert!(error.contains(said), "{error}");
            }
            let kept = settings::get(db.read(), "name").await.unwrap();
            assert_eq!(kept.as_deref(), Some("value"));
        }
    }

    /// Of a server's database nobody but its administrator can make a copy.
    #[tokio::test]
    async fn a_server_s_database_is_changed_when_the_missing_copy_is_agreed_to() {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new(&folder.path().join("db"));
        if matches!(database.url(), DbUrl::Sqlite(_)) {
            // Servers only: the tests run on each of them, too.
            return;
        }
        drop(Db::open(database.url()).await.unwrap());
        let pools = Pools::open(database.url()).await.unwrap();
        for older in [
            "ALTER TABLE servers DROP COLUMN stop_notice",
            "DELETE FROM _sqlx_migrations WHERE version = 4",
        ] {
            pools.writer().execute_unprepared(older).await.unwrap();
        }
        let refused = Db::open(database.url()).await.unwrap_err().to_string();
        assert!(refused.contains("older hub"), "{refused}");
        let refused = Db::upgrade(database.url(), false, DateTime::UNIX_EPOCH).await;
        assert!(matches!(refused, Err(DbError::NoBackup)), "{refused:?}");
        let done = Db::upgrade(database.url(), true, DateTime::UNIX_EPOCH).await;
        assert_eq!(done.unwrap(), Upgrade::Changed { backup: None });
        Db::open(database.url()).await.unwrap();
    }
}
