//! Servers: every step of their life is one conditional write.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hub_types::names::{ServerName, Username};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};
use serde_json::{Map, Value};

use super::dialect::is;
use super::row::servers::{ActiveModel, Column, Entity, Model};
use super::row::{from_json, from_json_opt, json};
use super::{DbError, Tx, from_micros, to_micros, users};
use crate::domain::lifecycle::{Lease, ServerState};
use crate::domain::server::{Failure, Notice, Server, ServerId, ServerRef};
use crate::domain::user::UserId;

fn read((row, owner): (Model, Option<String>)) -> Result<Server, DbError> {
    let owner = owner
        .ok_or_else(|| DbError::inconsistent("servers", format!("row {} has no user", row.id)))?;
    let state = ServerState::parse(&row.state).ok_or_else(|| {
        DbError::inconsistent(
            "servers",
            format!("row {} has state {:?}", row.id, row.state),
        )
    })?;
    Ok(Server {
        id: ServerId(row.id),
        user_id: UserId(row.user_id),
        at: ServerRef::new(Username::stored(owner), ServerName::stored(row.name)),
        display_name: row.display_name,
        state,
        epoch: row.epoch,
        lease: row
            .lease_owner
            .zip(row.lease_expires)
            .map(|(owner, expires)| Lease {
                owner,
                expires: from_micros(expires),
            }),
        target: row.target,
        started: row.started.map(from_micros),
        last_activity: row.last_activity.map(from_micros),
        user_options: from_json("servers", &row.user_options)?,
        spawner_state: from_json_opt("servers", row.spawner_state.as_deref())?,
        notice: from_json_opt::<Notice>("servers", row.stop_notice.as_deref())?,
        last_failure: from_json_opt::<Failure>("servers", row.last_failure.as_deref())?,
    })
}

/// Rows with their owners. (Two queries at most: users are few beside their servers' fields.)
async fn with_owners(c: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<Server>, DbError> {
    let ids: std::collections::BTreeSet<i64> = rows.iter().map(|row| row.user_id).collect();
    let owners = users::names_of(c, ids).await?;
    rows.into_iter()
        .map(|row| {
            let owner = owners.get(&row.user_id).cloned();
            read((row, owner))
        })
        .collect()
}

/// The server `at`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, at: &ServerRef) -> Result<Option<Server>, DbError> {
    let Some(owner) = users::id_of(c, at.user.as_str()).await? else {
        return Ok(None);
    };
    let row = Entity::find()
        .filter(Column::UserId.eq(owner))
        .filter(is(Column::Name, at.name.as_str()))
        .one(c)
        .await?;
    let owner = Some(at.user.as_str().to_owned());
    row.map(|row| read((row, owner))).transpose()
}

/// The server with this row id.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(c: &impl ConnectionTrait, id: ServerId) -> Result<Option<Server>, DbError> {
    let rows = Entity::find_by_id(id.0).one(c).await?.into_iter().collect();
    Ok(with_owners(c, rows).await?.pop())
}

/// The servers with these row ids.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn by_ids(
    c: &impl ConnectionTrait,
    ids: &std::collections::BTreeSet<i64>,
) -> Result<std::collections::BTreeMap<i64, Server>, DbError> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    let mut servers = std::collections::BTreeMap::new();
    for chunk in ids.chunks(500) {
        let rows = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .all(c)
            .await?;
        let found = with_owners(c, rows).await?;
        servers.extend(found.into_iter().map(|server| (server.id.0, server)));
    }
    Ok(servers)
}

/// How long the server's last start allowed it to take to answer, if it came that far.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn http_timeout(
    c: &impl ConnectionTrait,
    id: ServerId,
) -> Result<Option<Duration>, DbError> {
    let row = Entity::find_by_id(id.0).one(c).await?;
    let micros = row.and_then(|row| row.http_timeout);
    Ok(micros.map(|micros| Duration::from_micros(micros.unsigned_abs())))
}

