//! Lists of users: which, in which order, which part.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use super::super::row::servers;
use super::super::row::users::{Column, Entity};
use super::super::{Db, DbError, dialect, groups, register, to_micros};
use super::{by_ids, read};
use crate::domain::lifecycle::ServerState;
use crate::domain::user::{User, UserId};

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

/// Which users by when they were last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// At this time or later.
    Since(DateTime<Utc>),
    /// Before this time, or never.
    NotSince(DateTime<Utc>),
    /// Never.
    Never,
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
    /// Only members of this group.
    pub group: Option<String>,
    /// Only administrators, or only others.
    pub admin: Option<bool>,
    /// By when they were last seen.
    pub seen: Option<Seen>,
    /// Only these (what the caller's scopes reach).
    pub only: Option<UsersOnly>,
    /// In which order.
    pub order: UserOrder,
    /// The other way round.
    pub descending: bool,
}

impl UserFilter {
    /// Whether it lets everybody through.
    fn is_open(&self) -> bool {
        self.state.is_none()
            && self.name_contains.is_none()
            && self.group.is_none()
            && self.admin.is_none()
            && self.seen.is_none()
            && self.only.is_none()
    }

    fn direction(&self) -> Order {
        match self.descending {
            true => Order::Desc,
            false => Order::Asc,
        }
    }
}

/// A page of users.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// The users of the page.
    pub users: Vec<User>,
    /// How many there are in all.
    pub total: u64,
}

fn with_servers(backend: DbBackend, states: &[ServerState]) -> SelectStatement {
    let mut owners = servers::Entity::find()
        .select_only()
        .column(servers::Column::UserId)
        .filter(servers::Column::State.is_in(states.iter().map(|state| state.as_str())))
        .into_query();
    // Else PostgreSQL may look for the servers of all users in turn, in the order of the list.
    if backend == DbBackend::Postgres {
        owners.offset(0);
    }
    owners
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
    match (filter.is_open(), filter.order) {
        (true, UserOrder::Id) => page_of_all(db, filter.descending, offset, limit).await,
        // How many there are is known without counting.
        (true, _) => {
            let users = slice(db.read(), filter, offset, limit).await?;
            let total = db.register().ids(db.read()).await?.len() as u64;
            Ok(UserPage { users, total })
        }
        (false, _) => {
            // Two connections: both may have to look at all names.
            let (total, users) = futures_util::try_join!(
                total(db.read(), filter),
                slice(db.read(), filter, offset, limit)
            )?;
            Ok(UserPage { users, total })
        }
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
    let query = Entity::find()
        .filter(Column::Id.between(*first, *last))
        .order_by(Column::Id, order);
    let found = query.all(db.read()).await?;
    let users = found.iter().map(read).collect::<Result<_, _>>()?;
    Ok(UserPage { users, total })
}

async fn total(c: &impl ConnectionTrait, filter: &UserFilter) -> Result<u64, DbError> {
    let query = chosen(c.get_database_backend(), filter)?;
    Ok(ids_only(query).count(c).await?)
}

/// The users of a page. Their ids first: what comes before the page is then read from an index alone.
async fn slice(
    c: &impl ConnectionTrait,
    filter: &UserFilter,
    offset: u64,
    limit: u64,
) -> Result<Vec<User>, DbError> {
    let backend = c.get_database_backend();
    let query = ordered(chosen(backend, filter)?, backend, filter);
    let ids: Vec<i64> = ids_only(query)
        .offset(offset)
        .limit(limit)
        .into_tuple()
        .all(c)
        .await?;
    // Who was deleted in between is left out.
    let ids: Vec<UserId> = ids.into_iter().map(UserId).collect();
    by_ids(c, &ids).await
}

fn ids_only(query: Select<Entity>) -> Select<Entity> {
    query.select_only().column(Column::Id)
}

/// In the order that the filter says, which an index has.
fn ordered(query: Select<Entity>, backend: DbBackend, filter: &UserFilter) -> Select<Entity> {
    let order = filter.direction();
    match filter.order {
        UserOrder::Id => query.order_by(Column::Id, order),
        // No two are the same.
        UserOrder::Name => query.order_by(Column::Name, order),
        UserOrder::LastActivity => {
            dialect::nulls_lowest(query, backend, Column::LastActivity, order.clone())
                .order_by(Column::Id, order)
        }
    }
}

/// The ids of those with these names. By itself the list is looked up name by name; as one of two conditions MariaDB would
/// compare it with every row.
fn named(backend: DbBackend, names: &[String]) -> Result<SelectStatement, DbError> {
    let query = Entity::find().filter(dialect::one_of(backend, Column::Name, names)?);
    Ok(QueryTrait::into_query(ids_only(query)))
}

/// The users that a filter lets through, in no order yet.
fn chosen(backend: DbBackend, filter: &UserFilter) -> Result<Select<Entity>, DbError> {
    let mut these = Condition::all()
        .add_option(filter.state.map(|state| by_state(backend, state)))
        .add_option(filter.name_contains.as_deref().map(by_name))
        .add_option(filter.admin.map(|admin| Column::Admin.eq(admin)))
        .add_option(filter.seen.map(by_seen));
    if let Some(group) = &filter.group {
        let members = groups::members_of(backend, std::slice::from_ref(group))?;
        these = these.add(Column::Id.in_subquery(members));
    }
    if let Some(only) = &filter.only {
        let reached = Condition::any()
            .add(Column::Id.in_subquery(named(backend, &only.users)?))
            .add(Column::Id.in_subquery(groups::members_of(backend, &only.groups)?));
        these = these.add(reached);
    }
    Ok(Entity::find().filter(these))
}

fn by_state(backend: DbBackend, state: UserState) -> Expr {
    let active = || with_servers(backend, ServerState::ACTIVE);
    match state {
        UserState::Ready => Column::Id.in_subquery(with_servers(backend, &[ServerState::Ready])),
        UserState::Active => Column::Id.in_subquery(active()),
        UserState::Inactive => Column::Id.not_in_subquery(active()),
    }
}

/// Bytes that a name has at most, by far: SQLite refuses to look for much longer texts.
const LONGEST: usize = 2_048;

fn by_name(part: &str) -> Expr {
    if part.contains('\0') || part.len() > LONGEST {
        return dialect::nothing();
    }
    let lowered = sea_orm::sea_query::Func::lower(Expr::col(Column::Name));
    Expr::expr(lowered).like(like(&part.to_lowercase()))
}

fn by_seen(seen: Seen) -> Condition {
    match seen {
        Seen::Since(at) => Condition::all().add(Column::LastActivity.gte(to_micros(at))),
        Seen::NotSince(at) => Condition::any()
            .add(Column::LastActivity.is_null())
            .add(Column::LastActivity.lt(to_micros(at))),
        Seen::Never => Condition::all().add(Column::LastActivity.is_null()),
    }
}

#[cfg(test)]
mod tests;
