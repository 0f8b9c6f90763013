//! Services: one row each, so that roles and tokens have an owner. What a service is stands in the configuration, or, for
//! those that were registered at run time, in its row.

use std::collections::BTreeSet;

use hub_types::names::ServiceName;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value};

use super::dialect::is;
use super::row::services::{ActiveModel, Column, Entity, Model};
use super::row::{from_json_opt, json};
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

/// The service called `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, name: &str) -> Result<Option<ServiceRow>, DbError> {
    let query = Entity::find().filter(is(Column::Name, name));
    Ok(query.one(c).await?.map(read))
}

/// The services that were registered at run time, each with its spec.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn registered(
    c: &impl ConnectionTrait,
) -> Result<Vec<(ServiceRow, Map<String, Value>)>, DbError> {
    let query = Entity::find().filter(Column::FromConfig.eq(false));
    let rows = query.order_by_asc(Column::Id).all(c).await?;
    rows.into_iter()
        .map(|row| {
            let spec = from_json_opt("services", row.spec.as_deref())?;
            Ok((read(row), spec.unwrap_or_default()))
        })
        .collect()
}

/// Registers a service at run time. [`DbError::is_conflict`] when there is one of that name already.
///
/// # Errors
/// When the name is taken, or the database refuses or is gone.
pub async fn insert(
    tx: &Tx,
    name: &ServiceName,
    admin: bool,
    spec: &Map<String, Value>,
) -> Result<ServiceRow, DbError> {
    let row = ActiveModel {
        id: NotSet,
        name: Set(name.as_str().to_owned()),
        admin: Set(admin),
        from_config: Set(false),
        spec: Set(Some(json(spec)?)),
    };
    Ok(read(Entity::insert(row).exec_with_returning(&**tx).await?))
}

/// Deletes a service with its tokens, its OAuth client and its roles.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete(tx: &Tx, id: ServiceId) -> Result<(), DbError> {
    Entity::delete_by_id(id.0).exec(&**tx).await?;
    Ok(())
}

/// Makes the table hold exactly the services of the configuration (name, admin), beside those registered at run time. One of those
/// whose name the configuration has now gives way, with its tokens and roles: another service must not inherit them. The
/// names of such are returned.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn sync(tx: &Tx, wanted: &[(ServiceName, bool)]) -> Result<Vec<ServiceName>, DbError> {
    let mut known = list(&**tx).await?;
    let names: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    for row in known
        .iter()
        .filter(|row| row.from_config != names.contains(row.name.as_str()))
    {
        Entity::delete_by_id(row.id.0).exec(&**tx).await?;
    }
    let replaced = known
        .extract_if(.., |row| {
            !row.from_config && names.contains(row.name.as_str())
        })
        .map(|row| row.name)
        .collect();
    for (name, admin) in wanted {
        if known.iter().any(|row| row.name == *name) {
            Entity::update_many()
                .col_expr(Column::Admin, Expr::value(*admin))
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
    Ok(replaced)
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