/// All servers of these users, by name.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn of_users(c: &impl ConnectionTrait, owners: &[UserId]) -> Result<Vec<Server>, DbError> {
    let mut servers = Vec::new();
    for chunk in owners.chunks(500) {
        let rows = Entity::find()
            .filter(Column::UserId.is_in(chunk.iter().map(|id| id.0)))
            .order_by_asc(Column::Name)
            .all(c)
            .await?;
        servers.extend(with_owners(c, rows).await?);
    }
    Ok(servers)
}

/// All servers that are not stopped.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn active(c: &impl ConnectionTrait) -> Result<Vec<Server>, DbError> {
    let rows = Entity::find()
        .filter(Column::State.ne(ServerState::Stopped.as_str()))
        .all(c)
        .await?;
    with_owners(c, rows).await
}

/// How many servers are in this state.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count(c: &impl ConnectionTrait, state: ServerState) -> Result<u64, DbError> {
    Ok(Entity::find()
        .filter(Column::State.eq(state.as_str()))
        .count(c)
        .await?)
}

/// How many servers start, and how many are in any of `states`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn crowd(
    c: &impl ConnectionTrait,
    states: &[ServerState],
) -> Result<(u64, u64), DbError> {
    let (mut starting, mut all) = (0, 0);
    for state in states {
        let found = count(c, *state).await?;
        all += found;
        if *state == ServerState::Spawning {
            starting = found;
        }
    }
    Ok((starting, all))
}

/// How many servers are not stopped.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count_active(c: &impl ConnectionTrait) -> Result<u64, DbError> {
    Ok(Entity::find()
        .filter(Column::State.ne(ServerState::Stopped.as_str()))
        .count(c)
        .await?)
}

/// What a new server is made of.
#[derive(Debug, Clone, Default)]
pub struct NewServer {
    /// What people call it.
    pub display_name: String,
    /// What the user chose.
    pub user_options: Map<String, Value>,
}

/// Makes a stopped server. [`DbError::is_conflict`] when there is one of that name already.
///
/// # Errors
/// When the name is taken, or the database refuses or is gone.
pub async fn insert(
    tx: &Tx,
    owner: UserId,
    name: &ServerName,
    new: &NewServer,
) -> Result<ServerId, DbError> {
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(owner.0),
        name: Set(name.as_str().to_owned()),
        display_name: Set(new.display_name.clone()),
        state: Set(ServerState::Stopped.as_str().to_owned()),
        epoch: Set(0),
        lease_owner: Set(None),
        lease_expires: Set(None),
        target: Set(None),
        started: Set(None),
        last_activity: Set(None),
        user_options: Set(json(&new.user_options)?),
        spawner_state: Set(None),
        last_failure: Set(None),
        stop_notice: Set(None),
        http_timeout: Set(None),
    };
    Ok(ServerId(
        Entity::insert(row).exec_with_returning(&**tx).await?.id,
    ))
}

/// Deletes a server that is stopped; says whether it did.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete(tx: &Tx, id: ServerId) -> Result<bool, DbError> {
    let done = Entity::delete_many()
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(ServerState::Stopped.as_str()))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Makes a server that is being stopped one that is forgotten then. The epoch stays: whoever stops it goes on, and sees it at
/// the end.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn remove_when_stopped(tx: &Tx, id: ServerId) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(ServerState::Removing.as_str()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(ServerState::Stopping.as_str()))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Renames a server that is stopped. [`DbError::is_conflict`] when its owner has one of that name already.
///
/// # Errors
/// When the name is taken, or the database refuses or is gone.
pub async fn rename(tx: &Tx, id: ServerId, name: &ServerName) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Name, Expr::value(name.as_str()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(ServerState::Stopped.as_str()))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// What one step changes. `None` leaves a column alone; `Some(None)` empties it.
#[derive(Debug, Clone, Default)]
pub struct ServerChange {
    /// Where it is now in its life.
    pub state: Option<ServerState>,
    /// Who works on it.
    pub lease: Option<Option<Lease>>,
    /// Where it listens.
    pub target: Option<Option<String>>,
    /// When its start began.
    pub started: Option<Option<DateTime<Utc>>>,
    /// When it was last used; unlike [`last_activity`](super::last_activity) this also sets it back.
    pub last_activity: Option<DateTime<Utc>>,
    /// What people call it.
    pub display_name: Option<String>,
    /// What the user chose.
    pub user_options: Option<Map<String, Value>>,
    /// What the spawner needs to find the process again.
    pub spawner_state: Option<Option<Value>>,
    /// How long it may take to answer once it runs.
    pub http_timeout: Option<Duration>,
    /// Why it ended.
    pub last_failure: Option<Option<Failure>>,
    /// Only if it was not used after this time (the culler's precondition).
    pub unless_active_since: Option<DateTime<Utc>>,
}

