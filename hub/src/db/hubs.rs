//! Hub processes: who may hold leases.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use super::row::hubs::{ActiveModel, Column, Entity};
use super::row::{from_json, json, servers};
use super::{DbError, Tx, from_micros, to_micros};

/// A hub process.
#[derive(Debug, Clone, PartialEq)]
pub struct HubRow {
    /// Random, new at each start.
    pub id: String,
    /// Its identity as a process.
    pub record: Value,
    /// The machine it runs on.
    pub host: String,
    /// When it last said that it lives.
    pub heartbeat: DateTime<Utc>,
}

/// All hubs that have not said good-bye.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn list(c: &impl ConnectionTrait) -> Result<Vec<HubRow>, DbError> {
    let rows = Entity::find().all(c).await?;
    rows.into_iter()
        .map(|row| {
            Ok(HubRow {
                record: from_json("hubs", &row.record)?,
                id: row.id,
                host: row.host,
                heartbeat: from_micros(row.heartbeat),
            })
        })
        .collect()
}

/// Registers a hub, or renews its heartbeat.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn put(tx: &Tx, hub: &HubRow) -> Result<(), DbError> {
    let row = ActiveModel {
        id: Set(hub.id.clone()),
        record: Set(json(&hub.record)?),
        host: Set(hub.host.clone()),
        heartbeat: Set(to_micros(hub.heartbeat)),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_column(Column::Heartbeat)
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Forgets a hub and frees the leases that it held, so that others need not wait for them to run out.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove(tx: &Tx, id: &str) -> Result<(), DbError> {
    servers::Entity::update_many()
        .col_expr(
            servers::Column::LeaseOwner,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            servers::Column::LeaseExpires,
            Expr::value(Option::<i64>::None),
        )
        .filter(servers::Column::LeaseOwner.eq(id))
        .exec(&**tx)
        .await?;
    Entity::delete_by_id(id.to_owned()).exec(&**tx).await?;
    Ok(())
}
