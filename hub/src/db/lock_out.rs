//! Somebody who is blocked: what they could act with is taken from them. Source: JupyterHub's `init_blocked_users`.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::row::{group_members, role_grants, share_codes};
use super::{DbError, Tx, groups, roles, sessions, tokens, users};
use crate::domain::token::TokenOwner;
use crate::domain::user::User;

/// What somebody held beside what every user holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether they were an administrator.
    pub admin: bool,
    /// Roles of their own, sorted.
    pub roles: Vec<String>,
    /// Groups that they were in, sorted.
    pub groups: Vec<String>,
}

/// Ends all sessions of a user, revokes their tokens and the share codes they have made, and takes away their roles, their
/// groups, and being an administrator. Returns what they held. Their servers stay, as does what was shared.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn lock_out(tx: &Tx, user: &User) -> Result<Held, DbError> {
    let id = user.id;
    let granted = roles::granted_to_users(&**tx, &[id]).await?.remove(&id);
    let held = Held {
        admin: user.admin,
        roles: granted.unwrap_or_default(),
        groups: groups::names_of_user(&**tx, id).await?,
    };
    sessions::end_all(tx, id).await?;
    tokens::revoke_all(tx, TokenOwner::User(id)).await?;
    share_codes::Entity::delete_many()
        .filter(share_codes::Column::UserId.eq(id.0))
        .exec(&**tx)
        .await?;
    role_grants::Entity::delete_many()
        .filter(role_grants::Column::UserId.eq(id.0))
        .exec(&**tx)
        .await?;
    group_members::Entity::delete_many()
        .filter(group_members::Column::UserId.eq(id.0))
        .exec(&**tx)
        .await?;
    if held.admin {
        users::set_admin(tx, id, false).await?;
    }
    Ok(held)
}
