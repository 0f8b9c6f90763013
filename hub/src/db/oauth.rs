//! OAuth clients and codes.

use chrono::{DateTime, Utc};
use hub_types::scope::Scope;
use hub_types::secret::TokenHash;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::dialect::is;
use super::row::{from_json, json, oauth_clients, oauth_codes, tokens};
use super::{DbError, Tx, from_micros, to_micros};
use crate::domain::server::ServerId;
use crate::domain::token::ServiceId;
use crate::domain::user::UserId;

/// Something that logs users in through the hub: a server or a service.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthClient {
    /// `jupyterhub-user-NAME`, `service-NAME`.
    pub id: String,
    /// Hash of its secret (the API token of the server or service); none while a service's token is in the config.
    pub secret_hash: Option<TokenHash>,
    /// Where codes are sent; exact match.
    pub redirect_uri: String,
    /// For the consent page.
    pub description: String,
    /// What it may ask for beyond identity and access.
    pub allowed_scopes: Vec<Scope>,
    /// The server that it is.
    pub server_id: Option<ServerId>,
    /// The service that it is.
    pub service_id: Option<ServiceId>,
}

fn scopes(table: &'static str, text: &str) -> Result<Vec<Scope>, DbError> {
    let texts: Vec<String> = from_json(table, text)?;
    Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
}

