//! Migrations: which schema a database has, and the way to the present one.
//!
//! Every change has one number for all three databases. PostgreSQL and MySQL begin with the third.

use std::borrow::Cow;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, Executor as _, SqlStr};

use super::connect::{self, Pools};
use super::{DbError, dialect};

/// A change: version, name, SQL. Never change one that was released: its checksum is in the databases.
type Change = (i64, &'static str, &'static str);

macro_rules! change {
    ($version:literal, $name:literal, $file:literal) => {
        (
            $version,
            $name,
            include_str!(concat!("../../migrations/", $file, ".sql")),
        )
    };
}

const SQLITE: &[Change] = &[
    change!(1, "initial", "sqlite/0001_initial"),
    change!(2, "shares", "sqlite/0002_shares"),
    change!(3, "role origins", "sqlite/0003_role_origins"),
    change!(4, "stop notices", "sqlite/0004_stop_notices"),
    change!(5, "user lists", "sqlite/0005_user_lists"),
    change!(6, "http timeouts", "sqlite/0006_http_timeouts"),
    change!(7, "user filters", "sqlite/0007_user_filters"),
];
const POSTGRES: &[Change] = &[
    change!(3, "initial", "postgres/0003_initial"),
    change!(4, "stop notices", "postgres/0004_stop_notices"),
    change!(5, "user lists", "postgres/0005_user_lists"),
    change!(6, "http timeouts", "postgres/0006_http_timeouts"),
    change!(7, "user filters", "postgres/0007_user_filters"),
];
const MYSQL: &[Change] = &[
    change!(3, "initial", "mysql/0003_initial"),
    change!(4, "stop notices", "mysql/0004_stop_notices"),
    change!(5, "user lists", "mysql/0005_user_lists"),
    change!(6, "http timeouts", "mysql/0006_http_timeouts"),
    change!(7, "user filters", "mysql/0007_user_filters"),
];

/// The schema of this program.
pub(super) const PRESENT: i64 = 7;

/// The table in which sqlx keeps what was done.
const DONE: &str = "_sqlx_migrations";

/// Which schema a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// None: there are no tables.
    New,
    /// That of an older program.
    Old(i64),
    /// Ours.
    Present,
}

/// Looks at the schema.
///
/// # Errors
/// When it is that of another program, of a newer hub, or half-made; then it is left as it is.
pub(super) async fn look(c: &DatabaseConnection) -> Result<Schema, DbError> {
    let tables = dialect::tables(c).await?;
    if tables.iter().any(|table| table == "alembic_version") {
        return Err(DbError::Schema(
            "it belongs to a Python JupyterHub and is left untouched; set [JupyterHub] db_url to another one, e.g. \
             \"sqlite:///hub.sqlite\" (users of the configuration are registered anew, everybody logs in once more)"
                .into(),
        ));
    }
    if tables.is_empty() {
        return Ok(Schema::New);
    }
    if !tables.iter().any(|table| table == DONE) {
        return Err(DbError::Schema(
            "it holds tables of another program and is left untouched; give the hub a database of its own".into(),
        ));
    }
    let sql = format!("SELECT version, success FROM {DONE} ORDER BY version");
    let rows = c
        .query_all_raw(Statement::from_string(c.get_database_backend(), sql))
        .await?;
    let mut newest = 0;
    for (before, row) in rows.iter().enumerate() {
        newest = row.try_get_by_index(0)?;
        if !row.try_get_by_index::<bool>(1)? {
            return Err(interrupted(newest, before == 0));
        }
    }
    match newest {
        0 => Ok(Schema::New),
        newest if newest < PRESENT => Ok(Schema::Old(newest)),
        PRESENT => Ok(Schema::Present),
        newest => Err(DbError::Schema(format!(
            "it was written by a newer hub (migration {newest}; this one knows {PRESENT}); run that one, or another db_url"
        ))),
    }
}

/// MySQL and MariaDB commit every statement of a change by itself.
fn interrupted(version: i64, first: bool) -> DbError {
    DbError::Schema(if first {
        format!(
            "making its tables (migration {version}) was interrupted, or goes on at this moment; if not, drop the database and \
             create it anew: it never held anything"
        )
    } else {
        format!(
            "a change of the schema (migration {version}) was interrupted and cannot be taken back, or goes on at this moment; \
             if not, restore the backup that was made before"
        )
    })
}

/// Refuses an old schema, naming what to do.
pub(super) fn refuse_old(schema: Schema) -> Result<(), DbError> {
    match schema {
        Schema::Old(version) => Err(DbError::Schema(format!(
            "it was written by an older hub (migration {version} of {PRESENT}); run \"hub upgrade-db\", which makes a \
             backup first, or start with --upgrade-db"
        ))),
        Schema::New | Schema::Present => Ok(()),
    }
}

fn changes(backend: DbBackend, up_to: i64) -> Migrator {
    let changes = match backend {
        DbBackend::Postgres => POSTGRES,
        DbBackend::MySql => MYSQL,
        _ => SQLITE,
    };
    let changes = changes.iter().filter(|change| change.0 <= up_to);
    let migrations = changes.map(|(version, name, sql)| {
        let (name, sql) = (Cow::Borrowed(*name), SqlStr::from_static(sql));
        Migration::new(*version, name, MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Makes the schema in a database without tables.
pub(super) async fn make(pools: &Pools) -> Result<(), DbError> {
    if let Pools::MySql { writer, .. } = pools {
        connect::settle_database(writer).await?;
    }
    migrate(pools, PRESENT).await
}

/// Brings the schema up to date, or (tests) to an older state. Changes are embedded, checksummed and applied in one
/// transaction each, where the database can do that (MySQL cannot).
pub(super) async fn migrate(pools: &Pools, up_to: i64) -> Result<(), DbError> {
    let done = match pools {
        Pools::Sqlite { writer, .. } => changes(DbBackend::Sqlite, up_to).run(writer).await,
        Pools::Postgres { writer, .. } => {
            // Other hubs may make the same change, and a backup may read the tables: that takes longer than a request may.
            let mut patient = writer.acquire().await?.detach();
            patient.execute("SET lock_timeout = '10min'").await?;
            let changes = changes(DbBackend::Postgres, up_to);
            let done = changes.run_direct(None, &mut patient, false).await;
            patient.close().await?;
            done
        }
        Pools::MySql { writer, .. } => changes(DbBackend::MySql, up_to).run(writer).await,
    };
    done.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => DbError::Schema(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_known_for_every_database() {
        for (backend, begins) in [
            (DbBackend::Sqlite, 1),
            (DbBackend::Postgres, 3),
            (DbBackend::MySql, 3),
        ] {
            let known: Vec<_> = changes(backend, i64::MAX)
                .iter()
                .map(|change| change.version)
                .collect();
            assert_eq!(known, (begins..=PRESENT).collect::<Vec<_>>(), "{backend:?}");
        }
    }
}
