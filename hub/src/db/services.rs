//! Services: one row each, so that roles and tokens have an owner. What a service is stands in the configuration.

use std::collections::BTreeSet;

use hub_types::names::ServiceName;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::row::services::{ActiveModel, Column, Entity, Model};
use super::{DbError, Tx};
use crate::domain::token::ServiceId;

/// A registered service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// Row id.
    pub id: ServiceId,
    /// The name.
    pub name: ServiceName,
    /// Whether it holds the role `admin`.
    pub admin: bool,
    /// Whether it stands in the configuration.
    pub from_config: bool,
}

fn read(row: Model) -> ServiceRow {
    ServiceRow {
        id: ServiceId(row.id),
        name: ServiceName::stored(row.name),
        admin: row.admin,
        from_config: row.from_config,
    }
}

/// All services.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn list(c: &impl ConnectionTrait) -> Result<Vec<ServiceRow>, DbError> {
    Ok(Entity::find().all(c).await?.into_iter().map(read).collect())
}

/// The service with this row id.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(c: &impl ConnectionTrait, id: ServiceId) -> Result<Option<ServiceRow>, DbError> {
    Ok(Entity::find_by_id(id.0).one(c).await?.map(read))
}

/// Makes the table hold exactly the services of the configuration (name, admin), beside those registered at run time.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn sync(tx: &Tx, wanted: &[(ServiceName, bool)]) -> Result<(), DbError> {
    let known = list(&**tx).await?;
    let names: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    for row in known
        .iter()
        .filter(|row| row.from_config && !names.contains(row.name.as_str()))
    {
        Entity::delete_by_id(row.id.0).exec(&**tx).await?;
    }
    for (name, admin) in wanted {
        if known.iter().any(|row| row.name == *name) {
            Entity::update_many()
                .col_expr(Column::Admin, Expr::value(*admin))
                .col_expr(Column::FromConfig, Expr::value(true))
                .filter(Column::Name.eq(name.as_str()))
                .exec(&**tx)
                .await?;
        } else {
            let row = ActiveModel {
                id: NotSet,
                name: Set(name.as_str().to_owned()),
                admin: Set(*admin),
                from_config: Set(true),
                spec: Set(None),
            };
            Entity::insert(row).exec_without_returning(&**tx).await?;
        }
    }
    Ok(())
}

/// Gives the role `admin` to exactly these services. Returns the names that do not exist.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_admins(tx: &Tx, names: &BTreeSet<String>) -> Result<Vec<String>, DbError> {
    let known = list(&**tx).await?;
    for row in &known {
        Entity::update_many()
            .col_expr(
                Column::Admin,
                Expr::value(names.contains(row.name.as_str())),
            )
            .filter(Column::Id.eq(row.id.0))
            .exec(&**tx)
            .await?;
    }
    let missing = names
        .iter()
        .filter(|name| !known.iter().any(|row| row.name.as_str() == **name));
    Ok(missing.cloned().collect())
}
