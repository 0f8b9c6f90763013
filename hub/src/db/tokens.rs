//! API tokens and OAuth access tokens.

use chrono::{DateTime, Utc};
use hub_types::scope::Scope;
use hub_types::secret::TokenHash;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::NullOrdering;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, Select,
};

use super::row::oauth_codes;
use super::row::tokens::{ActiveModel, Column, Entity, Model};
use super::row::{from_json, json};
use super::{DbError, Tx, from_micros, to_micros};
use crate::domain::server::ServerId;
use crate::domain::token::{ApiToken, ServiceId, TokenId, TokenOwner};
use crate::domain::user::UserId;

fn read(row: &Model) -> Result<ApiToken, DbError> {
    let texts: Vec<String> = from_json("tokens", &row.scopes)?;
    let owner = super::roles::owner_of(row.user_id.map(UserId), row.service_id.map(ServiceId))
        .ok_or_else(|| DbError::inconsistent("tokens", format!("row {} has no owner", row.id)))?;
    Ok(ApiToken {
        id: TokenId(row.id),
        owner,
        server_id: row.server_id.map(ServerId),
        client_id: row.client_id.clone(),
        session_id: row.session_id.clone(),
        // A custom scope that the configuration no longer knows still parses; it just grants nothing.
        scopes: texts
            .iter()
            .filter_map(|text| text.parse::<Scope>().ok())
            .collect(),
        note: row.note.clone(),
        created: from_micros(row.created),
        expires: row.expires.map(from_micros),
        last_activity: row.last_activity.map(from_micros),
    })
}

/// What a new token is made of.
#[derive(Debug, Clone)]
pub struct NewTokenRow {
    /// Hash of the secret; none when the secret stands in the configuration.
    pub hash: Option<TokenHash>,
    /// Who owns it.
    pub owner: TokenOwner,
    /// The running server that it belongs to.
    pub server_id: Option<ServerId>,
    /// The OAuth client that asked for it.
    pub client_id: Option<String>,
    /// Hash of the code that it was exchanged for.
    pub code_hash: Option<TokenHash>,
    /// The browser session that it belongs to.
    pub session_id: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What it is for.
    pub note: String,
    /// When it ends.
    pub expires: Option<DateTime<Utc>>,
}

impl NewTokenRow {
    /// A token of the hub's own making, with nothing else to it.
    #[must_use]
    pub fn new(owner: TokenOwner, scopes: Vec<Scope>, note: impl Into<String>) -> Self {
        Self {
            hash: None,
            owner,
            server_id: None,
            client_id: None,
            code_hash: None,
            session_id: None,
            scopes,
            note: note.into(),
            expires: None,
        }
    }
}

/// Stores a token.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn insert(tx: &Tx, new: &NewTokenRow, now: DateTime<Utc>) -> Result<ApiToken, DbError> {
    let (user_id, service_id) = match new.owner {
        TokenOwner::User(id) => (Some(id.0), None),
        TokenOwner::Service(id) => (None, Some(id.0)),
    };
    let row = ActiveModel {
        id: NotSet,
        hash: Set(new.hash.map(TokenHash::to_hex)),
        user_id: Set(user_id),
        service_id: Set(service_id),
        server_id: Set(new.server_id.map(|id| id.0)),
        client_id: Set(new.client_id.clone()),
        code_hash: Set(new.code_hash.map(TokenHash::to_hex)),
        session_id: Set(new.session_id.clone()),
        scopes: Set(json(
            &new.scopes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )?),
        note: Set(new.note.clone()),
        created: Set(to_micros(now)),
        expires: Set(new.expires.map(to_micros)),
        last_activity: Set(None),
    };
    read(&Entity::insert(row).exec_with_returning(&**tx).await?)
}

