//! The way from an older schema to the present one: `hub upgrade-db`.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait as _;

use super::alone::With;
use super::connect::Pools;
use super::schema::{self, Schema};
use super::{Db, DbError, damage, private_file};
use crate::config::DbUrl;
use crate::failpoint;

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
    /// When the file is damaged, when the copy cannot be made or is not agreed to be missing, when a hub runs with the server's
    /// database, when the schema is none that can be changed, and when the database refuses or is gone. The schema is the old
    /// one then, or one in between that can be changed further.
    pub async fn upgrade(
        url: &DbUrl,
        without_backup: bool,
        now: DateTime<Utc>,
    ) -> Result<Upgrade, DbError> {
        let pools = Pools::open(url).await?;
        let found = schema::look(&pools.writer()).await?;
        if found == Schema::Present {
            return Ok(Upgrade::Nothing);
        }
        damage::refuse(url, &pools).await?;
        let _alone = pools.alone(With::Nobody).await?;
        let Schema::Old(old) = found else {
            schema::make(&pools).await?;
            return Ok(Upgrade::Made);
        };
        let backup = match url {
            DbUrl::Sqlite(path) => Some(copy(&pools, path, now).await?),
            _ if without_backup => None,
            _ => return Err(DbError::NoBackup),
        };
        failpoint::reached("upgrade.copied");
        // One at a time: each is permanent by itself, and an upgrade that is killed between two of them can be repeated.
        for version in old + 1..=schema::PRESENT {
            schema::migrate(&pools, version).await?;
            failpoint::reached(&format!("upgrade.{version}"));
        }
        Ok(Upgrade::Changed { backup })
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
mod steps;
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;
    use crate::db::testing::TestDatabase;
    use crate::db::{dialect, settings, users};

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
            refused.contains("older hub (migration 1 of 7); run \"hub upgrade-db\"")
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
                "UPDATE _sqlx_migrations SET version = 99 WHERE version = 7",
                "it was written by a newer hub (migration 99; this one knows 7); run that one",
            ),
            (
                "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 7",
                "(migration 7) was interrupted and cannot be taken back",
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
            let database = TestDatabase::empty(&folder.path().join("db"));
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

    /// Takes the last change back, as an older hub would have left it.
    async fn made_older(url: &DbUrl) {
        drop(Db::open(url).await.unwrap());
        let pools = Pools::open(url).await.unwrap();
        let table = match url {
            DbUrl::MySql(_) => " ON users",
            _ => "",
        };
        for older in [
            &format!("DROP INDEX users_by_name{table}"),
            &format!("DROP INDEX users_by_id{table}"),
            "DELETE FROM _sqlx_migrations WHERE version = 7",
        ] {
            pools.writer().execute_unprepared(older).await.unwrap();
        }
    }

    /// Of a server's database nobody but its administrator can make a copy.
    #[tokio::test]
    async fn a_server_s_database_is_changed_when_the_missing_copy_is_agreed_to() {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new(&folder.path().join("db"));
        made_older(database.url()).await;
        let refused = Db::open(database.url()).await.unwrap_err().to_string();
        assert!(refused.contains("older hub"), "{refused}");
        let first = Db::upgrade(database.url(), false, DateTime::UNIX_EPOCH).await;
        if matches!(database.url(), DbUrl::Sqlite(_)) {
            // Of a file there is one.
            let backup = folder.path().join("db.1970-01-01-000000");
            assert_eq!(
                first.unwrap(),
                Upgrade::Changed {
                    backup: Some(backup)
                }
            );
        } else {
            assert!(matches!(first, Err(DbError::NoBackup)), "{first:?}");
            let done = Db::upgrade(database.url(), true, DateTime::UNIX_EPOCH).await;
            assert_eq!(done.unwrap(), Upgrade::Changed { backup: None });
        }
        Db::open(database.url()).await.unwrap();
    }

    /// Security case 103: two hubs with one database, and a change of the schema under one that runs. (A file has a lock
    /// beside it: `only_hub`.)
    #[tokio::test]
    async fn case_103_a_database_in_use_is_not_changed_nor_used_twice() {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new(&folder.path().join("db"));
        let url = database.url();
        let db = Db::open(url).await.unwrap();
        let alone = db.alone().await.unwrap();
        let second = Db::open(url).await.unwrap().alone().await;
        match url {
            DbUrl::MySql(_) => assert!(matches!(second, Err(DbError::Taken)), "{second:?}"),
            _ => drop(second.unwrap()),
        }
        made_older(url).await;
        if !matches!(url, DbUrl::Sqlite(_)) {
            let upgraded = Db::upgrade(url, true, DateTime::UNIX_EPOCH).await;
            assert!(matches!(upgraded, Err(DbError::Taken)), "{upgraded:?}");
            let pools = Pools::open(url).await.unwrap();
            assert_eq!(schema::look(&pools.writer()).await.unwrap(), Schema::Old(6));
        }
        drop(alone);
        // The server learns of the end of a connection when it learns of it.
        let begin = std::time::Instant::now();
        while let Err(error) = Db::upgrade(url, true, DateTime::UNIX_EPOCH).await {
            let patient = begin.elapsed() < std::time::Duration::from_secs(30);
            assert!(patient && matches!(error, DbError::Taken), "{error}");
        }
        Db::open(url).await.unwrap().alone().await.unwrap();
    }

    /// The tables of a database, and what names are compared by.
    async fn look_of(pools: &Pools) -> (Vec<String>, Option<String>) {
        let tables = dialect::tables(&pools.writer()).await.unwrap();
        let collation = match pools {
            Pools::MySql { writer, .. } => {
                let sql = "SELECT @@collation_database";
                Some(sqlx::query_scalar(sql).fetch_one(writer).await.unwrap())
            }
            Pools::Sqlite { .. } | Pools::Postgres { .. } => None,
        };
        (tables, collation)
    }

    #[tokio::test]
    async fn another_program_s_database_is_left_as_it_is() {
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::empty(&folder.path().join("db"));
        let url = database.url();
        let pools = Pools::open(url).await.unwrap();
        let sql = "CREATE TABLE recipes (name VARCHAR(32))";
        pools.writer().execute_unprepared(sql).await.unwrap();
        let before = look_of(&pools).await;
        for error in [
            Db::open(url).await.unwrap_err(),
            Db::upgrade(url, true, DateTime::UNIX_EPOCH)
                .await
                .unwrap_err(),
        ] {
            assert!(error.to_string().contains("of another program"), "{error}");
        }
        assert_eq!(look_of(&pools).await, before);
    }
}
