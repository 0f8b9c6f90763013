//! Users.

use chrono::{DateTime, Utc};
use hub_types::names::Username;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, NullOrdering};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use serde_json::Value;

use super::row::users::{ActiveModel, Column, Entity, Model};
use super::row::{from_json_opt, json, servers};
use super::{Db, DbError, Tx, dialect, from_micros, register, to_micros};
use crate::domain::lifecycle::ServerState;
use crate::domain::user::{User, UserId};

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

/// All administrators.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn admins(c: &impl ConnectionTrait) -> Result<Vec<User>, DbError> {
    let rows = Entity::find().filter(Column::Admin.eq(true)).all(c).await?;
    rows.iter().map(read).collect()
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
        auth_state: Set(None),
    };
    tx.changes_users();
    read(&Entity::insert(row).exec_with_returning(&**tx).await?)
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
    let query = Entity::find_by_id(id.0).select_only();
    let row: Option<Option<Vec<u8>>> = query.column(Column::AuthState).into_tuple().one(c).await?;
    Ok(row.flatten())
}

/// Keeps that, or nothing.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_auth_state(tx: &Tx, id: UserId, sealed: Option<Vec<u8>>) -> Result<(), DbError> {
    let mut change = Entity::update_many()
        .filter(Column::Id.eq(id.0))
        .col_expr(Column::AuthState, Expr::value(sealed.clone()));
    if sealed.is_none() {
        // Most rows hold nothing anyway.
        change = change.filter(Column::AuthState.is_not_null());
    }
    change.exec(&**tx).await?;
    Ok(())
}

/// Replaces `old` by `new`, unless something else is kept by now.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn replace_auth_state(
    tx: &Tx,
    id: UserId,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<(), DbError> {
    Entity::update_many()
        .filter(Column::Id.eq(id.0))
        .filter(Column::AuthState.eq(old))
        .col_expr(Column::AuthState, Expr::value(new))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Which users by what their servers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// At least one server that is not stopped.
    Active,
    /// At least one server that is ready.
    Ready,
    /// No server that is not stopped.
    Inactive,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserOrder {
    /// In the order of their registration.
    #[default]
    Id,
    /// By name.
    Name,
    /// By last activity; those never seen first.
    LastActivity,
}

/// Users by name, and members of groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsersOnly {
    /// Names of users.
    pub users: Vec<String>,
    /// Names of groups.
    pub groups: Vec<String>,
}

/// Which users.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// By what their servers do.
    pub state: Option<UserState>,
    /// By a part of the name, in any case.
    pub name_contains: Option<String>,
    /// Only these (what the caller's scopes reach).
    pub only: Option<UsersOnly>,
    /// In which order.
    pub order: UserOrder,
    /// The other way round.
    pub descending: bool,
}

/// A page of users.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// The users of the page.
    pub users: Vec<User>,
    /// How many there are in all.
    pub total: u64,
}

fn with_servers(states: &[ServerState]) -> sea_orm::sea_query::SelectStatement {
    servers::Entity::find()
        .select_only()
        .column(servers::Column::UserId)
        .filter(servers::Column::State.is_in(states.iter().map(|state| state.as_str())))
        .into_query()
}

/// Not the backslash, which means something to MySQL before `LIKE` sees it.
const ESCAPE: char = '!';

/// Escapes what `LIKE` would take for a wildcard.
fn like(part: &str) -> LikeExpr {
    let escaped: String = part
        .chars()
        .flat_map(|c| {
            matches!(c, '%' | '_' | ESCAPE)
                .then_some(ESCAPE)
                .into_iter()
                .chain([c])
        })
        .collect();
    LikeExpr::new(format!("%{escaped}%")).escape(ESCAPE)
}

/// A page of users, `limit` rows from `offset` on.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn page(
    db: &Db,
    filter: &UserFilter,
    offset: u64,
    limit: u64,
) -> Result<UserPage, DbError> {
    let everybody =
        filter.state.is_none() && filter.name_contains.is_none() && filter.only.is_none();
    if everybody && filter.order == UserOrder::Id {
        page_of_all(db, filter.descending, offset, limit).await
    } else {
        page_of_some(db.read(), filter, offset, limit).await
    }
}

/// A page of all users as they registered: what cullers and dashboards ask for, without a walk over what comes before it.
async fn page_of_all(
    db: &Db,
    descending: bool,
    offset: u64,
    limit: u64,
) -> Result<UserPage, DbError> {
    let ids = db.register().ids(db.read()).await?;
    let part = register::part(ids.len(), offset, limit, descending);
    let total = ids.len() as u64;
    let page = ids.get(part).unwrap_or_default();
    let (Some(first), Some(last)) = (page.first(), page.last()) else {
        let users = Vec::new();
        return Ok(UserPage { users, total });
    };
    let order = if descending { Order::Desc } else { Order::Asc };
    let rows = Entity::find()
        .filter(Column::Id.between(*first, *last))
        .order_by(Column::Id, order)
        .all(db.read())
        .await?;
    let users = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(UserPage { users, total })
}

async fn page_of_some(
    c: &impl ConnectionTrait,
    filter: &UserFilter,
    offset: u64,
    limit: u64,
) -> Result<UserPage, DbError> {
    let query = chosen(c.get_database_backend(), filter)?;
    let total = query.clone().count(c).await?;
    let order = if filter.descending {
        Order::Desc
    } else {
        Order::Asc
    };
    let column = match filter.order {
        UserOrder::Id => Column::Id,
        UserOrder::Name => Column::Name,
        UserOrder::LastActivity => Column::LastActivity,
    };
    // Who was never seen counts as the oldest, which PostgreSQL sees the other way round.
    let nulls = if filter.descending {
        NullOrdering::Last
    } else {
        NullOrdering::First
    };
    let query = match filter.order {
        UserOrder::LastActivity => query.order_by_with_nulls(column, order.clone(), nulls),
        UserOrder::Id | UserOrder::Name => query.order_by(column, order.clone()),
    };
    let rows = query
        .order_by(Column::Id, order)
        .offset(offset)
        .limit(limit)
        .all(c)
        .await?;
    Ok(UserPage {
        users: rows.iter().map(read).collect::<Result<_, _>>()?,
        total,
    })
}

/// The users that a filter lets through, in no order yet.
fn chosen(backend: DbBackend, filter: &UserFilter) -> Result<Select<Entity>, DbError> {
    let mut query = Entity::find();
    query = match filter.state {
        None => query,
        Some(UserState::Ready) => {
            query.filter(Column::Id.in_subquery(with_servers(&[ServerState::Ready])))
        }
        Some(UserState::Active) => {
            query.filter(Column::Id.in_subquery(with_servers(ServerState::ACTIVE)))
        }
        Some(UserState::Inactive) => {
            query.filter(Column::Id.not_in_subquery(with_servers(ServerState::ACTIVE)))
        }
    };
    if let Some(part) = &filter.name_contains {
        let lowered = sea_orm::sea_query::Func::lower(Expr::col(Column::Name));
        let has = Expr::expr(lowered).like(like(&part.to_lowercase()));
        query = query.filter(if part.contains('\0') {
            dialect::nothing()
        } else {
            has
        });
    }
    if let Some(only) = &filter.only {
        let these = Condition::any()
            .add(dialect::one_of(backend, Column::Name, &only.users)?)
            .add(Column::Id.in_subquery(super::groups::members_of(backend, &only.groups)?));
        query = query.filter(these);
    }
    Ok(query)
}
