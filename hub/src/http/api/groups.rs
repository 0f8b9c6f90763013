//! Groups. Those of the configuration may be changed here too: it adds members at the next start and takes none away.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod members;
pub(super) mod properties;

use axum::Json;
use axum::http::StatusCode;
use hub_types::group::GroupModel;
use hub_types::names::{GroupName, Username};
use hub_types::scope::{Membership as _, Scope, ScopeName, Target};
use serde_json::{Map, Value};

use super::body::{Field, check_model, python, shown};
use crate::db::groups::GroupRow;
use crate::db::{Tx, groups, roles, users};
use crate::domain::membership::{check_addition, may_make_admins};
use crate::domain::principal::Principal;
use crate::domain::role::ADMIN_ROLE;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::state::AppState;

/// The fields of a group's model that a request may name.
pub(super) const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::list("users"),
    Field::list("roles"),
];

/// Most groups or users in one request.
pub(super) const MAX_NAMES: usize = 1_000;

/// A group as `caller` may see it.
fn model(caller: &Principal, group: &GroupRow, roles: Vec<String>) -> GroupModel {
    let may = |scope: ScopeName| caller.may(&scope, Target::Group(&group.name));
    let whole = may(ScopeName::ReadGroups);
    GroupModel {
        kind: "group".to_owned(),
        name: group.name.clone(),
        users: whole.then(|| caller.groups().members(&group.name)),
        roles: may(ScopeName::ReadRolesGroups).then_some(roles),
        properties: whole.then(|| group.properties.clone()),
    }
}

/// Whether the API may change groups: not when the authenticator says who is in which.
///
/// # Errors
/// 400, as in JupyterHub.
fn may_change(state: &AppState) -> Result<(), ApiError> {
    match state.config.authenticator.manage_groups {
        true => Err(ApiError::bad_request(
            "Group management via API is disabled",
        )),
        false => Ok(()),
    }
}

fn no_such_group(name: &str) -> ApiError {
    ApiError::not_found(format!("No such group: {}", shown(name)))
}

/// The model of a group after a change: what the caller knows of groups is from before.
async fn changed_model(
    state: &AppState,
    caller: &Principal,
    name: &str,
) -> Result<GroupModel, ApiError> {
    let group = groups::find(state.db.read(), name).await?;
    let group = group.ok_or_else(|| no_such_group(name))?;
    let held = roles::held_by_group(state.db.read(), name).await?;
    let groups = groups::snapshot(state.db.read()).await?;
    Ok(model(&caller.with_groups(groups), &group, held))
}

/// Checks keys and types of a group's model. Its roles are passed over, as in JupyterHub: they are granted elsewhere.
fn check_group(fields: &Map<String, Value>) -> Result<(), ApiError> {
    check_model("group", FIELDS, fields)
}

/// A body that must be an object with a group's fields.
fn group_fields(body: Option<Value>) -> Result<Map<String, Value>, ApiError> {
    let body = body.unwrap_or(Value::Null);
    let Value::Object(fields) = body else {
        let text = format!("Invalid JSON data: {}", python(&body));
        return Err(ApiError::bad_request(text));
    };
    check_group(&fields)?;
    Ok(fields)
}

/// The texts of a list, each once.
fn names(value: Option<&Value>, what: &str) -> Result<Vec<String>, ApiError> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice);
    let items = items.unwrap_or_default();
    if items.len() > MAX_NAMES {
        return Err(ApiError::bad_request(format!(
            "At most {MAX_NAMES} {what} in one request"
        )));
    }
    let mut names: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = item.as_str() else {
            return Err(ApiError::bad_request(format!("{what} must be strings")));
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Checks the name of a group that is about to be made.
fn check_new_name(name: &str) -> Result<(), ApiError> {
    match GroupName::new(name) {
        Ok(_) => Ok(()),
        Err(why) => Err(ApiError::bad_request(format!(
            "Invalid group name: {} ({why})",
            shown(name)
        ))),
    }
}

/// The users of these names, normalised as at the login; all must exist.
async fn find_users(state: &AppState, tx: &Tx, typed: &[String]) -> Result<Vec<User>, ApiError> {
    let rules = state.login.rules().now();
    let mut found: Vec<User> = Vec::with_capacity(typed.len());
    for name in typed {
        let name = Username::stored(rules.policy.normalise(name));
        let user = users::find(&**tx, name.as_str()).await?;
        let user = user.ok_or_else(|| {
            ApiError::bad_request(format!("No such user: {}", shown(name.as_str())))
        })?;
        if !found.iter().any(|known| known.id == user.id) {
            found.push(user);
        }
    }
    Ok(found)
}

/// Adds users to a group, if the caller gains nothing by it.
async fn add_members(
    (state, tx): (&AppState, &Tx),
    caller: &Principal,
    group: (i64, &str),
    members: &[User],
) -> Result<(), ApiError> {
    let held = roles::held_by_group(&**tx, group.1).await?;
    if !may_make_admins(caller) && !members.is_empty() && held.iter().any(|role| role == ADMIN_ROLE)
    {
        let text = "Only admins can grant admin permissions";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    let table = roles::all(&**tx).await?;
    let scopes: Vec<Scope> = held
        .iter()
        .filter_map(|name| table.get(name))
        .flat_map(|role| role.scopes.iter().cloned())
        .collect();
    let catalogue = &state.config.jupyterhub.custom_scopes;
    for user in members {
        check_addition(caller, user.name.as_str(), group.1, &scopes, catalogue)
            .map_err(|gain| ApiError::new(StatusCode::FORBIDDEN, gain.to_string()))?;
        groups::add_member(tx, group.0, user.id).await?;
    }
    Ok(())
}

/// 201 with the model of what was made.
type Created<T> = (StatusCode, Json<T>);
