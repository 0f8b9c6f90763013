//! `PATCH /users/:name`: renames a user, makes them an administrator or no longer, replaces what is kept of their login.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::scope::{FilterKind, ScopeName};
use hub_types::user::UserModel;
use serde_json::{Map, Value};

use super::super::body::check_user;
use super::{find, may_grant_admin, may_take_name, new_name, user_models};
use crate::bus::Event;
use crate::db::{groups, servers, sessions, tokens, users};
use crate::domain::action::EditUser;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::{Granted, Principal};
use crate::domain::token::TokenOwner;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn update(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    body: JsonBody,
) -> Result<Json<UserModel>, ApiError> {
    let granted = caller.require::<EditUser>(name.as_str().to_owned())?;
    let user = find(&state, &name).await?;
    let Some(Value::Object(fields)) = body.read()? else {
        return Err(ApiError::bad_request("Invalid JSON data: not an object"));
    };
    let change = Change::read(&state, &caller, &user, &fields)?;
    let changed = apply(&state, &caller, granted, user, &change).await?;
    // Groups are known by the names of their members: the caller's view of them is from before.
    let caller = caller.with_groups(groups::snapshot(state.db.read()).await?);
    let mut models = user_models(&state, &caller, std::slice::from_ref(&changed), false).await?;
    let mut model = models.pop().ok_or_else(ApiError::out_of_reach)?;
    // The scope that edits users holds the one that reads this.
    model.auth_state = Some(state.login.auth_states().of(&changed).await?);
    Ok(Json(model))
}

/// What is to be changed; `None` stays.
struct Change {
    name: Option<Username>,
    admin: Option<bool>,
    auth_state: Option<Value>,
}

impl Change {
    fn read(
        state: &AppState,
        caller: &Principal,
        user: &User,
        fields: &Map<String, Value>,
    ) -> Result<Self, ApiError> {
        check_user(fields)?;
        for unsupported in ["groups", "roles"] {
            if fields.contains_key(unsupported) {
                let text = format!("user.{unsupported} cannot be changed here");
                return Err(ApiError::bad_request(text));
            }
        }
        if user.admin && !caller.owner.admin() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "Only admins can modify other admins",
            ));
        }
        let admin = fields
            .get("admin")
            .and_then(Value::as_bool)
            .filter(|admin| *admin != user.admin);
        if admin == Some(true) {
            may_grant_admin(caller)?;
        }
        // A name that does not change is no change: admin panels send the whole model back.
        let name = fields
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| *name != user.name.as_str());
        let name = name.map(|name| new_name(state, name)).transpose()?;
        if let Some(name) = &name {
            within_reach(caller, user, name)?;
        }
        let auth_state = fields.get("auth_state").cloned();
        if auth_state.is_some() && !state.login.auth_states().can_be_written() {
            let text = "user.auth_state cannot be kept: this hub has no key to encrypt it with (CryptKeeper.keys)";
            return Err(ApiError::bad_request(text));
        }
        Ok(Self {
            name,
            admin,
            auth_state,
        })
    }
}

/// A filter on names must not be left by renaming; one on groups still covers the user, who stays a member.
fn within_reach(caller: &Principal, user: &User, name: &Username) -> Result<(), ApiError> {
    let reach = caller.reach(&[ScopeName::AdminUsers])?;
    let by_group = reach
        .values(FilterKind::Group)
        .any(|group| caller.in_group(user.name.as_str(), group));
    if !by_group {
        caller.require::<EditUser>(name.as_str().to_owned())?;
    }
    Ok(())
}

/// Changes the user, everything or nothing.
async fn apply(
    state: &AppState,
    caller: &Principal,
    _granted: Granted<EditUser>,
    user: User,
    change: &Change,
) -> Result<User, ApiError> {
    let tx = state.db.write().await?;
    if let Some(name) = &change.name {
        if users::find(&*tx, name.as_str()).await?.is_some() {
            return Err(ApiError::bad_request(format!(
                "User {name} already exists, username must be unique"
            )));
        }
        let servers = servers::of_users(&*tx, &[user.id]).await?;
        if servers
            .iter()
            .any(|server| server.state != ServerState::Stopped)
        {
            // Routes, OAuth clients and the servers' own environment carry the name.
            let text = format!(
                "{} has active servers. Please stop them before renaming the user.",
                user.name
            );
            return Err(ApiError::bad_request(text));
        }
        may_take_name(state, caller, name)?;
        users::rename(&tx, user.id, name).await?;
        // What was given to the old name is not carried over: services know their visitors by name, and a scope may
        // hold the old one, which somebody else may take (security cases 29 and 53).
        sessions::end_all(&tx, user.id).await?;
        tokens::revoke_all(&tx, TokenOwner::User(user.id)).await?;
    }
    if let Some(admin) = change.admin {
        users::set_admin(&tx, user.id, admin).await?;
    }
    if change.auth_state.is_some() {
        let states = state.login.auth_states();
        states
            .write(&tx, user.id, change.auth_state.as_ref())
            .await?;
    }
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    let name = change.name.clone().unwrap_or(user.name);
    Ok(User {
        name,
        admin: change.admin.unwrap_or(user.admin),
        ..user
    })
}
