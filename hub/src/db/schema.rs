//! Files and migrations.

use std::borrow::Cow;
use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlStr, SqlitePool};

use super::DbError;

/// Creates the database file readable by its owner only, before SQLite would with the process's umask. SQLite gives
/// its `-wal` and `-shm` files the mode of the main file.
pub(super) fn create_private(path: &Path) -> Result<(), DbError> {
    let fail = |why: String| DbError::File {
        path: path.to_owned(),
        why,
    };
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let data = std::fs::symlink_metadata(path).map_err(|error| fail(error.to_string()))?;
            if data.file_type().is_symlink() {
                return Err(fail(
                    "it is a symbolic link; name the file itself in db_url".into(),
                ));
            }
            if data.mode() & 0o077 != 0 {
                std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| {
                    fail(format!(
                        "others can read it, and it cannot be made private: {error}"
                    ))
                })?;
            }
            Ok(())
        }
        Err(error) => Err(fail(format!(
            "{error}; check that the folder exists and may be written"
        ))),
    }
}

/// Every change of the schema since the first: version, name, SQL. Never change one that was released: its checksum is
/// in the databases.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "initial",
        include_str!("../../migrations/sqlite/0001_initial.sql"),
    ),
    (
        2,
        "shares",
        include_str!("../../migrations/sqlite/0002_shares.sql"),
    ),
    (
        3,
        "role origins",
        include_str!("../../migrations/sqlite/0003_role_origins.sql"),
    ),
    (
        4,
        "stop notices",
        include_str!("../../migrations/sqlite/0004_stop_notices.sql"),
    ),
];

/// Brings the schema up to date. Migrations are embedded, checksummed and applied in one transaction each.
pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), DbError> {
    refuse_foreign(pool).await?;
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        let name = Cow::Borrowed(*name);
        let sql = SqlStr::from_static(sql);
        Migration::new(*version, name, MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => {
            DbError::Schema(format!("it was written by a newer hub (migration {version}); run that one, or another db_url"))
        }
        other => DbError::Schema(other.to_string()),
    })
}

/// A real JupyterHub's own database is left untouched.
async fn refuse_foreign(pool: &SqlitePool) -> Result<(), DbError> {
    let alembic: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'")
            .fetch_one(pool)
            .await?;
    if alembic > 0 {
        return Err(DbError::Schema(
            "it belongs to a Python JupyterHub and is left untouched; set JupyterHub.db_url to another file".into(),
        ));
    }
    Ok(())
}
