//! What can go wrong with the database.

use std::path::PathBuf;

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
    /// The database refused, or is gone.
    #[error("database: {0}")]
    Sql(#[from] sea_orm::DbErr),
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

    /// Whether the statement broke a uniqueness rule: somebody else was faster.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Sql(error) if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))))
    }
}
