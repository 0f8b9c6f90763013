//! Share codes. A code is looked up by the hash of what was shown: one comparison through the unique index, whatever was
//! shown and however many codes there are.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hub_types::secret::TokenHash;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::row::share_codes::{ActiveModel, Column, Entity, Model};
use super::shares::{read_scopes, servers_of, write_scopes};
use super::{DbError, Tx, from_micros, to_micros};
use crate::domain::server::ServerId;
use crate::domain::share::{ShareCode, ShareCodeId, Shareable};
use crate::domain::token::{ServiceId, TokenOwner};
use crate::domain::user::UserId;

/// Rows with their servers, in the order of the rows.
async fn complete(c: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<ShareCode>, DbError> {
    let ids: BTreeSet<i64> = rows.iter().map(|row| row.server_id).collect();
    let servers = super::servers::by_ids(c, &ids).await?;
    let codes = rows.into_iter().map(|row| {
        let lost = || DbError::inconsistent("share_codes", format!("row {} leads nowhere", row.id));
        let maker = super::roles::owner_of(row.user_id.map(UserId), row.service_id.map(ServiceId));
        Ok(ShareCode {
            id: ShareCodeId(row.id),
            server: servers.get(&row.server_id).cloned().ok_or_else(lost)?,
            maker: maker.ok_or_else(lost)?,
            scopes: read_scopes("share_codes", &row.scopes)?,
            created: from_micros(row.created),
            expires: from_micros(row.expires),
            exchange_count: row.exchange_count,
            last_exchanged: row.last_exchanged.map(from_micros),
        })
    });
    codes.collect()
}

/// What a new share code is made of.
#[derive(Debug, Clone)]
pub struct NewShareCode {
    /// Hash of the code.
    pub hash: TokenHash,
    /// What is shared.
    pub server: ServerId,
    /// Who makes it.
    pub maker: TokenOwner,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// Stores a share code.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn insert(
    tx: &Tx,
    new: &NewShareCode,
    what: &Shareable,
    now: DateTime<Utc>,
) -> Result<ShareCode, DbError> {
    let (user, service) = match new.maker {
        TokenOwner::User(id) => (Some(id.0), None),
        TokenOwner::Service(id) => (None, Some(id.0)),
    };
    let row = ActiveModel {
        id: NotSet,
        hash: Set(new.hash.to_hex()),
        server_id: Set(new.server.0),
        user_id: Set(user),
        service_id: Set(service),
        scopes: Set(write_scopes(what.scopes())?),
        created: Set(to_micros(now)),
        expires: Set(to_micros(new.expires)),
        exchange_count: Set(0),
        last_exchanged: Set(None),
    };
    let row = Entity::insert(row).exec_with_returning(&**tx).await?;
    let made = complete(&**tx, vec![row]).await?.pop();
    made.ok_or_else(|| DbError::inconsistent("share_codes", "a row vanished while it was written"))
}

fn by_hash(hash: TokenHash, now: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(Column::Hash.eq(hash.to_hex()))
        .filter(lives(now))
}

fn lives(now: DateTime<Utc>) -> Condition {
    Condition::all().add(Column::Expires.gt(to_micros(now)))
}

/// The share code with this hash, if it has not expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(
    c: &impl ConnectionTrait,
    hash: TokenHash,
    now: DateTime<Utc>,
) -> Result<Option<ShareCode>, DbError> {
    let row = by_hash(hash, now).one(c).await?;
    Ok(complete(c, row.into_iter().collect()).await?.pop())
}

/// The share code with this row id, if it has not expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(
    c: &impl ConnectionTrait,
    id: ShareCodeId,
    now: DateTime<Utc>,
) -> Result<Option<ShareCode>, DbError> {
    let row = Entity::find_by_id(id.0).filter(lives(now)).one(c).await?;
    Ok(complete(c, row.into_iter().collect()).await?.pop())
}

/// Which share codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareCodesOf {
    /// Of one server.
    Server(ServerId),
    /// Of all servers of a user.
    Owner(UserId),
}

/// A page of the share codes that have not expired, in the order of their making, and how many there are in all.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn page(
    c: &impl ConnectionTrait,
    which: ShareCodesOf,
    now: DateTime<Utc>,
    offset: u64,
    limit: u64,
) -> Result<(Vec<ShareCode>, u64), DbError> {
    let which = match which {
        ShareCodesOf::Server(id) => Column::ServerId.eq(id.0),
        ShareCodesOf::Owner(id) => Column::ServerId.in_subquery(servers_of(id)),
    };
    let query = Entity::find().filter(which).filter(lives(now));
    let total = query.clone().count(c).await?;
    let rows = query
        .order_by_asc(Column::Id)
        .offset(offset)
        .limit(limit)
        .all(c)
        .await?;
    Ok((complete(c, rows).await?, total))
}

/// How many share codes of a server have not expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count(
    c: &impl ConnectionTrait,
    server: ServerId,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let of_server = Entity::find().filter(Column::ServerId.eq(server.0));
    Ok(of_server.filter(lives(now)).count(c).await?)
}

/// Notes that a share code was accepted.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count_exchange(tx: &Tx, id: ShareCodeId, now: DateTime<Utc>) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(
            Column::ExchangeCount,
            Expr::col(Column::ExchangeCount).add(1),
        )
        .col_expr(Column::LastExchanged, Expr::value(to_micros(now)))
        .filter(Column::Id.eq(id.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Takes a share code back. Shares that it has become stay.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove(tx: &Tx, id: ShareCodeId) -> Result<(), DbError> {
    Entity::delete_by_id(id.0).exec(&**tx).await?;
    Ok(())
}

/// Takes all share codes of a server back; returns how many.
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

/// Forgets share codes that have expired; returns how many.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn purge(tx: &Tx, now: DateTime<Utc>) -> Result<u64, DbError> {
    let done = Entity::delete_many()
        .filter(Column::Expires.lte(to_micros(now)))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}

#[cfg(test)]
mod tests {
    use hub_types::secret::Token;
    use sea_orm::{DbBackend, QueryTrait as _, Statement};

    use super::*;
    use crate::config::DbUrl;
    use crate::db::Db;

    /// Security case 55: a guess costs the same whether one code is there or a million, and however near it comes.
    #[tokio::test]
    async fn a_code_is_looked_up_through_the_unique_index() {
        let db = Db::open(&DbUrl::Memory).await.unwrap();
        let hash = Token::from_config("guess").hash();
        let query = by_hash(hash, DateTime::UNIX_EPOCH).build(DbBackend::Sqlite);
        let explain = Statement {
            sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
            ..query
        };
        let plan = db.read().query_all_raw(explain).await.unwrap();
        let steps: Vec<String> = plan
            .iter()
            .map(|row| row.try_get::<String>("", "detail").unwrap())
            .collect();
        assert_eq!(
            steps,
            ["SEARCH share_codes USING INDEX sqlite_autoindex_share_codes_1 (hash=?)"]
        );
    }
}
