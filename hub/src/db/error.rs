//! What can go wrong with the database.

use std::path::PathBuf;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

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
    /// A commit whose end was not heard of: the connection was lost meanwhile. It may have been done.
    #[error("it is not known whether a commit was done: {0}")]
    Unsure(String),
    /// Another hub runs with a database that serves only one.
    #[error(
        "another hub is running with it; stop that one first (several hubs need PostgreSQL, and none may run while its \
         schema changes)"
    )]
    Taken,
    /// The schema of a server's database would be changed without a copy.
    #[error(
        "the hub can make no backup of a database on a server: stop the hub, make one (pg_dump, mariadb-dump), then run \
         \"hub upgrade-db --yes\""
    )]
    NoBackup,
    /// The database refused, or is gone.
    #[error("database: {}", what_happened(.0))]
    Sql(DbErr),
    /// The database cannot be reached.
    #[error("database: {}", in_words(.0))]
    Driver(sqlx::Error),
}

// By hand, as what is inside is no `source`: the text has it already, and whoever prints a chain would say it again.
impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        Self::Sql(error)
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl DbError {
    pub(super) fn inconsistent(table: &'static str, why: impl Into<String>) -> Self {
        Self::Inconsistent {
            table,
            why: why.into(),
        }
    }

    /// Of a commit: without an answer nobody knows. A file that is full or locked has answered.
    pub(super) fn of_commit(self) -> Self {
        let file = match &self {
            Self::Sql(error) => of_driver(error).and_then(FileTrouble::of),
            _ => None,
        };
        if self.is_away() && !matches!(file, Some(FileTrouble::Full | FileTrouble::Locked)) {
            Self::Unsure(self.to_string())
        } else {
            self
        }
    }

    /// Whether the database is away: it cannot be reached, does not answer, or says that it is going; its file cannot be read
    /// or written.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Sql(error) => is_away(error),
            Self::Driver(error) => driver_is_away(error),
            Self::Unsure(_) => true,
            _ => false,
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

/// Whether this means that the database is away.
pub(super) fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) => {
            true
        }
        error => of_driver(error).is_some_and(driver_is_away),
    }
}

/// Whether SQLite has undone the statement that failed, and surely nothing else: it was wrong, too big, broke a rule of the
/// schema, or its values do not fit. Others, such as a full disk, may end the transaction:
/// <https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>.
pub(super) fn is_of_one_statement(error: &DbErr) -> bool {
    matches!(
        of_driver(error).and_then(sqlite_code),
        Some(1 | 18 | 19 | 20 | 25)
    )
}

/// SQLite's primary code of an error; what is more precise is in the higher bytes.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    let code = error.try_downcast_ref::<SqliteError>()?.code()?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

/// What the driver said.
fn of_driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// By SQLSTATE: connection exceptions (08), "the server is shut down" and "cannot connect now" (57P01 to 57P03), too many
/// connections (53300).
fn driver_is_away(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => true,
        Error::Database(known) => {
            FileTrouble::of(error).is_some()
                || known.code().is_some_and(|code| {
                    code.starts_with("08") || code.starts_with("57P0") || code == "53300"
                })
        }
        _ => false,
    }
}

/// What keeps SQLite from its file. Source: <https://www.sqlite.org/rescode.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileTrouble {
    Locked,
    ReadOnly,
    Unreadable,
    Damaged,
    Full,
}

impl FileTrouble {
    fn of(error: &sqlx::Error) -> Option<Self> {
        match sqlite_code(error)? {
            5 | 6 | 15 => Some(Self::Locked),
            8 => Some(Self::ReadOnly),
            10 | 14 => Some(Self::Unreadable),
            11 | 26 => Some(Self::Damaged),
            13 => Some(Self::Full),
            _ => None,
        }
    }

    /// What to do.
    fn hint(self) -> &'static str {
        match self {
            Self::Locked => "another program holds its lock (a backup, a shell?): end that",
            Self::ReadOnly => {
                "it cannot be written: see to the permissions of the file and its folder, and to its file system"
            }
            Self::Unreadable => "see to its disk, its folder and their permissions",
            Self::Damaged => {
                "stop the hub and restore a backup, without the files -wal and -shm beside it"
            }
            Self::Full => "make room on its disk",
        }
    }
}

/// What happened, once and without the names of layers in between.
fn what_happened(error: &DbErr) -> String {
    of_driver(error).map_or_else(|| error.to_string(), in_words)
}

/// The same; and what to do, where that is known.
fn in_words(error: &sqlx::Error) -> String {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let plain = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    let hint = match error {
        sqlx::Error::Io(error)
            if matches!(
                error.kind(),
                ConnectionRefused | HostUnreachable | NetworkUnreachable
            ) =>
        {
            Some("check that it runs, and db_url")
        }
        error => FileTrouble::of(error).map(FileTrouble::hint),
    };
    match hint {
        Some(hint) => format!("{plain}; {hint}"),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_says_everything_once() {
        let refused = || sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        for error in [
            DbError::from(refused()),
            DbError::from(DbErr::Conn(RuntimeErr::SqlxError(refused().into()))),
        ] {
            assert!(error.is_away());
            let chain = anyhow::Error::from(error).context("cannot use postgresql://db/hub");
            assert_eq!(
                format!("{chain:#}"),
                "cannot use postgresql://db/hub: database: connection refused; check that it runs, and db_url"
            );
        }
        let timed_out = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        let text = timed_out.to_string();
        let chain = format!("{:#}", anyhow::Error::from(DbError::from(timed_out)));
        assert_eq!(chain, format!("database: {text}"));
    }
}
