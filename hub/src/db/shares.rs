//! Shares: who else may do what with a server. Names are never stored with them, only row ids.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use hub_types::names::{ServerName, Username};
use hub_types::scope::ScopeName;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, RelationDef,
};

use super::row::shares::{ActiveModel, Column, Entity, Model};
use super::row::{from_json, group_members, groups, json, servers, users};
use super::{DbError, Tx, from_micros, to_micros};
use crate::domain::server::{ServerId, ServerRef};
use crate::domain::share::{Recipient, Share, ShareId, Shareable, SharedScopes, SharedWith};
use crate::domain::user::UserId;

/// Reads a column of scopes. A name that this hub does not know grants nothing.
pub(super) fn read_scopes(table: &'static str, text: &str) -> Result<SharedScopes, DbError> {
    let names: Vec<String> = from_json(table, text)?;
    let known = names
        .iter()
        .filter_map(|name| name.parse::<ScopeName>().ok());
    Ok(SharedScopes::stored(known))
}

/// Writes a column of scopes.
pub(super) fn write_scopes(scopes: &SharedScopes) -> Result<String, DbError> {
    json(&scopes.names().map(ScopeName::as_str).collect::<Vec<_>>())
}

/// Rows with their servers and the names of whom they are for, in the order of the rows. Four queries at most for a page.
async fn complete(c: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<Share>, DbError> {
    let ids = |column: fn(&Model) -> Option<i64>| -> BTreeSet<i64> {
        rows.iter().filter_map(column).collect()
    };
    let servers = super::servers::by_ids(c, &ids(|row| Some(row.server_id))).await?;
    let users = super::users::names_of(c, ids(|row| row.user_id)).await?;
    let mut groups: BTreeMap<i64, String> = BTreeMap::new();
    for chunk in chunks(ids(|row| row.group_id)) {
        let found = groups::Entity::find().filter(groups::Column::Id.is_in(chunk));
        groups.extend(
            found
                .all(c)
                .await?
                .into_iter()
                .map(|row| (row.id, row.name)),
        );
    }
    let shares = rows.into_iter().map(|row| {
        let lost = || DbError::inconsistent("shares", format!("row {} leads nowhere", row.id));
        let user = row.user_id.and_then(|id| users.get(&id));
        let group = row.group_id.and_then(|id| groups.get(&id));
        let with = match (user, group) {
            (Some(user), None) => SharedWith::User(Username::stored(user.clone())),
            (None, Some(group)) => SharedWith::Group(group.clone()),
            _ => return Err(lost()),
        };
        Ok(Share {
            id: ShareId(row.id),
            server: servers.get(&row.server_id).cloned().ok_or_else(lost)?,
            with,
            scopes: read_scopes("shares", &row.scopes)?,
            created: from_micros(row.created),
        })
    });
    shares.collect()
}

/// In portions: databases bound the number of values in a statement.
fn chunks(ids: BTreeSet<i64>) -> impl Iterator<Item = Vec<i64>> {
    let ids: Vec<i64> = ids.into_iter().collect();
    ids.chunks(500)
        .map(<[i64]>::to_vec)
        .collect::<Vec<_>>()
        .into_iter()
}

fn is_for(recipient: Recipient) -> Condition {
    let column = match recipient {
        Recipient::User(id) => Column::UserId.eq(id.0),
        Recipient::Group(id) => Column::GroupId.eq(id),
    };
    Condition::all().add(column)
}

/// For a user: directly, or through a group.
fn reaches(user: UserId) -> Condition {
    Condition::any()
        .add(Column::UserId.eq(user.0))
        .add(Column::GroupId.in_subquery(groups_of(user)))
}

fn groups_of(user: UserId) -> SelectStatement {
    group_members::Entity::find()
        .select_only()
        .column(group_members::Column::GroupId)
        .filter(group_members::Column::UserId.eq(user.0))
        .into_query()
}

/// Row ids of the servers of a user.
pub(super) fn servers_of(owner: UserId) -> SelectStatement {
    servers::Entity::find()
        .select_only()
        .column(servers::Column::Id)
        .filter(servers::Column::UserId.eq(owner.0))
        .into_query()
}

/// Which shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharesOf {
    /// Of one server.
    Server(ServerId),
    /// Of all servers of a user.
    Owner(UserId),
    /// With a user, directly or through a group.
    User(UserId),
    /// With a group, by its row id.
    Group(i64),
}

