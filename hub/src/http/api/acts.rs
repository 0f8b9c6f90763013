//! What the admin pages do and see: the API's own handlers, so that permissions, conditions and words are the same.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use hub_types::group::GroupModel;
use hub_types::names::Username;
use hub_types::role::RoleModel;
use hub_types::user::UserModel;
use serde_json::{Map, Value, json};

use super::{groups, roles, servers, shutdown, users};
use crate::db::UsersOnly;
use crate::domain::action::{ReadRoles, Shutdown};
use crate::domain::principal::{Granted, Principal};
use crate::domain::server::{Server, ServerRef};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, JsonBody, UserPath};
use crate::state::{AppState, ShutdownRequest};

/// The caller, as handlers take them.
fn of(state: &AppState, caller: &Principal) -> (State<AppState>, Auth) {
    (State(state.clone()), Auth(caller.clone()))
}

/// The users that the caller may list; none for everybody.
pub(in crate::http) fn listable_users(caller: &Principal) -> Result<Option<UsersOnly>, ApiError> {
    users::list::reachable(caller)
}

/// Users as the caller may see them, with all their servers. Those that the caller may not see are left out.
pub(in crate::http) async fn user_models(
    state: &AppState,
    caller: &Principal,
    found: &[User],
    servers: &[Server],
) -> Result<Vec<UserModel>, ApiError> {
    users::models_with(state, caller, (found, servers), true).await
}

/// `POST /users/:user`.
pub(in crate::http) async fn create_user(
    state: &AppState,
    caller: &Principal,
    name: &str,
    admin: bool,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    let body = JsonBody::of(Some(json!({ "admin": admin })));
    let name = UserPath(Username::stored(name));
    drop(users::create::create_one(state, auth, name, body).await?);
    Ok(())
}

/// `PATCH /users/:user`; the name that the user has then.
pub(in crate::http) async fn update_user(
    state: &AppState,
    caller: &Principal,
    name: &str,
    change: Map<String, Value>,
) -> Result<String, ApiError> {
    let (state, auth) = of(state, caller);
    let body = JsonBody::of(Some(Value::Object(change)));
    let name = UserPath(Username::stored(name));
    let Json(model) = users::update::update(state, auth, name, body).await?;
    Ok(model.name)
}

/// `DELETE /users/:user`.
pub(in crate::http) async fn delete_user(
    state: &AppState,
    caller: &Principal,
    name: &str,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    let name = UserPath(Username::stored(name));
    users::delete::delete(state, auth, name, IfInactiveSince(None)).await?;
    Ok(())
}

/// `POST /users/:user/servers/:server`, with the options of the last start; does not wait for it.
pub(in crate::http) async fn start(
    state: &AppState,
    caller: &Principal,
    at: ServerRef,
) -> Result<(), ApiError> {
    servers::start::within(state, caller, at, JsonBody::of(None), Duration::ZERO).await?;
    Ok(())
}

/// How long a server that is forgotten is waited for: most are gone at once, and then the list says so.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// `DELETE /users/:user/servers/:server`; does not wait for it. With `remove` the server is forgotten too.
pub(in crate::http) async fn stop(
    state: &AppState,
    caller: &Principal,
    at: ServerRef,
    remove: bool,
) -> Result<(), ApiError> {
    let body = JsonBody::of(remove.then(|| json!({ "remove": true })));
    let wait = match remove {
        true => FORGOTTEN.min(state.config.jupyterhub.tornado_settings.slow_stop_timeout),
        false => Duration::ZERO,
    };
    servers::stop::within(state, caller, at, (None, body), wait).await?;
    Ok(())
}

/// The groups that the caller may list: a page of them, and how many there are.
pub(in crate::http) async fn groups(
    state: &AppState,
    caller: &Principal,
    page: (u64, u64),
) -> Result<(Vec<GroupModel>, u64), ApiError> {
    let only = groups::list::reachable(caller)?;
    groups::list::found(state, caller, only, page).await
}

/// `GET /groups/:group`.
pub(in crate::http) async fn group(
    state: &AppState,
    caller: &Principal,
    name: &str,
) -> Result<GroupModel, ApiError> {
    let (state, auth) = of(state, caller);
    let Json(model) = groups::get::get(state, auth, Path(name.to_owned())).await?;
    Ok(model)
}

/// `POST /groups/:group`.
pub(in crate::http) async fn create_group(
    state: &AppState,
    caller: &Principal,
    name: &str,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    let nobody = JsonBody::of(None);
    drop(groups::create::create_one(state, auth, Path(name.to_owned()), nobody).await?);
    Ok(())
}

/// `DELETE /groups/:group`.
pub(in crate::http) async fn delete_group(
    state: &AppState,
    caller: &Principal,
    name: &str,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    groups::delete::delete(state, auth, Path(name.to_owned())).await?;
    Ok(())
}

/// `POST` and `DELETE /groups/:group/users`.
pub(in crate::http) async fn change_members(
    state: &AppState,
    caller: &Principal,
    group: &str,
    users: &[String],
    add: bool,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    let (path, body) = (
        Path(group.to_owned()),
        JsonBody::of(Some(json!({ "users": users }))),
    );
    drop(match add {
        true => groups::members::add(state, auth, path, body).await?,
        false => groups::members::remove(state, auth, path, body).await?,
    });
    Ok(())
}

/// `PUT /groups/:group/properties`.
pub(in crate::http) async fn put_properties(
    state: &AppState,
    caller: &Principal,
    group: &str,
    properties: Map<String, Value>,
) -> Result<(), ApiError> {
    let (state, auth) = of(state, caller);
    let body = JsonBody::of(Some(Value::Object(properties)));
    drop(groups::properties::put(state, auth, Path(group.to_owned()), body).await?);
    Ok(())
}

/// All roles by name.
pub(in crate::http) async fn roles(
    state: &AppState,
    _granted: &Granted<ReadRoles>,
) -> Result<Vec<RoleModel>, ApiError> {
    let (models, _) = roles::read::found(state, (0, u64::MAX)).await?;
    Ok(models)
}

/// `POST /shutdown`: begins when `answer` has been handed over.
pub(in crate::http) fn shut_down(
    state: &AppState,
    granted: &Granted<Shutdown>,
    request: ShutdownRequest,
    answer: Response,
) -> Response {
    shutdown::begin(state, granted, request, answer)
}
