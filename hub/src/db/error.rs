//! What can go wrong with the database.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr};

/// An error of the database, for the log; clients see "try again later".
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file cannot be created or is not safe to use.
    #[error("cannot use {path} as database: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// The schema is not one of ours.
    #[error("the database has another schema: {0}")]
    Schema(String),
    /// A row that cannot be understood.
    #[error("inconsistent row in {table}: {why}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// Row and column.
        why: String,
    },
    /// A commit did not come to its end; whether it was done is not known.
    #[error("a commit was interrupted: {0}")]
    Interrupted(String),
    /// Another hub runs with a database that serves only one.
    #[error("another hub is running with it; stop that one first (several hubs need PostgreSQL)")]
    Taken,
    /// The schema of a server's database would be changed without a copy.
    #[error(
        "the hub can make no backup of a database on a server: stop the hub, make one (pg_dump, mariadb-dump), then run \
         \"hub upgrade-db --yes\""
    )]
    NoBackup,
    /// The database refused, or is gone.
    #[error("database: {0}")]
    Sql(#[from] DbErr),
    /// The database cannot be reached.
    #[error("database: {0}")]
    Driver(#[from] sqlx::Error),
}

impl DbError {
    pub(super) fn inconsistent(table: &'static str, why: impl Into<String>) -> Self {
        Self::Inconsistent {
            table,
            why: why.into(),
        }
    }

    /// Whether a text cannot be stored: with a NUL (PostgreSQL), or longer than its column (MySQL). The codes are SQLSTATEs.
    #[must_use]
    pub fn is_unstorable(&self) -> bool {
        let Self::Sql(DbErr::Exec(error) | DbErr::Query(error)) = self else {
            return false;
        };
        let RuntimeErr::SqlxError(error) = error else {
            return false;
        };
        let error = error.as_database_error();
        let code = error.and_then(sqlx::error::DatabaseError::code);
        matches!(code.as_deref(), Some("22021" | "22001"))
    }

    /// Whether the statement broke a uniqueness rule: somebody else was faster.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Sql(error) if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))))
    }
}
