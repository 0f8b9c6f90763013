//! `POST /users` and `POST /users/:name`: registers users that do not exist yet.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::user::UserModel;
use serde_json::{Map, Value};

use super::super::body::{check_user, object};
use super::{may_grant_admin, may_take_name, new_name, user_models};
use crate::bus::Event;
use crate::db::users;
use crate::domain::action::{CreateUsers, EditUser, Hub};
use crate::domain::principal::{Granted, Principal};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, UserPath};
use crate::state::AppState;

/// Most users in one request.
pub(in crate::http::api) const MAX_NAMES: usize = 1_000;

pub(in crate::http::api) async fn create_many(
    State(state): State<AppState>,
    Auth(caller): Auth,
    body: JsonBody,
) -> Result<(StatusCode, Json<Vec<UserModel>>), ApiError> {
    let granted = caller.require::<CreateUsers>(Hub)?;
    let nobody = "Must specify at least one user to create";
    let mut fields = object(body.read()?, nobody)?.unwrap_or_default();
    let typed = usernames(fields.remove("usernames"))?;
    let admin = wants_admin(&fields, &caller)?;
    let names: Result<Vec<Username>, ApiError> =
        typed.iter().map(|name| new_name(&state, name)).collect();
    let names = names?;
    let created = register(&state, &caller, Permission::All(&granted), &names, admin).await?;
    if created.is_empty() {
        return Err(ApiError::conflict(format!(
            "All {} users already exist",
            typed.len()
        )));
    }
    Ok((
        StatusCode::CREATED,
        Json(user_models(&state, &caller, &created, false).await?),
    ))
}

pub(in crate::http::api) async fn create_one(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(typed): UserPath,
    body: JsonBody,
) -> Result<(StatusCode, Json<UserModel>), ApiError> {
    // The scope first: what is wrong with a name is for those who may create users.
    caller.require::<EditUser>(typed.as_str().to_owned())?;
    let body = body.read()?;
    let name = new_name(&state, typed.as_str())?;
    let granted = caller.require::<EditUser>(name.as_str().to_owned())?;
    let conflict = || ApiError::conflict(format!("User {name} already exists"));
    if users::find(state.db.read(), name.as_str()).await?.is_some() {
        return Err(conflict());
    }
    let not_an_object = "Invalid JSON data: not an object";
    let admin = wants_admin(&object(body, not_an_object)?.unwrap_or_default(), &caller)?;
    let created = register(
        &state,
        &caller,
        Permission::One(&granted),
        std::slice::from_ref(&name),
        admin,
    )
    .await?;
    let model = user_models(&state, &caller, &created, false).await?.pop();
    Ok((StatusCode::CREATED, Json(model.ok_or_else(conflict)?)))
}

fn usernames(value: Option<Value>) -> Result<Vec<String>, ApiError> {
    let bad = || ApiError::bad_request("Must specify at least one user to create");
    let Some(Value::Array(items)) = value else {
        return Err(bad());
    };
    if items.is_empty() {
        return Err(bad());
    }
    if items.len() > MAX_NAMES {
        return Err(ApiError::bad_request(format!(
            "At most {MAX_NAMES} users can be created at once"
        )));
    }
    let text = |item: Value| match item {
        Value::String(name) => Ok(name),
        _ => Err(ApiError::bad_request("usernames must be strings")),
    };
    items.into_iter().map(text).collect()
}

fn wants_admin(fields: &Map<String, Value>, caller: &Principal) -> Result<bool, ApiError> {
    check_user(fields)?;
    let admin = fields
        .get("admin")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if admin {
        may_grant_admin(caller)?;
    }
    Ok(admin)
}

/// Evidence that users may be registered: any, or the one of that name.
enum Permission<'a> {
    All(&'a Granted<CreateUsers>),
    One(&'a Granted<EditUser>),
}

/// Registers those of `names` that do not exist yet, all or none. One that comes twice is given back twice.
async fn register(
    state: &AppState,
    caller: &Principal,
    permission: Permission<'_>,
    names: &[Username],
    admin: bool,
) -> Result<Vec<User>, ApiError> {
    let allowed = |name: &Username| match &permission {
        Permission::All(granted) => *granted.subject() == Hub,
        Permission::One(granted) => granted.subject() == name.as_str(),
    };
    for name in names.iter().filter(|name| allowed(name)) {
        prepare(state, caller, name).await?;
    }
    let now = state.clock.now();
    let tx = state.db.write().await?;
    let mut created = Vec::new();
    for name in names.iter().filter(|name| allowed(name)) {
        if let Some(again) = created.iter().find(|user: &&User| user.name == *name) {
            created.push(again.clone());
        } else if users::find(&*tx, name.as_str()).await?.is_none() {
            may_take_name(state, caller, name)?;
            created.push(users::insert(&tx, name, admin, now).await?);
        }
    }
    let told = (!created.is_empty()).then_some(Event::Identities);
    tx.commit_and_tell(&state.bus, told).await?;
    Ok(created)
}

/// Tells the authenticator of a user who is about to be registered: it may have to make an account, or know of none.
async fn prepare(state: &AppState, caller: &Principal, name: &Username) -> Result<(), ApiError> {
    if users::find(state.db.read(), name.as_str()).await?.is_some() {
        return Ok(());
    }
    may_take_name(state, caller, name)?;
    let added = state.authenticator.add_user(name).await;
    added.map_err(|error| {
        tracing::error!("Failed to create user {name}: {error}");
        ApiError::bad_request(format!("Failed to create user {name}: {error}"))
    })
}