fn texts(scopes: &[Scope]) -> Result<String, DbError> {
    json(&scopes.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// The client with this id.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find_client(
    c: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<OAuthClient>, DbError> {
    let Some(row) = oauth_clients::Entity::find()
        .filter(is(oauth_clients::Column::Id, id))
        .one(c)
        .await?
    else {
        return Ok(None);
    };
    Ok(Some(OAuthClient {
        secret_hash: row.secret_hash.as_deref().and_then(TokenHash::from_hex),
        allowed_scopes: scopes("oauth_clients", &row.allowed_scopes)?,
        id: row.id,
        redirect_uri: row.redirect_uri,
        description: row.description,
        server_id: row.server_id.map(ServerId),
        service_id: row.service_id.map(ServiceId),
    }))
}

/// The id of the client that a running server is.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn client_of_server(
    c: &impl ConnectionTrait,
    server: ServerId,
) -> Result<Option<String>, DbError> {
    let query = oauth_clients::Entity::find();
    let row = query
        .filter(oauth_clients::Column::ServerId.eq(server.0))
        .one(c)
        .await?;
    Ok(row.map(|row| row.id))
}

/// Registers a client, or changes it in place (its tokens stay).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn put_client(tx: &Tx, client: &OAuthClient) -> Result<(), DbError> {
    use oauth_clients::Column;
    let row = oauth_clients::ActiveModel {
        id: Set(client.id.clone()),
        secret_hash: Set(client.secret_hash.map(TokenHash::to_hex)),
        redirect_uri: Set(client.redirect_uri.clone()),
        description: Set(client.description.clone()),
        allowed_scopes: Set(texts(&client.allowed_scopes)?),
        server_id: Set(client.server_id.map(|id| id.0)),
        service_id: Set(client.service_id.map(|id| id.0)),
    };
    oauth_clients::Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_columns([
                    Column::SecretHash,
                    Column::RedirectUri,
                    Column::Description,
                    Column::AllowedScopes,
                    Column::ServerId,
                    Column::ServiceId,
                ])
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Deletes a client with every code and token issued for it: browsers log in anew.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete_client(tx: &Tx, id: &str) -> Result<(), DbError> {
    oauth_clients::Entity::delete_by_id(id.to_owned())
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Deletes the client of a server that has stopped.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete_client_of_server(tx: &Tx, server: ServerId) -> Result<(), DbError> {
    oauth_clients::Entity::delete_many()
        .filter(oauth_clients::Column::ServerId.eq(server.0))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Deletes the clients of a service, except the one with the id `keep`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete_other_clients_of_service(
    tx: &Tx,
    service: ServiceId,
    keep: Option<&str>,
) -> Result<(), DbError> {
    let mut delete =
        oauth_clients::Entity::delete_many().filter(oauth_clients::Column::ServiceId.eq(service.0));
    if let Some(keep) = keep {
        delete = delete.filter(oauth_clients::Column::Id.ne(keep));
    }
    delete.exec(&**tx).await?;
    Ok(())
}

/// What a new code is made of.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// Hash of the code.
    pub hash: TokenHash,
    /// For which client.
    pub client_id: String,
    /// For which user.
    pub user_id: UserId,
    /// Where it is sent.
    pub redirect_uri: String,
    /// What the token will be good for.
    pub scopes: Vec<Scope>,
    /// The browser session.
    pub session_id: Option<String>,
    /// PKCE challenge and method (`S256`, `plain`).
    pub challenge: Option<(String, String)>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// Stores a code.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn insert_code(tx: &Tx, code: &NewCode, now: DateTime<Utc>) -> Result<(), DbError> {
    let (challenge, method) = code.challenge.clone().unzip();
    let row = oauth_codes::ActiveModel {
        hash: Set(code.hash.to_hex()),
        client_id: Set(code.client_id.clone()),
        user_id: Set(code.user_id.0),
        redirect_uri: Set(code.redirect_uri.clone()),
        scopes: Set(texts(&code.scopes)?),
        session_id: Set(code.session_id.clone()),
        challenge: Set(challenge),
        challenge_method: Set(method),
        created: Set(to_micros(now)),
        expires: Set(to_micros(code.expires)),
        consumed: Set(None),
    };
    oauth_codes::Entity::insert(row)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// A code as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RedeemedCode {
    /// For which client.
    pub client_id: String,
    /// For which user.
    pub user_id: UserId,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What the token will be good for.
    pub scopes: Vec<Scope>,
    /// The browser session.
    pub session_id: Option<String>,
    /// PKCE challenge and method.
    pub challenge: Option<(String, String)>,
    /// When it was made: a clock set back does not revive it.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// What a look at a code says.
#[derive(Debug, Clone, PartialEq)]
pub enum CodeOutcome {
    /// There is none.
    Unknown,
    /// It is there and unused.
    Fresh(RedeemedCode),
    /// It was used before: revoke what it gave.
    Replayed,
}

/// Looks at a code without using it.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn look_at_code(
    c: &impl ConnectionTrait,
    hash: TokenHash,
) -> Result<CodeOutcome, DbError> {
    let Some(row) = oauth_codes::Entity::find_by_id(hash.to_hex())
        .one(c)
        .await?
    else {
        return Ok(CodeOutcome::Unknown);
    };
    if row.consumed.is_some() {
        return Ok(CodeOutcome::Replayed);
    }
    Ok(CodeOutcome::Fresh(RedeemedCode {
        scopes: scopes("oauth_codes", &row.scopes)?,
        client_id: row.client_id,
        user_id: UserId(row.user_id),
        redirect_uri: row.redirect_uri,
        session_id: row.session_id,
        challenge: row.challenge.zip(row.challenge_method),
        created: from_micros(row.created),
        expires: from_micros(row.expires),
    }))
}

/// Uses a code: true for the one caller that wins.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn consume_code(tx: &Tx, hash: TokenHash, now: DateTime<Utc>) -> Result<bool, DbError> {
    let done = oauth_codes::Entity::update_many()
        .col_expr(oauth_codes::Column::Consumed, Expr::value(to_micros(now)))
        .filter(oauth_codes::Column::Hash.eq(hash.to_hex()))
        .filter(oauth_codes::Column::Consumed.is_null())
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Forgets codes that ended before `before`; returns how many. A used one is kept as long as anything that it gave is
/// good, so that a replay still takes it back, however late.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn purge_codes(tx: &Tx, before: DateTime<Utc>) -> Result<u64, DbError> {
    let given = tokens::Entity::find()
        .select_only()
        .column(tokens::Column::CodeHash)
        .filter(tokens::Column::CodeHash.is_not_null())
        .into_query();
    let done = oauth_codes::Entity::delete_many()
        .filter(oauth_codes::Column::Expires.lt(to_micros(before)))
        .filter(oauth_codes::Column::Hash.not_in_subquery(given))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
