//! `POST /users` and `POST /users/:name`: registers users that do not exist yet.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::user::UserModel;
use serde_json::{Map, Value};

use super::super::body::{check_user, object};
use super::{may_grant_admin, may_take_name, new_name, user_models};
use crate::auth::AddUserError;
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
    let wish = Wish {
        permission: Permission::All(granted),
        names,
        admin,
    };
    let created = register(&state, &caller, wish).await?;
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
    let wish = Wish {
        permission: Permission::One(granted),
        names: vec![name.clone()],
        admin,
    };
    let created = register(&state, &caller, wish).await?;
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
enum Permission {
    All(Granted<CreateUsers>),
    One(Granted<EditUser>),
}

impl Permission {
    fn covers(&self, name: &Username) -> bool {
        match self {
            Self::All(granted) => *granted.subject() == Hub,
            Self::One(granted) => granted.subject() == name.as_str(),
        }
    }
}

/// Who is to be registered.
struct Wish {
    permission: Permission,
    names: Vec<Username>,
    admin: bool,
}

/// Registers those who do not exist yet: all, or none when something can be said against one of them. One that comes twice
/// is given back twice.
///
/// Goes on to its end when the client goes away: an account that was made has its row.
async fn register(state: &AppState, caller: &Principal, wish: Wish) -> Result<Vec<User>, ApiError> {
    let (state, caller) = (state.clone(), caller.clone());
    let registered = tokio::spawn(async move { wish.register(&state, &caller).await });
    registered.await.map_err(ApiError::internal)?
}

impl Wish {
    async fn register(
        mut self,
        state: &AppState,
        caller: &Principal,
    ) -> Result<Vec<User>, ApiError> {
        let permission = &self.permission;
        self.names.retain(|name| permission.covers(name));
        let mut missing = Vec::new();
        for name in &self.names {
            if users::find(state.db.read(), name.as_str()).await?.is_none() {
                may_take_name(state, caller, name)?;
                let may = state.authenticator.may_add_user(name).await;
                may.map_err(|error| failed(name, &error))?;
                missing.push(name);
            }
        }
        for (at, name) in missing.iter().enumerate() {
            if let Err(error) = state.authenticator.add_user(name).await {
                return Err(self
                    .half_way(state, caller, &missing[..at], (name, &error))
                    .await?);
            }
        }
        self.write(state, caller, &self.names).await
    }

    /// Registers those who have an account by now, although another has none: else there were accounts that nobody knows of.
    async fn half_way(
        &self,
        state: &AppState,
        caller: &Principal,
        made: &[&Username],
        (name, error): (&Username, &AddUserError),
    ) -> Result<ApiError, ApiError> {
        let made: Vec<Username> = made.iter().map(|name| (*name).clone()).collect();
        let created = self.write(state, caller, &made).await?;
        let failed = failed(name, error);
        if created.is_empty() {
            return Ok(failed);
        }
        let names: Vec<&str> = created.iter().map(|user| user.name.as_str()).collect();
        let text = format!(
            "Failed to create user {name}: {error}; created before that: {}",
            names.join(", ")
        );
        Ok(ApiError::bad_request(text))
    }

    async fn write(
        &self,
        state: &AppState,
        caller: &Principal,
        names: &[Username],
    ) -> Result<Vec<User>, ApiError> {
        let now = state.clock.now();
        let tx = state.db.write().await?;
        let mut created = Vec::new();
        for name in names {
            if let Some(again) = created.iter().find(|user: &&User| user.name == *name) {
                created.push(again.clone());
            } else if users::find(&*tx, name.as_str()).await?.is_none() {
                may_take_name(state, caller, name)?;
                created.push(users::insert(&tx, name, self.admin, now).await?);
            }
        }
        let told = (!created.is_empty()).then_some(Event::Identities);
        tx.commit_and_tell(&state.bus, told).await?;
        Ok(created)
    }
}

fn failed(name: &Username, error: &AddUserError) -> ApiError {
    tracing::error!("Failed to create user {name}: {error}");
    ApiError::bad_request(format!("Failed to create user {name}: {error}"))
}
