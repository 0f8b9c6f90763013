//! Roles and who holds them.

use std::collections::BTreeMap;

use hub_types::scope::Scope;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::dialect::is;
use super::row::{from_json, group_members, groups, json, role_grants, roles, services};
use super::{DbError, Tx, users};
use crate::domain::role::{Origin, Role};
use crate::domain::token::{ServiceId, TokenOwner};
use crate::domain::user::UserId;

/// All roles by name.
pub type RoleTable = BTreeMap<String, Role>;

fn read(row: &roles::Model) -> Result<Role, DbError> {
    let texts: Vec<String> = from_json("roles", &row.scopes)?;
    let scopes = texts
        .iter()
        .map(|text| {
            text.parse::<Scope>()
                .map_err(|error| DbError::inconsistent("roles", error.to_string()))
        })
        .collect::<Result<_, _>>()?;
    Ok(Role {
        name: row.name.clone(),
        description: row.description.clone(),
        scopes,
        origin: origin("roles", &row.origin)?,
    })
}

fn origin(table: &'static str, text: &str) -> Result<Origin, DbError> {
    Origin::parse(text)
        .ok_or_else(|| DbError::inconsistent(table, format!("origin {text:?} is none")))
}

/// All roles.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn all(c: &impl ConnectionTrait) -> Result<RoleTable, DbError> {
    let rows = roles::Entity::find().all(c).await?;
    rows.iter()
        .map(|row| Ok((row.name.clone(), read(row)?)))
        .collect()
}

/// The role called `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn find(c: &impl ConnectionTrait, name: &str) -> Result<Option<Role>, DbError> {
    let query = roles::Entity::find().filter(is(roles::Column::Name, name));
    query.one(c).await?.as_ref().map(read).transpose()
}

/// Names of the users, groups and services that hold a role by a grant, each sorted.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn holders(
    c: &impl ConnectionTrait,
    name: &str,
) -> Result<(Vec<String>, Vec<String>, Vec<String>), DbError> {
    let query = roles::Entity::find().filter(is(roles::Column::Name, name));
    let Some(role) = query.one(c).await? else {
        return Ok(Default::default());
    };
    let query = role_grants::Entity::find().filter(role_grants::Column::RoleId.eq(role.id));
    let grants = query.all(c).await?;
    let (mut in_users, mut in_groups, mut in_services) = (Vec::new(), Vec::new(), Vec::new());
    // In portions: databases bound the number of values in a statement.
    for chunk in grants.chunks(500) {
        let ids = chunk.iter().filter_map(|grant| grant.user_id);
        in_users.extend(users::names_of(c, ids).await?.into_values());
        let ids = groups::Column::Id.is_in(chunk.iter().filter_map(|grant| grant.group_id));
        let rows = groups::Entity::find().filter(ids).all(c).await?;
        in_groups.extend(rows.into_iter().map(|row| row.name));
        let ids = services::Column::Id.is_in(chunk.iter().filter_map(|grant| grant.service_id));
        let rows = services::Entity::find().filter(ids).all(c).await?;
        in_services.extend(rows.into_iter().map(|row| row.name));
    }
    in_users.sort();
    in_groups.sort();
    in_services.sort();
    Ok((in_users, in_groups, in_services))
}

