//! Groups and their members.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait as _,
};
use serde_json::{Map, Value};

use super::dialect::{is, one_of};
use super::row::{from_json, group_members, groups, json};
use super::{DbError, Tx};
use crate::domain::user::{Groups, UserId};

/// Everybody's groups, as a snapshot.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn snapshot(c: &impl ConnectionTrait) -> Result<Groups, DbError> {
    let names: BTreeMap<i64, String> = groups::Entity::find()
        .all(c)
        .await?
        .into_iter()
        .map(|row| (row.id, row.name))
        .collect();
    let mut members: BTreeMap<String, BTreeSet<String>> = names
        .values()
        .map(|name| (name.clone(), BTreeSet::new()))
        .collect();
    let rows = group_members::Entity::find().all(c).await?;
    let ids: BTreeSet<i64> = rows.iter().map(|row| row.user_id).collect();
    let users = super::users::names_of(c, ids).await?;
    for row in rows {
        if let (Some(group), Some(user)) = (names.get(&row.group_id), users.get(&row.user_id)) {
            members
                .entry(group.clone())
                .or_default()
                .insert(user.clone());
        }
    }
    Ok(Groups::new(members))
}

/// Row id of the group `name`, which is made when there is none; its properties become the given ones.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn ensure(tx: &Tx, name: &str, properties: &Map<String, Value>) -> Result<i64, DbError> {
    let id = ensure_exists(tx, name).await?;
    groups::Entity::update_many()
        .col_expr(groups::Column::Properties, Expr::value(json(properties)?))
        .filter(groups::Column::Id.eq(id))
        .exec(&**tx)
        .await?;
    Ok(id)
}

/// Row id of the group `name`, which is made, without properties, when there is none.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn ensure_exists(tx: &Tx, name: &str) -> Result<i64, DbError> {
    if let Some(row) = groups::Entity::find()
        .filter(is(groups::Column::Name, name))
        .one(&**tx)
        .await?
    {
        return Ok(row.id);
    }
    let row = groups::ActiveModel {
        id: NotSet,
        name: Set(name.to_owned()),
        properties: Set("{}".to_owned()),
    };
    Ok(groups::Entity::insert(row)
        .exec_with_returning(&**tx)
        .await?
        .id)
}

/// Row ids of the members of these groups, for use inside another query: groups may have more members than a statement
/// may have values.
pub(super) fn members_of(backend: DbBackend, names: &[String]) -> Result<SelectStatement, DbError> {
    let ids = groups::Entity::find()
        .select_only()
        .column(groups::Column::Id)
        .filter(one_of(backend, groups::Column::Name, names)?)
        .into_query();
    Ok(group_members::Entity::find()
        .select_only()
        .column(group_members::Column::UserId)
        .filter(group_members::Column::GroupId.in_subquery(ids))
        .into_query())
}

/// Row id of the group `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn id_of(c: &impl ConnectionTrait, name: &str) -> Result<Option<i64>, DbError> {
    let query = groups::Entity::find().filter(is(groups::Column::Name, name));
    Ok(query.one(c).await?.map(|row| row.id))
}

/// The properties of a group; `None` when there is no such group.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn properties(
    c: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<Map<String, Value>>, DbError> {
    let row = groups::Entity::find()
        .filter(is(groups::Column::Name, name))
        .one(c)
        .await?;
    row.map(|row| from_json("user_groups", &row.properties))
        .transpose()
}

/// Adds a user to a group.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn add_member(tx: &Tx, group: i64, user: UserId) -> Result<(), DbError> {
    let row = group_members::ActiveModel {
        group_id: Set(group),
        user_id: Set(user.0),
    };
    let both = [
        group_members::Column::GroupId,
        group_members::Column::UserId,
    ];
    group_members::Entity::insert(row)
        .on_conflict(
            OnConflict::columns(both)
                .update_column(group_members::Column::UserId)
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Takes a user out of a group.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove_member(tx: &Tx, group: i64, user: UserId) -> Result<(), DbError> {
    group_members::Entity::delete_by_id((group, user.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Makes `names` the groups of a user: they are made when there are none of these names, and all others are left. Says
/// whether anything has changed.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_of_user(tx: &Tx, user: UserId, names: &BTreeSet<String>) -> Result<bool, DbError> {
    let mut wanted = BTreeSet::new();
    for name in names {
        wanted.insert(ensure_exists(tx, name).await?);
    }
    let rows = group_members::Entity::find()
        .filter(group_members::Column::UserId.eq(user.0))
        .all(&**tx)
        .await?;
    let present: BTreeSet<i64> = rows.iter().map(|row| row.group_id).collect();
    for group in wanted.difference(&present) {
        add_member(tx, *group, user).await?;
    }
    for group in present.difference(&wanted) {
        remove_member(tx, *group, user).await?;
    }
    Ok(wanted != present)
}

/// Names of the groups that a user is in, sorted.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn names_of_user(c: &impl ConnectionTrait, user: UserId) -> Result<Vec<String>, DbError> {
    let ids: Vec<i64> = group_members::Entity::find()
        .filter(group_members::Column::UserId.eq(user.0))
        .all(c)
        .await?
        .into_iter()
        .map(|row| row.group_id)
        .collect();
    let mut names = Vec::new();
    // In portions: databases bound the number of values in a statement.
    for chunk in ids.chunks(500) {
        let query = groups::Entity::find().filter(groups::Column::Id.is_in(chunk.iter().copied()));
        names.extend(query.all(c).await?.into_iter().map(|row| row.name));
    }
    names.sort();
    Ok(names)
}

/// Replaces the properties of a group; false when there is none of that name.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_properties(
    tx: &Tx,
    name: &str,
    properties: &Map<String, Value>,
) -> Result<bool, DbError> {
    let done = groups::Entity::update_many()
        .col_expr(groups::Column::Properties, Expr::value(json(properties)?))
        .filter(is(groups::Column::Name, name))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Deletes a group with its memberships and grants; false when there is none of that name.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete(tx: &Tx, name: &str) -> Result<bool, DbError> {
    let done = groups::Entity::delete_many()
        .filter(is(groups::Column::Name, name))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// A group, without its members.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRow {
    /// Row id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// Free-form properties.
    pub properties: Map<String, Value>,
}

fn read(row: groups::Model) -> Result<GroupRow, DbError> {
    Ok(GroupRow {
        id: row.id,
        properties: from_json("user_groups", &row.properties)?,
        name: row.name,
    })
}

/// The group called `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, name: &str) -> Result<Option<GroupRow>, DbError> {
    groups::Entity::find()
        .filter(is(groups::Column::Name, name))
        .one(c)
        .await?
        .map(read)
        .transpose()
}

/// A page of groups in the order of their making, and how many there are in all. `only` restricts both to these names.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn page(
    c: &impl ConnectionTrait,
    only: Option<&[String]>,
    offset: u64,
    limit: u64,
) -> Result<(Vec<GroupRow>, u64), DbError> {
    let mut query = groups::Entity::find();
    if let Some(names) = only {
        query = query.filter(one_of(
            c.get_database_backend(),
            groups::Column::Name,
            names,
        )?);
    }
    let total = query.clone().count(c).await?;
    let rows = query
        .order_by_asc(groups::Column::Id)
        .offset(offset)
        .limit(limit)
        .all(c)
        .await?;
    Ok((rows.into_iter().map(read).collect::<Result<_, _>>()?, total))
}
