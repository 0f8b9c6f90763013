//! The few things that each database says in words of its own.

use sea_orm::sea_query::{Expr, NullOrdering, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryOrder as _, Select, Statement,
};

use super::DbError;
use super::row::json;

/// Says that a backend is none of the three: the type of SeaORM is open.
fn unknown(backend: DbBackend) -> DbError {
    DbError::Schema(format!(
        "{backend:?} is no database that this program knows"
    ))
}

/// Whether a column has this text. None that is stored holds a NUL, which PostgreSQL refuses to look for.
pub(super) fn is(column: impl ColumnTrait, text: &str) -> Expr {
    if text.contains('\0') {
        nothing()
    } else {
        column.eq(text)
    }
}

/// What no row is.
pub(super) fn nothing() -> Expr {
    Expr::cust("1 = 0")
}

/// Orders by a column in which nothing counts as the lowest value. Only PostgreSQL sees that the other way round; to the
/// others it is not said, because MySQL would leave its index for it.
pub(super) fn nulls_lowest<E: EntityTrait>(
    query: Select<E>,
    backend: DbBackend,
    column: impl ColumnTrait,
    order: Order,
) -> Select<E> {
    let nulls = match order {
        Order::Desc => NullOrdering::Last,
        _ => NullOrdering::First,
    };
    match backend {
        DbBackend::Postgres => query.order_by_with_nulls(column, order, nulls),
        _ => query.order_by(column, order),
    }
}

/// Whether a column has one of these values, however many they are: they go as one value, a JSON list, because databases
/// bound the values of a statement (SQLite 32,766).
pub(super) fn one_of(
    backend: DbBackend,
    column: impl ColumnTrait,
    values: &[String],
) -> Result<Expr, DbError> {
    let listed = match backend {
        DbBackend::Sqlite => "value FROM json_each(?)",
        DbBackend::Postgres => "jsonb_array_elements_text(CAST($1 AS jsonb))",
        DbBackend::MySql => {
            "listed.name FROM JSON_TABLE(?, '$[*]' COLUMNS (name VARCHAR(255) PATH '$')) AS listed"
        }
        other => return Err(unknown(other)),
    };
    // As with `is`.
    let values: Vec<_> = values
        .iter()
        .filter(|value| !value.contains('\0'))
        .collect();
    let listed = Expr::cust_with_values(listed, [json(&values)?]);
    Ok(column.in_subquery(Query::select().expr(listed).take()))
}

/// Moves `last_activity` of the rows of `table` forward, never back; `pairs` is a JSON list of `[id, microseconds]`.
pub(super) async fn forward(
    tx: &impl ConnectionTrait,
    table: &'static str,
    pairs: String,
) -> Result<(), DbError> {
    let backend = tx.get_database_backend();
    let older = format!("({table}.last_activity IS NULL OR {table}.last_activity < batch.at)");
    let sql = match backend {
        DbBackend::Sqlite => format!(
            "UPDATE {table} SET last_activity = batch.at \
             FROM (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS at FROM json_each(?)) AS batch \
             WHERE {table}.id = batch.id AND {older}"
        ),
        DbBackend::Postgres => format!(
            "UPDATE {table} SET last_activity = batch.at \
             FROM (SELECT CAST(pair->>0 AS bigint) AS id, CAST(pair->>1 AS bigint) AS at \
             FROM jsonb_array_elements(CAST($1 AS jsonb)) AS pair) AS batch \
             WHERE {table}.id = batch.id AND {older}"
        ),
        DbBackend::MySql => format!(
            "UPDATE {table} JOIN JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', at BIGINT PATH '$[1]')) AS batch \
             ON {table}.id = batch.id SET {table}.last_activity = batch.at WHERE {older}"
        ),
        other => return Err(unknown(other)),
    };
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, [pairs.into()]))
        .await?;
    Ok(())
}

/// Waits until nobody else writes. SQLite knows no other way (the transaction began `IMMEDIATE`); with a server, hubs take
/// a lock that ends with the transaction, so that whatever was looked up in it is still so when it commits, and row ids
/// ascend in the order of commits.
pub(super) async fn lock(tx: &impl ConnectionTrait) -> Result<(), DbError> {
    let sql = match tx.get_database_backend() {
        DbBackend::Sqlite => return Ok(()),
        // Locks are the database's own; the number is "hub".
        DbBackend::Postgres => "SELECT pg_advisory_xact_lock(6845794)",
        DbBackend::MySql => "SELECT value FROM settings WHERE name = 'writer' FOR UPDATE",
        other => return Err(unknown(other)),
    };
    let locked = tx
        .query_one_raw(Statement::from_string(tx.get_database_backend(), sql))
        .await?;
    match locked {
        Some(_) => Ok(()),
        None => Err(DbError::inconsistent(
            "settings",
            "the row 'writer' is missing, by which writers wait for each other; INSERT INTO settings (name, value) \
             VALUES ('writer', '')",
        )),
    }
}

/// The tables that are there.
pub(super) async fn tables(c: &impl ConnectionTrait) -> Result<Vec<String>, DbError> {
    let sql = match c.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        DbBackend::Postgres => {
            // Those of others, too, which the information schema hides.
            "SELECT CAST(relname AS text) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        }
        DbBackend::MySql => {
            "SELECT CONVERT(table_name USING utf8mb4) FROM information_schema.tables WHERE table_schema = DATABASE()"
        }
        other => return Err(unknown(other)),
    };
    texts(c, sql).await
}

/// The first column of what is found, which holds texts.
pub(super) async fn texts(c: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbError> {
    let rows = c
        .query_all_raw(Statement::from_string(c.get_database_backend(), sql))
        .await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