/// Names of the roles that a user (also through groups) or a service holds, sorted.
///
/// The built-in `user` and `admin` are not stored as grants: they follow from being a user, and from the admin flag.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn held_by(c: &impl ConnectionTrait, owner: TokenOwner) -> Result<Vec<String>, DbError> {
    let holder = match owner {
        TokenOwner::Service(id) => Condition::any().add(role_grants::Column::ServiceId.eq(id.0)),
        TokenOwner::User(id) => {
            let memberships = group_members::Entity::find()
                .filter(group_members::Column::UserId.eq(id.0))
                .all(c)
                .await?;
            let groups: Vec<i64> = memberships.iter().map(|row| row.group_id).collect();
            Condition::any()
                .add(role_grants::Column::UserId.eq(id.0))
                .add(role_grants::Column::GroupId.is_in(groups))
        }
    };
    let grants = role_grants::Entity::find().filter(holder).all(c).await?;
    let ids: Vec<i64> = grants.iter().map(|grant| grant.role_id).collect();
    let rows = roles::Entity::find()
        .filter(roles::Column::Id.is_in(ids))
        .order_by_asc(roles::Column::Name)
        .all(c)
        .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Names of the roles granted to each of these users themselves (not through groups), sorted. Users without are left out.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn granted_to_users(
    c: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<BTreeMap<UserId, Vec<String>>, DbError> {
    let mut grants = Vec::new();
    for chunk in users.chunks(500) {
        let of_chunk = role_grants::Column::UserId.is_in(chunk.iter().map(|id| id.0));
        grants.extend(role_grants::Entity::find().filter(of_chunk).all(c).await?);
    }
    let mut granted: BTreeMap<UserId, Vec<String>> = BTreeMap::new();
    if grants.is_empty() {
        return Ok(granted);
    }
    let names: BTreeMap<i64, String> = roles::Entity::find()
        .all(c)
        .await?
        .into_iter()
        .map(|row| (row.id, row.name))
        .collect();
    for grant in grants {
        if let (Some(user), Some(name)) = (grant.user_id, names.get(&grant.role_id)) {
            granted.entry(UserId(user)).or_default().push(name.clone());
        }
    }
    granted.values_mut().for_each(|names| names.sort());
    Ok(granted)
}

/// Names of the roles granted to a group, sorted.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn held_by_group(c: &impl ConnectionTrait, group: &str) -> Result<Vec<String>, DbError> {
    let Some(group) = groups::Entity::find()
        .filter(is(groups::Column::Name, group))
        .one(c)
        .await?
    else {
        return Ok(Vec::new());
    };
    let grants = role_grants::Entity::find()
        .filter(role_grants::Column::GroupId.eq(group.id))
        .all(c)
        .await?;
    let ids: Vec<i64> = grants.iter().map(|grant| grant.role_id).collect();
    let rows = roles::Entity::find()
        .filter(roles::Column::Id.is_in(ids))
        .order_by_asc(roles::Column::Name)
        .all(c)
        .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Makes the table hold exactly these roles, beside those made through the API or by the authenticator: a role that the
/// configuration no longer has is deleted (JupyterHub's rule). Returns the names of roles that give more than before.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn sync(tx: &Tx, wanted: &[Role]) -> Result<Vec<String>, DbError> {
    let known = all(&**tx).await?;
    for role in known.values() {
        if role.origin == Origin::Config && !wanted.iter().any(|new| new.name == role.name) {
            delete(tx, &role.name).await?;
        }
    }
    let mut widened = Vec::new();
    for role in wanted {
        let before = known.get(&role.name);
        if before.is_some_and(|before| {
            !role
                .scopes
                .iter()
                .all(|scope| before.scopes.contains(scope))
        }) {
            widened.push(role.name.clone());
        }
        if before != Some(role) {
            put(tx, role).await?;
        }
    }
    Ok(widened)
}

/// Makes or replaces a role; who holds it stays.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn put(tx: &Tx, role: &Role) -> Result<(), DbError> {
    let texts: Vec<String> = role.scopes.iter().map(ToString::to_string).collect();
    let known = row_of(tx, &role.name).await?;
    let row = roles::ActiveModel {
        id: known.map_or(NotSet, Set),
        name: Set(role.name.clone()),
        description: Set(role.description.clone()),
        scopes: Set(json(&texts)?),
        origin: Set(role.origin.as_str().to_owned()),
    };
    if known.is_some() {
        roles::Entity::update(row).exec(&**tx).await?;
    } else {
        roles::Entity::insert(row)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// Deletes a role; nobody holds it any more.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn delete(tx: &Tx, name: &str) -> Result<(), DbError> {
    roles::Entity::delete_many()
        .filter(is(roles::Column::Name, name))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Row id of a role.
async fn row_of(tx: &Tx, name: &str) -> Result<Option<i64>, DbError> {
    let query = roles::Entity::find().filter(is(roles::Column::Name, name));
    Ok(query.one(&**tx).await?.map(|row| row.id))
}

/// Gives the role `name` to these holders of one kind, and takes it from all others of that kind. Returns the names that
/// do not exist (the role's own, if it is the one).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set_holders(
    tx: &Tx,
    name: &str,
    kind: Holder,
    holders: &[String],
    origin: Origin,
) -> Result<Vec<String>, DbError> {
    let Some(role) = row_of(tx, name).await? else {
        return Ok(vec![name.to_owned()]);
    };
    role_grants::Entity::delete_many()
        .filter(role_grants::Column::RoleId.eq(role))
        .filter(kind.column().is_not_null())
        .exec(&**tx)
        .await?;
    let mut missing = Vec::new();
    for holder in holders {
        match kind.find(tx, holder).await? {
            Some(id) => kind.grant(tx, role, id, origin).await?,
            None => missing.push(holder.clone()),
        }
    }
    Ok(missing)
}