/// A page of shares in the order of their making, and how many there are in all.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn page(
    c: &impl ConnectionTrait,
    which: SharesOf,
    offset: u64,
    limit: u64,
) -> Result<(Vec<Share>, u64), DbError> {
    let which = match which {
        SharesOf::Server(id) => Condition::all().add(Column::ServerId.eq(id.0)),
        SharesOf::Owner(id) => Condition::all().add(Column::ServerId.in_subquery(servers_of(id))),
        SharesOf::User(id) => reaches(id),
        SharesOf::Group(id) => is_for(Recipient::Group(id)),
    };
    let query = Entity::find().filter(which);
    let total = query.clone().count(c).await?;
    let rows = query
        .order_by_asc(Column::Id)
        .offset(offset)
        .limit(limit)
        .all(c)
        .await?;
    Ok((complete(c, rows).await?, total))
}

/// The share of a server with exactly this user or group.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(
    c: &impl ConnectionTrait,
    server: ServerId,
    with: Recipient,
) -> Result<Option<Share>, DbError> {
    let rows = Entity::find()
        .filter(Column::ServerId.eq(server.0))
        .filter(is_for(with))
        .all(c)
        .await?;
    Ok(complete(c, rows).await?.pop())
}

/// What others share with a user, directly or through groups: one query, made for every look-up of a credential.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn held_by(
    c: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(ServerRef, SharedScopes)>, DbError> {
    let to_server: RelationDef = Entity::belongs_to(servers::Entity)
        .from(Column::ServerId)
        .to(servers::Column::Id)
        .into();
    let to_owner: RelationDef = servers::Entity::belongs_to(users::Entity)
        .from(servers::Column::UserId)
        .to(users::Column::Id)
        .into();
    let rows: Vec<(String, String, String)> = Entity::find()
        .select_only()
        .column_as(users::Column::Name, "owner")
        .column_as(servers::Column::Name, "server")
        .column(Column::Scopes)
        .join(JoinType::InnerJoin, to_server)
        .join(JoinType::InnerJoin, to_owner)
        .filter(reaches(user))
        .into_tuple()
        .all(c)
        .await?;
    let held = rows.into_iter().map(|(owner, server, scopes)| {
        let at = ServerRef::new(Username::stored(owner), ServerName::stored(server));
        Ok((at, read_scopes("shares", &scopes)?))
    });
    held.collect()
}

/// Shares a server with somebody; what was shared with them before stays.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn grant(
    tx: &Tx,
    server: ServerId,
    with: Recipient,
    what: &Shareable,
    now: DateTime<Utc>,
) -> Result<Share, DbError> {
    let lost = || DbError::inconsistent("shares", "a row vanished while it was written");
    if let Some(known) = find(&**tx, server, with).await? {
        let scopes = known.scopes.with(what.scopes());
        put_scopes(tx, known.id, &scopes).await?;
        return Ok(Share { scopes, ..known });
    }
    let (user, group) = match with {
        Recipient::User(id) => (Some(id.0), None),
        Recipient::Group(id) => (None, Some(id)),
    };
    let row = ActiveModel {
        id: NotSet,
        server_id: Set(server.0),
        user_id: Set(user),
        group_id: Set(group),
        scopes: Set(write_scopes(what.scopes())?),
        created: Set(to_micros(now)),
    };
    let row = Entity::insert(row).exec_with_returning(&**tx).await?;
    complete(&**tx, vec![row]).await?.pop().ok_or_else(lost)
}

/// Leaves a share no more than these scopes.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn put_scopes(tx: &Tx, id: ShareId, scopes: &SharedScopes) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Scopes, Expr::value(write_scopes(scopes)?))
        .filter(Column::Id.eq(id.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Takes a share back.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove(tx: &Tx, id: ShareId) -> Result<(), DbError> {
    Entity::delete_by_id(id.0).exec(&**tx).await?;
    Ok(())
}

/// Takes all shares of a server back; returns how many.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove_all(tx: &Tx, server: ServerId) -> Result<u64, DbError> {
    let done = Entity::delete_many()
        .filter(Column::ServerId.eq(server.0))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
