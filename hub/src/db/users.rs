//! Users: single ones, and (`list`) those of a page.

mod list;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hub_types::names::Username;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::Value;

pub use self::list::{Seen, UserFilter, UserOrder, UserPage, UserState, UsersOnly, page};
use super::row::users::{ActiveModel, Column, Entity, Model};
use super::row::{auth_states, from_json_opt, json};
use super::{DbError, Tx, dialect, from_micros, to_micros};
use crate::domain::user::{User, UserId};

/// The names of these users, by row id.
///
/// # Errors
/// When the database refuses or is gone.
pub(super) async fn names_of(
    c: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, String>, DbError> {
    let (ids, mut names) = (ids.into_iter().collect::<Vec<_>>(), HashMap::new());
    // In portions: databases bound the number of values in a statement.
    for chunk in ids.chunks(500) {
        let query = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .select_only()
            .columns([Column::Id, Column::Name]);
        names.extend(query.into_tuple::<(i64, String)>().all(c).await?);
    }
    Ok(names)
}

/// The row id of the user called `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub(super) async fn id_of(c: &impl ConnectionTrait, name: &str) -> Result<Option<i64>, DbError> {
    let query = Entity::find().filter(dialect::is(Column::Name, name));
    let query = query.select_only().column(Column::Id);
    Ok(query.into_tuple().one(c).await?)
}

fn read(row: &Model) -> Result<User, DbError> {
    Ok(User {
        id: UserId(row.id),
        name: Username::stored(row.name.clone()),
        admin: row.admin,
        created: from_micros(row.created),
        last_activity: row.last_activity.map(from_micros),
        user_info: from_json_opt("users", row.user_info.as_deref())?,
    })
}

/// The user called `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, name: &str) -> Result<Option<User>, DbError> {
    Entity::find()
        .filter(dialect::is(Column::Name, name))
        .one(c)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The user with this row id.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(c: &impl ConnectionTrait, id: UserId) -> Result<Option<User>, DbError> {
    Entity::find_by_id(id.0)
        .one(c)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The users with these row ids, in the order of these; those who are gone are left out.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn by_ids(c: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<User>, DbError> {
    let mut rows = HashMap::with_capacity(ids.len());
    // In portions: databases bound the number of values in a statement.
    for chunk in ids.chunks(500) {
        let these = Entity::find().filter(Column::Id.is_in(chunk.iter().map(|id| id.0)));
        rows.extend(these.all(c).await?.into_iter().map(|row| (row.id, row)));
    }
    ids.iter()
        .filter_map(|id| rows.get(&id.0))
        .map(read)
        .collect()
}

/// All administrators.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn admins(c: &impl ConnectionTrait) -> Result<Vec<User>, DbError> {
    let found = Entity::find().filter(Column::Admin.eq(true));
    found.all(c).await?.iter().map(read).collect()
}

/// Whether there is an administrator besides this user.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn has_admin_beside(c: &impl ConnectionTrait, id: UserId) -> Result<bool, DbError> {
    let query = Entity::find()
        .filter(Column::Admin.eq(true))
        .filter(Column::Id.ne(id.0))
        .select_only()
        .column(Column::Id);
    Ok(query.into_tuple::<i64>().one(c).await?.is_some())
}

/// The names of all users, in the order of their registration.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn names(c: &impl ConnectionTrait) -> Result<Vec<String>, DbError> {
    let query = Entity::find().select_only().column(Column::Name);
    Ok(query
        .order_by(Column::Id, Order::Asc)
        .into_tuple()
        .all(c)
        .await?)
}

/// How many users there are.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count(c: &impl ConnectionTrait) -> Result<u64, DbError> {
    Ok(Entity::find().count(c).await?)
}

/// How many users were seen at or after `since`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count_active(c: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<u64, DbError> {
    let query = Entity::find().filter(Column::LastActivity.gte(to_micros(since)));
    Ok(query.count(c).await?)
}

/// Registers a user. [`DbError::is_conflict`] when there is one of that name already.
///
/// # Errors
/// When the name is taken, or the database refuses or is gone.
pub async fn insert(
    tx: &Tx,
    name: &Username,
    admin: bool,
    now: DateTime<Utc>,
) -> Result<User, DbError> {
    let row = ActiveModel {
        id: NotSet,
        name: Set(name.as_str().to_owned()),
        admin: Set(admin),
        created: Set(to_micros(now)),
        last_activity: Set(None),
        user_info: Set(None),
    };
    tx.changes_users();
    let inserted = Entity::insert(row).exec(&**tx).await?;
    Ok(User {
        id: UserId(inserted.last_insert_id),
        name: name.clone(),
        admin,
        created: from_micros(to_micros(now)),
        last_activity: None,
        user_info: None,
    })
}

/// Deletes a user with everything that belongs to them.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete(tx: &Tx, id: UserId) -> Result<(), DbError> {
    tx.changes_users();
    Entity::delete_by_id(id.0).exec(&**tx).await?;
    Ok(())
}

/// Makes a user an administrator, or no longer.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_admin(tx: &Tx, id: UserId, admin: bool) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Admin, Expr::value(admin))
        .filter(Column::Id.eq(id.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Renames a user. [`DbError::is_conflict`] when the name is taken.
///
/// # Errors
/// When the name is taken, or the database refuses or is gone.
pub async fn rename(tx: &Tx, id: UserId, name: &Username) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Name, Expr::value(name.as_str()))
        .filter(Column::Id.eq(id.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Stores what the login provider says of the person.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_info(tx: &Tx, id: UserId, info: Option<&Value>) -> Result<(), DbError> {
    let info = info.map(json).transpose()?;
    Entity::update_many()
        .col_expr(Column::UserInfo, Expr::value(info))
        .filter(Column::Id.eq(id.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// What is kept of a user's logins, encrypted.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn auth_state(c: &impl ConnectionTrait, id: UserId) -> Result<Option<Vec<u8>>, DbError> {
    let query = auth_states::Entity::find_by_id(id.0).select_only();
    let row: Option<Option<Vec<u8>>> = query
        .column(auth_states::Column::AuthState)
        .into_tuple()
        .one(c)
        .await?;
    Ok(row.flatten())
}

/// Keeps that, or nothing.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_auth_state(tx: &Tx, id: UserId, sealed: Option<Vec<u8>>) -> Result<(), DbError> {
    let mut change = auth_states::Entity::update_many()
        .filter(auth_states::Column::Id.eq(id.0))
        .col_expr(auth_states::Column::AuthState, Expr::value(sealed.clone()));
    if sealed.is_none() {
        // Most rows hold nothing anyway.
        change = change.filter(auth_states::Column::AuthState.is_not_null());
    }
    change.exec(&**tx).await?;
    Ok(())
}

/// Replaces `old` by `new`, unless something else is kept by now: whether it was replaced.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn replace_auth_state(
    tx: &Tx,
    id: UserId,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
) -> Result<bool, DbError> {
    let is_old = match old {
        Some(old) => auth_states::Column::AuthState.eq(old),
        None => auth_states::Column::AuthState.is_null(),
    };
    let replaced = auth_states::Entity::update_many()
        .filter(auth_states::Column::Id.eq(id.0))
        .filter(is_old)
        .col_expr(auth_states::Column::AuthState, Expr::value(new))
        .exec(&**tx)
        .await?;
    Ok(replaced.rows_affected == 1)
}