/// Takes a role from those holders of one kind who have it from `origin`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn clear_holders(
    tx: &Tx,
    name: &str,
    kind: Holder,
    origin: Origin,
) -> Result<(), DbError> {
    let Some(role) = row_of(tx, name).await? else {
        return Ok(());
    };
    role_grants::Entity::delete_many()
        .filter(role_grants::Column::RoleId.eq(role))
        .filter(kind.column().is_not_null())
        .filter(role_grants::Column::Origin.eq(origin.as_str()))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Gives a role to one holder; whoever has it already keeps it as it is. False when there is no such role or holder.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn grant(
    tx: &Tx,
    name: &str,
    kind: Holder,
    holder: &str,
    origin: Origin,
) -> Result<bool, DbError> {
    let (Some(role), Some(id)) = (row_of(tx, name).await?, kind.find(tx, holder).await?) else {
        return Ok(false);
    };
    let has = role_grants::Entity::find()
        .filter(role_grants::Column::RoleId.eq(role))
        .filter(kind.column().eq(id));
    if has.one(&**tx).await?.is_none() {
        kind.grant(tx, role, id, origin).await?;
    }
    Ok(true)
}

/// Takes a role from one holder, however they came by it. False when they did not hold it.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn revoke(tx: &Tx, name: &str, kind: Holder, holder: &str) -> Result<bool, DbError> {
    let (Some(role), Some(id)) = (row_of(tx, name).await?, kind.find(tx, holder).await?) else {
        return Ok(false);
    };
    let gone = role_grants::Entity::delete_many()
        .filter(role_grants::Column::RoleId.eq(role))
        .filter(kind.column().eq(id))
        .exec(&**tx)
        .await?;
    Ok(gone.rows_affected > 0)
}

/// What can hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user.
    User,
    /// A group: all its members hold the role.
    Group,
    /// A service.
    Service,
}

impl Holder {
    fn column(self) -> role_grants::Column {
        match self {
            Holder::User => role_grants::Column::UserId,
            Holder::Group => role_grants::Column::GroupId,
            Holder::Service => role_grants::Column::ServiceId,
        }
    }

    /// Row id of the holder of this name.
    async fn find(self, tx: &Tx, name: &str) -> Result<Option<i64>, DbError> {
        Ok(match self {
            Holder::User => users::id_of(&**tx, name).await?,
            Holder::Group => {
                let query = groups::Entity::find().filter(is(groups::Column::Name, name));
                query.one(&**tx).await?.map(|row| row.id)
            }
            Holder::Service => {
                let query = services::Entity::find().filter(is(services::Column::Name, name));
                query.one(&**tx).await?.map(|row| row.id)
            }
        })
    }

    async fn grant(self, tx: &Tx, role: i64, id: i64, origin: Origin) -> Result<(), DbError> {
        let only = |kind: Holder| Set((kind == self).then_some(id));
        let row = role_grants::ActiveModel {
            id: NotSet,
            role_id: Set(role),
            user_id: only(Holder::User),
            group_id: only(Holder::Group),
            service_id: only(Holder::Service),
            origin: Set(origin.as_str().to_owned()),
        };
        role_grants::Entity::insert(row)
            .exec_without_returning(&**tx)
            .await?;
        Ok(())
    }
}

/// The owner of tokens that a row id stands for; keeps the two kinds apart in callers.
#[must_use]
pub fn owner_of(user: Option<UserId>, service: Option<ServiceId>) -> Option<TokenOwner> {
    user.map(TokenOwner::User)
        .or(service.map(TokenOwner::Service))
}
