//! One hub for one MariaDB or MySQL database: there is nothing by which several could hear each other.

use sqlx::mysql::MySqlConnection;

use super::{Db, DbError};

/// Locks belong to the whole server; their names are short.
const ONLY_ONE: &str = "SELECT GET_LOCK(CONCAT('jupyterhub ', MD5(DATABASE())), 0)";

/// Held as long as this hub runs: a connection with the server's lock. The server lets go of it however the process ends.
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "held, not read")] Option<MySqlConnection>);

impl Db {
    /// Makes sure that no other hub uses this database, where only one can. (SQLite files have a lock of their own, and
    /// PostgreSQL serves several hubs.)
    ///
    /// # Errors
    /// [`DbError::Taken`] when another hub does; otherwise when the database refuses or is gone.
    pub async fn alone(&self) -> Result<Alone, DbError> {
        let Some(pool) = &self.mysql else {
            return Ok(Alone(None));
        };
        let mut connection = pool.acquire().await?.detach();
        sqlx::query("SET SESSION wait_timeout = 31536000")
            .execute(&mut connection)
            .await?;
        let taken: Option<i64> = sqlx::query_scalar(ONLY_ONE)
            .fetch_one(&mut connection)
            .await?;
        if taken != Some(1) {
            return Err(DbError::Taken);
        }
        Ok(Alone(Some(connection)))
    }
}
