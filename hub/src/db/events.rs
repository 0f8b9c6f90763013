//! Progress of starting servers.

use chrono::{DateTime, Utc};
use hub_types::progress::ProgressEvent;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::row::server_events::{ActiveModel, Column, Entity};
use super::row::{from_json, json};
use super::{DbError, Tx, to_micros};
use crate::domain::server::ServerId;

/// Adds an event to the start `start` (the epoch in which it began).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn append(
    tx: &Tx,
    server: ServerId,
    start: i64,
    event: &ProgressEvent,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let row = ActiveModel {
        id: NotSet,
        server_id: Set(server.0),
        start: Set(start),
        at: Set(to_micros(now)),
        event: Set(json(event)?),
    };
    Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(())
}

/// The events of a start after the one with row id `after` (0 for all), with their row ids.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn since(
    c: &impl ConnectionTrait,
    server: ServerId,
    start: i64,
    after: i64,
) -> Result<Vec<(i64, ProgressEvent)>, DbError> {
    let rows = Entity::find()
        .filter(Column::ServerId.eq(server.0))
        .filter(Column::Start.eq(start))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .all(c)
        .await?;
    rows.into_iter()
        .map(|row| Ok((row.id, from_json("server_events", &row.event)?)))
        .collect()
}

/// The latest start of a server that has events; the argument `start` of [`since`].
///
/// # Errors
/// When the database refuses or is gone.
pub async fn latest_start(
    c: &impl ConnectionTrait,
    server: ServerId,
) -> Result<Option<i64>, DbError> {
    let newest = Entity::find()
        .filter(Column::ServerId.eq(server.0))
        .order_by_desc(Column::Start)
        .limit(1)
        .one(c)
        .await?;
    Ok(newest.map(|row| row.start))
}

/// Forgets the events of all starts before `start`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn forget_before(tx: &Tx, server: ServerId, start: i64) -> Result<(), DbError> {
    Entity::delete_many()
        .filter(Column::ServerId.eq(server.0))
        .filter(Column::Start.lt(start))
        .exec(&**tx)
        .await?;
    Ok(())
}
