//! Roles that are made at run time. Ours: in JupyterHub roles stand in the configuration only.
//!
//! Nobody hands out more than they hold: neither by writing a role, nor by giving it to somebody. Roles that somebody else
//! is in charge of (the configuration, the hub itself, the authenticator) are read here and not changed.

pub(super) mod assign;
pub(super) mod delete;
pub(super) mod read;
pub(super) mod write;

use axum::http::StatusCode;
use hub_types::role::RoleModel;
use hub_types::scope::{Scope, ScopeSet};

use super::body::shown;
use crate::db::{Tx, roles};
use crate::domain::membership::{first_not_held, is_full_admin};
use crate::domain::principal::Principal;
use crate::domain::role::{Origin, Role};
use crate::http::error::ApiError;
use crate::state::AppState;

fn no_such_role(name: &str) -> ApiError {
    ApiError::not_found(format!("No such role: {}", shown(name)))
}

async fn model(state: &AppState, name: &str) -> Result<RoleModel, ApiError> {
    let role = roles::find(state.db.read(), name).await?;
    let role = role.ok_or_else(|| no_such_role(name))?;
    let (users, groups, services) = roles::holders(state.db.read(), name).await?;
    Ok(RoleModel {
        kind: "role".to_owned(),
        name: role.name,
        description: role.description,
        scopes: role.scopes,
        origin: role.origin.as_str().to_owned(),
        users,
        groups,
        services,
    })
}

/// The role called `name`, if it may be changed here.
async fn changeable(tx: &Tx, name: &str) -> Result<Role, ApiError> {
    let role = roles::find(&**tx, name).await?;
    let role = role.ok_or_else(|| no_such_role(name))?;
    let remedy = match role.origin {
        Origin::Api => return Ok(role),
        Origin::Config => {
            "stands in the configuration; change it there (JupyterHub.load_roles) and restart the hub"
        }
        Origin::Builtin => "is built in; make a role of another name",
        Origin::Authenticator => "follows what the authenticator says; change it there",
    };
    Err(ApiError::conflict(format!("Role {} {remedy}", role.name)))
}

/// Refuses what goes beyond what `caller` holds. Whoever holds all of the role `admin` can act as anybody anyway.
fn within(caller: &Principal, given: &ScopeSet) -> Result<(), ApiError> {
    if is_full_admin(caller) {
        return Ok(());
    }
    match first_not_held(caller, given) {
        None => Ok(()),
        Some(scope) => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!("The role gives {scope}, which you do not hold"),
        )),
    }
}

/// What a role gives to whoever it may be.
fn anybodys(state: &AppState, scopes: &[Scope]) -> ScopeSet {
    let catalogue = &state.config.jupyterhub.custom_scopes;
    crate::domain::service::handed_out("", false, scopes, catalogue)
}
