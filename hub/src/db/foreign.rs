//! Databases of a Python JupyterHub: recognised without a write, for not even the mode of the journal is ours to change.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::DbError;

/// Whether a SQLite file belongs to a Python JupyterHub. A file that is not there, or is empty, does not.
///
/// # Errors
/// When it cannot be read.
pub async fn is_jupyterhubs(file: &Path) -> Result<bool, DbError> {
    if std::fs::metadata(file).is_ok_and(|metadata| metadata.len() == 0) || !file.exists() {
        return Ok(false);
    }
    // A journal beside it shows that some hub uses it now: then it must be read through it, else nothing may be made.
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(!Path::new(&wal).exists())
        .connect()
        .await?;
    let tables: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'")
            .fetch_one(&mut connection)
            .await?;
    connection.close().await?;
    Ok(tables > 0)
}

/// Refuses such a file, and says how to go on.
///
/// # Errors
/// When the file is one, or cannot be read.
pub async fn refuse(file: &Path) -> Result<(), DbError> {
    if is_jupyterhubs(file).await? {
        return Err(DbError::Schema(
            "it belongs to a Python JupyterHub and is left untouched; set [JupyterHub] db_url to another file, e.g. \
             \"sqlite:///hub.sqlite\" (users of the configuration are registered anew, everybody logs in once more)"
                .into(),
        ));
    }
    Ok(())
}