/// The token with this secret, valid or not.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, hash: TokenHash) -> Result<Option<ApiToken>, DbError> {
    Entity::find()
        .filter(Column::Hash.eq(hash.to_hex()))
        .one(c)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The token with this row id.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(c: &impl ConnectionTrait, id: TokenId) -> Result<Option<ApiToken>, DbError> {
    Entity::find_by_id(id.0)
        .one(c)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The tokens of an owner that have not expired.
fn valid_of(owner: TokenOwner, now: DateTime<Utc>) -> Select<Entity> {
    let owner = match owner {
        TokenOwner::User(id) => Column::UserId.eq(id.0),
        TokenOwner::Service(id) => Column::ServiceId.eq(id.0),
    };
    let valid = Condition::any()
        .add(Column::Expires.is_null())
        .add(Column::Expires.gt(to_micros(now)));
    Entity::find().filter(owner).filter(valid)
}

/// How many tokens of an owner have not expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count(
    c: &impl ConnectionTrait,
    owner: TokenOwner,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(valid_of(owner, now).count(c).await?)
}

/// All tokens of an owner that have not expired, last used first.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn of_owner(
    c: &impl ConnectionTrait,
    owner: TokenOwner,
    now: DateTime<Utc>,
) -> Result<Vec<ApiToken>, DbError> {
    let rows = valid_of(owner, now)
        .order_by_with_nulls(Column::LastActivity, Order::Desc, NullOrdering::Last)
        .order_by(Column::Id, Order::Desc)
        .all(c)
        .await?;
    rows.iter().map(read).collect()
}

/// All tokens with this note, oldest first.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn with_note(c: &impl ConnectionTrait, note: &str) -> Result<Vec<ApiToken>, DbError> {
    let rows = Entity::find()
        .filter(Column::Note.eq(note))
        .filter(Column::Hash.is_null())
        .order_by(Column::Id, Order::Asc)
        .all(c)
        .await?;
    rows.iter().map(read).collect()
}

/// Revokes a token. One that an OAuth client asked for takes all of that client's tokens of the owner with it
/// (JupyterHub's rule: what the user revokes is the application).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke(tx: &Tx, token: &ApiToken) -> Result<(), DbError> {
    let which = match (&token.client_id, token.owner) {
        (Some(client), TokenOwner::User(user)) => Condition::all()
            .add(Column::ClientId.eq(client))
            .add(Column::UserId.eq(user.0)),
        _ => Condition::all().add(Column::Id.eq(token.id.0)),
    };
    Entity::delete_many().filter(which).exec(&**tx).await?;
    if let (Some(client), TokenOwner::User(user)) = (&token.client_id, token.owner) {
        // A login that is under way must not bring the application back.
        oauth_codes::Entity::delete_many()
            .filter(oauth_codes::Column::ClientId.eq(client))
            .filter(oauth_codes::Column::UserId.eq(user.0))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// Revokes every token of an owner, whoever asked for it.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke_all(tx: &Tx, owner: TokenOwner) -> Result<(), DbError> {
    let owner = match owner {
        TokenOwner::User(id) => Column::UserId.eq(id.0),
        TokenOwner::Service(id) => Column::ServiceId.eq(id.0),
    };
    Entity::delete_many().filter(owner).exec(&**tx).await?;
    Ok(())
}

/// Revokes the token of a server that has stopped.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke_of_server(tx: &Tx, server: ServerId) -> Result<(), DbError> {
    Entity::delete_many()
        .filter(Column::ServerId.eq(server.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Revokes the tokens of a service that the hub itself made (note starts with `note`).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke_of_service(tx: &Tx, service: ServiceId, note: &str) -> Result<(), DbError> {
    Entity::delete_many()
        .filter(Column::ServiceId.eq(service.0))
        .filter(Column::Note.eq(note))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Revokes everything that a code was exchanged for.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke_of_code(tx: &Tx, code: TokenHash) -> Result<u64, DbError> {
    Ok(Entity::delete_many()
        .filter(Column::CodeHash.eq(code.to_hex()))
        .exec(&**tx)
        .await?
        .rows_affected)
}

/// Forgets tokens that have expired; returns how many.
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