/// Takes one step: applies `change` if the row is still at `epoch`, and counts the epoch up. Returns the new epoch, or
/// `None` when somebody else was faster (or the precondition failed): read again and decide anew.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn step(
    tx: &Tx,
    id: ServerId,
    epoch: i64,
    change: &ServerChange,
) -> Result<Option<i64>, DbError> {
    let mut update = Entity::update_many().col_expr(Column::Epoch, Expr::value(epoch + 1));
    if let Some(state) = change.state {
        update = update.col_expr(Column::State, Expr::value(state.as_str()));
    }
    if let Some(lease) = &change.lease {
        update = update
            .col_expr(
                Column::LeaseOwner,
                Expr::value(lease.as_ref().map(|lease| lease.owner.clone())),
            )
            .col_expr(
                Column::LeaseExpires,
                Expr::value(lease.as_ref().map(|lease| to_micros(lease.expires))),
            );
    }
    if let Some(target) = &change.target {
        update = update.col_expr(Column::Target, Expr::value(target.clone()));
    }
    if let Some(started) = change.started {
        update = update.col_expr(Column::Started, Expr::value(started.map(to_micros)));
    }
    if let Some(at) = change.last_activity {
        update = update.col_expr(Column::LastActivity, Expr::value(to_micros(at)));
    }
    if let Some(name) = &change.display_name {
        update = update.col_expr(Column::DisplayName, Expr::value(name.clone()));
    }
    if let Some(options) = &change.user_options {
        update = update.col_expr(Column::UserOptions, Expr::value(json(options)?));
    }
    if let Some(state) = &change.spawner_state {
        update = update.col_expr(
            Column::SpawnerState,
            Expr::value(state.as_ref().map(json).transpose()?),
        );
    }
    if let Some(time) = change.http_timeout {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        update = update.col_expr(Column::HttpTimeout, Expr::value(micros));
    }
    if let Some(failure) = &change.last_failure {
        update = update.col_expr(
            Column::LastFailure,
            Expr::value(failure.as_ref().map(json).transpose()?),
        );
    }
    update = update
        .filter(Column::Id.eq(id.0))
        .filter(Column::Epoch.eq(epoch));
    if let Some(since) = change.unless_active_since {
        update = update.filter(not_used_after(since));
    }
    Ok((update.exec(&**tx).await?.rows_affected == 1).then_some(epoch + 1))
}

/// Notes that a server will be stopped, if it is ready and was not used after the activity that this rests on. Says whether
/// it did. Does not count as a step.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn announce_stop(tx: &Tx, id: ServerId, notice: &Notice) -> Result<bool, DbError> {
    let mut update = Entity::update_many()
        .col_expr(Column::StopNotice, Expr::value(json(notice)?))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(ServerState::Ready.as_str()));
    if let Some(since) = notice.since {
        update = update.filter(not_used_after(since));
    }
    Ok(update.exec(&**tx).await?.rows_affected == 1)
}

/// The precondition of whoever stops servers.
fn not_used_after(since: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(Column::LastActivity.is_null())
        .add(Column::LastActivity.lte(to_micros(since)))
}

/// Renews the leases that `owner` holds. Does not count as a step.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn renew_leases(tx: &Tx, owner: &str, expires: DateTime<Utc>) -> Result<u64, DbError> {
    let done = Entity::update_many()
        .col_expr(Column::LeaseExpires, Expr::value(to_micros(expires)))
        .filter(Column::LeaseOwner.eq(owner))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
