//! `PATCH /users/:name/server[s/:server]`: renames a stopped server, or changes what it is called and started with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::ServerName;
use hub_types::server::ServerModel;
use serde_json::{Map, Value};

use super::super::body::{object, quoted, shown};
use super::super::users::{find, view};
use super::{check_display_name, check_new_name, log_name};
use crate::bus::Event;
use crate::db::{ServerChange, servers};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerRef};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::state::AppState;

const FIELDS: &[&str] = &["name", "display_name", "user_options"];

pub(in crate::http::api) async fn update(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<ServerModel>, ApiError> {
    let granted = caller.require::<StartServer>(at.clone())?;
    find(&state, &at.user).await?;
    let change = Change::read(&object(body, "Body must be a JSON object")?.unwrap_or_default())?;
    if change.name.is_some() || change.display_name.is_some() {
        state.config.jupyterhub.named_servers().check_enabled()?;
    }
    if let Some(name) = &change.name {
        // The new name must be within reach too, or a filter on servers could be left by renaming.
        caller.require::<StartServer>(ServerRef::new(at.user.clone(), name.clone()))?;
    }
    let server = apply(&state, granted, change).await?;
    Ok(Json(view(&state, &caller, true).server(&server)))
}

/// What is to be changed; `None` stays.
struct Change {
    name: Option<ServerName>,
    display_name: Option<String>,
    user_options: Option<Map<String, Value>>,
}

impl Change {
    fn read(fields: &Map<String, Value>) -> Result<Self, ApiError> {
        if fields.is_empty() {
            return Err(ApiError::bad_request(
                "Must specify at least one field to modify.",
            ));
        }
        if let Some(key) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let text = format!(
                "Unexpected fields: {}, supported fields: {}",
                quoted(key),
                FIELDS.join(", ")
            );
            return Err(ApiError::bad_request(text));
        }
        let text = |key: &str| match fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ApiError::bad_request(format!("{key} must be a string"))),
        };
        let user_options = match fields.get("user_options") {
            None => None,
            Some(Value::Object(options)) => Some(options.clone()),
            Some(_) => return Err(ApiError::bad_request("user_options must be a dict")),
        };
        let name = text("name")?.map(ServerName::stored);
        let display_name = text("display_name")?.filter(|name| !name.is_empty());
        if let Some(name) = &name {
            if name.is_default() {
                return Err(ApiError::bad_request("Invalid server_name: "));
            }
            check_new_name(name)?;
        }
        if let Some(name) = &display_name {
            check_display_name(name)?;
        }
        Ok(Self {
            name,
            display_name,
            user_options,
        })
    }
}

async fn apply(
    state: &AppState,
    granted: Granted<StartServer>,
    change: Change,
) -> Result<Server, ApiError> {
    let at = granted.subject();
    let tx = state.db.write().await?;
    let server = servers::find(&*tx, at).await?.ok_or_else(|| {
        let name = shown(at.name.as_str());
        ApiError::not_found(format!("User {} has no such server {}", at.user, name))
    })?;
    if server.state != ServerState::Stopped {
        let text = format!(
            "{} is active. Please stop it before modifying it.",
            log_name(at)
        );
        return Err(ApiError::bad_request(text));
    }
    let renamed = change.name.filter(|name| *name != at.name);
    // Scopes carry the names of servers.
    let told = renamed.is_some().then_some(Event::Identities);
    if let Some(name) = renamed {
        if at.name.is_default() {
            // The user gets another default server: one more in all.
            let existing = servers::of_users(&*tx, &[server.user_id]).await?;
            let rule = state.config.jupyterhub.named_servers();
            rule.check_one_more(at.user.as_str(), &existing)?;
        }
        servers::rename(&tx, server.id, &name)
            .await
            .map_err(|error| {
                if error.is_conflict() {
                    ApiError::conflict(format!(
                        "User {} already has server {}",
                        at.user,
                        quoted(name.as_str())
                    ))
                } else {
                    error.into()
                }
            })?;
    }
    let step = ServerChange {
        display_name: change.display_name,
        user_options: change.user_options,
        ..ServerChange::default()
    };
    let changed = servers::step(&tx, server.id, server.epoch, &step).await?;
    let server = servers::get(&*tx, server.id).await?;
    tx.commit_and_tell(&state.bus, told).await?;
    match (changed, server) {
        (Some(_), Some(server)) => Ok(server),
        _ => Err(ApiError::new(
            StatusCode::CONFLICT,
            "The server was changed in the meantime; try again.",
        )),
    }
}
