//! Users.

pub(super) mod activity;
pub(super) mod admin_access;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod sessions;
pub(super) mod update;

use std::collections::HashMap;

use axum::http::{StatusCode, Uri};
use hub_types::names::{Username, normalise};
use hub_types::user::UserModel;

use super::body::shown;
use crate::db::{roles, servers, users};
use crate::domain::login::{ByPattern, new_name as unused_name};
use crate::domain::membership::may_make_admins;
use crate::domain::principal::Principal;
use crate::domain::server::Server;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::argument;
use crate::http::view::View;
use crate::state::AppState;

/// Whether `?include_stopped_servers` asks for stopped servers: with any value but `0` and `false`.
pub(super) fn include_stopped(uri: &Uri) -> bool {
    argument(uri, "include_stopped_servers")
        .is_some_and(|value| !matches!(value.to_lowercase().as_str(), "0" | "false"))
}

/// How `caller` sees things.
pub(super) fn view<'a>(
    state: &'a AppState,
    caller: &'a Principal,
    include_stopped: bool,
) -> View<'a> {
    View {
        caller,
        addresses: &state.addresses,
        include_stopped,
        spawner: &*state.manager.spawner,
    }
}

/// The user called `name`; 404 without a text when there is none.
pub(super) async fn find(state: &AppState, name: &Username) -> Result<User, ApiError> {
    let user = users::find(state.db.read(), name.as_str()).await?;
    user.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))
}

/// The model of the user called `name`, as `caller` may see it.
pub(super) async fn user_model(
    state: &AppState,
    caller: &Principal,
    name: &Username,
    include_stopped: bool,
) -> Result<UserModel, ApiError> {
    let user = find(state, name).await?;
    let mut models = user_models(state, caller, &[user], include_stopped).await?;
    models.pop().ok_or_else(ApiError::out_of_reach)
}

/// The models of many users, with as many queries as for one. Users that the caller may not see are left out.
pub(super) async fn user_models(
    state: &AppState,
    caller: &Principal,
    users: &[User],
    include_stopped: bool,
) -> Result<Vec<UserModel>, ApiError> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let servers = servers::of_users(state.db.read(), &ids).await?;
    models_with(state, caller, (users, &servers), include_stopped).await
}

/// The same, when their servers are known already.
pub(super) async fn models_with(
    state: &AppState,
    caller: &Principal,
    (users, servers): (&[User], &[Server]),
    include_stopped: bool,
) -> Result<Vec<UserModel>, ApiError> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let mut all_servers: HashMap<_, Vec<Server>> = HashMap::new();
    for server in servers {
        let known = all_servers.entry(server.user_id).or_default();
        known.push(server.clone());
    }
    let granted = roles::granted_to_users(state.db.read(), &ids).await?;
    let view = view(state, caller, include_stopped);
    let models = users.iter().filter_map(|user| {
        let mut names = vec![crate::domain::role::USER_ROLE.to_owned()];
        names.extend(
            user.admin
                .then(|| crate::domain::role::ADMIN_ROLE.to_owned()),
        );
        names.extend(granted.get(&user.id).into_iter().flatten().cloned());
        let servers = all_servers
            .get(&user.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let user = User {
            last_activity: state.identities.last_activity(user.id, user.last_activity),
            ..user.clone()
        };
        view.user(&user, servers, &names)
    });
    Ok(models.collect())
}

/// The name that a new user gets: normalised as at the login, and checked.
fn new_name(state: &AppState, typed: &str) -> Result<Username, ApiError> {
    // The login's form forgives space around a name, the API does not.
    if typed.trim() != typed {
        return Err(invalid_name(typed));
    }
    let rules = state.login.rules().now();
    let name = rules.policy.normalise(typed);
    let pattern = rules.config.authenticator.by_pattern(&name);
    match unused_name(&name, pattern) {
        Ok(name) if pattern != ByPattern::No => Ok(name),
        _ => Err(invalid_name(&name)),
    }
}

fn invalid_name(name: &str) -> ApiError {
    ApiError::bad_request(format!("Invalid username: {}", shown(name)))
}

/// The configuration gives a role to whoever holds such a name: a name that has become free is not for others than
/// administrators to give away.
fn may_take_name(state: &AppState, caller: &Principal, name: &Username) -> Result<(), ApiError> {
    let rules = state.login.rules().now();
    let admins = &rules.config.authenticator.admin_users;
    let roles = &rules.config.jupyterhub.load_roles;
    let named = roles
        .iter()
        .filter_map(|role| role.users.as_ref())
        .flatten();
    let reserved = named
        .chain(admins)
        .any(|other| normalise(other) == name.as_str());
    if reserved {
        may_grant_admin(caller)
    } else {
        Ok(())
    }
}

/// Only administrators make administrators.
fn may_grant_admin(caller: &Principal) -> Result<(), ApiError> {
    if may_make_admins(caller) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "Only admins can grant admin permissions",
    ))
}
