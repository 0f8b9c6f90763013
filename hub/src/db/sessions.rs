//! Browser sessions: one row per login, gone at logout.

use chrono::{DateTime, Utc};
use hub_types::secret::TokenHash;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::dialect::is;
use super::row::sessions::{ActiveModel, Column, Entity, Model};
use super::row::tokens;
use super::{DbError, Tx, from_micros, to_micros};
use crate::domain::user::UserId;

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The value of `jupyterhub-session-id`.
    pub id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// When the login was.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

fn read(row: Model) -> Session {
    Session {
        id: row.id,
        user_id: UserId(row.user_id),
        created: from_micros(row.created),
        expires: from_micros(row.expires),
    }
}

/// The session with this secret, if it has not expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(
    c: &impl ConnectionTrait,
    secret: TokenHash,
    now: DateTime<Utc>,
) -> Result<Option<Session>, DbError> {
    let row = Entity::find()
        .filter(Column::Hash.eq(secret.to_hex()))
        .filter(Column::Expires.gt(to_micros(now)))
        .one(c)
        .await?;
    Ok(row.map(read))
}

/// The session with this id, if it has neither ended nor expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(
    c: &impl ConnectionTrait,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Option<Session>, DbError> {
    let row = Entity::find()
        .filter(is(Column::Id, id))
        .filter(Column::Expires.gt(to_micros(now)))
        .one(c)
        .await?;
    Ok(row.map(read))
}

/// Begins a session.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn insert(tx: &Tx, session: &Session, secret: TokenHash) -> Result<(), DbError> {
    let row = ActiveModel {
        id: Set(session.id.clone()),
        hash: Set(secret.to_hex()),
        user_id: Set(session.user_id.0),
        created: Set(to_micros(session.created)),
        expires: Set(to_micros(session.expires)),
    };
    Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Ends a session and revokes every token that belongs to it.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn end(tx: &Tx, id: &str) -> Result<(), DbError> {
    tokens::Entity::delete_many()
        .filter(tokens::Column::SessionId.eq(id))
        .exec(&**tx)
        .await?;
    Entity::delete_by_id(id.to_owned()).exec(&**tx).await?;
    Ok(())
}

/// Ends all sessions of a user and revokes their tokens.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn end_all(tx: &Tx, user: UserId) -> Result<(), DbError> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user.0))
        .all(&**tx)
        .await?;
    for row in rows {
        end(tx, &row.id).await?;
    }
    Ok(())
}

/// Forgets sessions that have expired; returns how many.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn purge(tx: &Tx, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(Entity::delete_many()
        .filter(Column::Expires.lte(to_micros(now)))
        .exec(&**tx)
        .await?
        .rows_affected)
}
