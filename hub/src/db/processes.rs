//! Processes that outlive the hub: the proxy and managed services.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use super::row::processes::{ActiveModel, Column, Entity, Model};
use super::row::{from_json, json};
use super::{DbError, Tx};

/// A recorded process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessRow {
    /// Its name within its kind, e.g. the service.
    pub name: String,
    /// Its identity, as `services::process` writes it.
    pub record: Value,
    /// Of the specification it was started from: another one means it is stopped, not adopted.
    pub fingerprint: String,
    /// Whatever else is needed to adopt it.
    pub data: Value,
}

fn read(row: &Model) -> Result<ProcessRow, DbError> {
    Ok(ProcessRow {
        name: row.name.clone(),
        record: from_json("processes", &row.record)?,
        fingerprint: row.fingerprint.clone(),
        data: from_json("processes", &row.data)?,
    })
}

/// All processes of a kind.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn list(c: &impl ConnectionTrait, kind: &str) -> Result<Vec<ProcessRow>, DbError> {
    Entity::find()
        .filter(Column::Kind.eq(kind))
        .all(c)
        .await?
        .iter()
        .map(read)
        .collect()
}

/// One process.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(
    c: &impl ConnectionTrait,
    kind: &str,
    name: &str,
) -> Result<Option<ProcessRow>, DbError> {
    Entity::find_by_id((kind.to_owned(), name.to_owned()))
        .one(c)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Records a process, in place of an older one of that name.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn put(tx: &Tx, kind: &str, process: &ProcessRow) -> Result<(), DbError> {
    let row = ActiveModel {
        kind: Set(kind.to_owned()),
        name: Set(process.name.clone()),
        record: Set(json(&process.record)?),
        fingerprint: Set(process.fingerprint.clone()),
        data: Set(json(&process.data)?),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::Kind, Column::Name])
                .update_columns([Column::Record, Column::Fingerprint, Column::Data])
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Forgets a process.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove(tx: &Tx, kind: &str, name: &str) -> Result<(), DbError> {
    Entity::delete_by_id((kind.to_owned(), name.to_owned()))
        .exec(&**tx)
        .await?;
    Ok(())
}
