//! `PATCH /users/:name/server[s/:server]`: renames a stopped server, or changes what it is called and started with.

mod renaming;

use axum::Json;
use axum::extract::State;
use hub_types::names::ServerName;
use hub_types::server::ServerModel;
use serde_json::{Map, Value};

use super::super::body::{is_nothing, object, quoted, shown};
use super::super::users::{find, view};
use super::{check_characters, check_display_name, check_new_name, log_name};
use crate::bus::Event;
use crate::db::{NewServer, ServerChange, Tx, servers};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerRef};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::state::AppState;

const FIELDS: &[&str] = &["name", "display_name", "user_options"];

pub(in crate::http::api) async fn update(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<Json<ServerModel>, ApiError> {
    let granted = caller.require::<StartServer>(at.clone())?;
    let user = find(&state, &at.user).await?;
    let change =
        Change::read(&object(body.read()?, "Body must be a JSON object")?.unwrap_or_default())?;
    if change.name.is_some() || change.display_name.is_some() {
        state.config.jupyterhub.named_servers().check_enabled()?;
    }
    if let Some(name) = &change.name {
        // The new name must be within reach too, or a filter on servers could be left by renaming.
        caller.require::<StartServer>(ServerRef::new(at.user.clone(), name.clone()))?;
    }
    let options = change.user_options.is_some();
    let server = apply(&state, granted, &user, change).await?;
    let mut model = view(&state, &caller, true).server(&server);
    // JupyterHub shows here what it has stored, where that is nothing.
    if server.spawner_state.is_none() || server.is_forgotten() {
        model.state = model.state.map(|_| Value::Null);
    }
    if server.user_options.is_empty() && !options {
        model.user_options = None;
    }
    Ok(Json(model))
}

/// What is to be changed; `None` stays.
pub(in crate::http) struct Change {
    name: Option<ServerName>,
    display_name: Option<String>,
    user_options: Option<Map<String, Value>>,
}

impl Change {
    /// People shall call it something else, as they would a new server.
    pub(in crate::http) fn display_name(name: &str) -> Result<Self, ApiError> {
        check_display_name(name)?;
        Ok(Self {
            name: None,
            display_name: Some(name.to_owned()),
            user_options: None,
        })
    }

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
        let display_name = match fields.get("display_name") {
            Some(nothing) if is_nothing(nothing) => None,
            _ => text("display_name")?,
        };
        if let Some(name) = &name {
            // The default server always exists: moving another one there is a conflict, said below.
            if !name.is_default() {
                check_new_name(name)?;
            }
        }
        match (&name, &display_name) {
            // JupyterHub checks it as that of a new server, under the new name.
            (Some(_), Some(shown)) => check_display_name(shown)?,
            (None, Some(shown)) => check_characters(shown)?,
            (_, None) => {}
        }
        Ok(Self {
            name,
            display_name,
            user_options,
        })
    }
}

/// Changes a stopped server.
///
/// Goes on to its end when the client goes away: the spawner must not know the server by a name that its row has not.
pub(in crate::http) async fn apply(
    state: &AppState,
    granted: Granted<StartServer>,
    user: &User,
    change: Change,
) -> Result<Server, ApiError> {
    let (state, user) = (state.clone(), user.clone());
    let changed = tokio::spawn(async move { to_the_end(&state, &granted, &user, change).await });
    changed.await.map_err(ApiError::internal)?
}

async fn to_the_end(
    state: &AppState,
    granted: &Granted<StartServer>,
    user: &User,
    change: Change,
) -> Result<Server, ApiError> {
    let at = granted.subject();
    let step = ServerChange {
        display_name: change.display_name,
        user_options: change.user_options,
        ..ServerChange::default()
    };
    if let Some(name) = change.name {
        return renaming::rename(state, user, at, name, step).await;
    }
    let tx = state.manager.write_about(&[at]).await?;
    let server = stopped(&tx, user, at).await?;
    write(state, tx, &server, &step, None).await
}

/// The server, if it can be changed.
async fn stopped(tx: &Tx, user: &User, at: &ServerRef) -> Result<Server, ApiError> {
    let server = match servers::find(&**tx, at).await? {
        Some(server) => server,
        None => first_default(tx, user, at).await?,
    };
    if server.state != ServerState::Stopped {
        let text = format!(
            "{} is active. Please stop it before modifying it.",
            log_name(at)
        );
        return Err(ApiError::bad_request(text));
    }
    Ok(server)
}

/// The default server of a user who has not had one: it can be changed like any other.
async fn first_default(tx: &Tx, user: &User, at: &ServerRef) -> Result<Server, ApiError> {
    let missing = || {
        let name = shown(at.name.as_str());
        ApiError::not_found(format!("User {} has no such server {name}", at.user))
    };
    if !at.name.is_default() {
        return Err(missing());
    }
    let id = servers::insert(tx, user.id, &at.name, &NewServer::default()).await?;
    servers::get(&**tx, id).await?.ok_or_else(missing)
}

async fn write(
    state: &AppState,
    tx: Tx,
    server: &Server,
    step: &ServerChange,
    told: Option<Event>,
) -> Result<Server, ApiError> {
    let changed = servers::step(&tx, server.id, server.epoch, step).await?;
    let server = servers::get(&*tx, server.id).await?;
    match (changed, server) {
        (Some(_), Some(server)) => {
            tx.commit_and_tell(&state.bus, told).await?;
            Ok(server)
        }
        _ => Err(meanwhile()),
    }
}

fn meanwhile() -> ApiError {
    ApiError::conflict("The server was changed in the meantime; try again.")
}
