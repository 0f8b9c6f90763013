//! Roles and who holds them.

use std::collections::BTreeMap;

use hub_types::scope::Scope;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::row::{from_json, group_members, groups, json, role_grants, roles, services, users};
use super::{DbError, Tx};
use crate::domain::role::Role;
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
        from_config: row.from_config,
    })
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
        .filter(groups::Column::Name.eq(group))
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

/// Makes the table hold exactly these roles, beside those made through the API: a role that the configuration no
/// longer has is deleted (JupyterHub's rule).
///
/// # Errors
/// When the database refuses or is gone.
pub async fn sync(tx: &Tx, wanted: &[Role]) -> Result<(), DbError> {
    for row in roles::Entity::find().all(&**tx).await? {
        if row.from_config && !wanted.iter().any(|role| role.name == row.name) {
            roles::Entity::delete_by_id(row.id).exec(&**tx).await?;
        }
    }
    for role in wanted {
        let scopes = json(
            &role
                .scopes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )?;
        let known = roles::Entity::find()
            .filter(roles::Column::Name.eq(&role.name))
            .one(&**tx)
            .await?;
        let row = roles::ActiveModel {
            id: known.as_ref().map_or(NotSet, |row| Set(row.id)),
            name: Set(role.name.clone()),
            description: Set(role.description.clone()),
            scopes: Set(scopes),
            from_config: Set(role.from_config),
        };
        if known.is_some() {
            roles::Entity::update(row).exec(&**tx).await?;
        } else {
            roles::Entity::insert(row)
                .exec_without_returning(&**tx)
                .await?;
        }
    }
    Ok(())
}

/// Who shall hold a role, by kind; a kind that is `None` is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Names of users.
    pub users: Option<Vec<String>>,
    /// Names of groups.
    pub groups: Option<Vec<String>>,
    /// Names of services.
    pub services: Option<Vec<String>>,
}

/// Grants the role `name` to exactly the given holders of each given kind. Names that do not exist are returned.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn grant(tx: &Tx, name: &str, holders: &Holders) -> Result<Vec<String>, DbError> {
    let Some(role) = roles::Entity::find()
        .filter(roles::Column::Name.eq(name))
        .one(&**tx)
        .await?
    else {
        return Ok(vec![name.to_owned()]);
    };
    let listed = [
        (Holder::User, &holders.users),
        (Holder::Group, &holders.groups),
        (Holder::Service, &holders.services),
    ];
    let mut missing = Vec::new();
    for (kind, names) in listed {
        let Some(names) = names else { continue };
        role_grants::Entity::delete_many()
            .filter(role_grants::Column::RoleId.eq(role.id))
            .filter(kind.column().is_not_null())
            .exec(&**tx)
            .await?;
        for name in names {
            match kind.find(tx, name).await? {
                Some(id) => kind.grant(tx, role.id, id).await?,
                None => missing.push(name.clone()),
            }
        }
    }
    Ok(missing)
}

/// What can hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    User,
    Group,
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
            Holder::User => {
                let query = users::Entity::find().filter(users::Column::Name.eq(name));
                query.one(&**tx).await?.map(|row| row.id)
            }
            Holder::Group => {
                let query = groups::Entity::find().filter(groups::Column::Name.eq(name));
                query.one(&**tx).await?.map(|row| row.id)
            }
            Holder::Service => {
                let query = services::Entity::find().filter(services::Column::Name.eq(name));
                query.one(&**tx).await?.map(|row| row.id)
            }
        })
    }

    async fn grant(self, tx: &Tx, role: i64, id: i64) -> Result<(), DbError> {
        let only = |kind: Holder| Set((kind == self).then_some(id));
        let row = role_grants::ActiveModel {
            id: NotSet,
            role_id: Set(role),
            user_id: only(Holder::User),
            group_id: only(Holder::Group),
            service_id: only(Holder::Service),
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
