//! `POST /roles/:role` makes a role, `PUT /roles/:role` writes it anew; who holds it stays.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_types::role::RoleModel;
use hub_types::scope::{Scope, ScopeName};
use serde_json::{Map, Value};

use super::super::body::{Field, check_model, shown};
use super::{anybodys, changeable, model, within};
use crate::bus::Event;
use crate::db::roles;
use crate::domain::action::{EditRoles, Hub};
use crate::domain::principal::{Granted, Principal};
use crate::domain::role::{Origin, Role, is_role_name};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::AppState;

pub(in crate::http::api) const FIELDS: &[Field] =
    &[Field::text("description"), Field::list("scopes")];

/// Most scopes of a role, and characters of its description.
pub(in crate::http::api) const MOST: usize = 1_000;

pub(in crate::http::api) async fn create(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<(StatusCode, Json<RoleModel>), ApiError> {
    let granted = caller.require::<EditRoles>(Hub)?;
    if roles::find(state.db.read(), &name).await?.is_some() {
        let text = format!("Role {} already exists", shown(&name));
        return Err(ApiError::conflict(text));
    }
    if !is_role_name(&name) {
        return Err(ApiError::bad_request(format!(
            "Invalid role name: {} (3 to 255 of a-z, 0-9, '-', '_', '.', '~'; first a letter, last a letter or digit)",
            shown(&name)
        )));
    }
    let role = read(&state, name, body.read()?)?;
    store(&state, &caller, &granted, &role, Write::New).await?;
    let model = model(&state, &role.name).await?;
    Ok((StatusCode::CREATED, Json(model)))
}

pub(in crate::http::api) async fn replace(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<Json<RoleModel>, ApiError> {
    let granted = caller.require::<EditRoles>(Hub)?;
    if roles::find(state.db.read(), &name).await?.is_none() {
        return Err(super::no_such_role(&name));
    }
    let role = read(&state, name, body.read()?)?;
    store(&state, &caller, &granted, &role, Write::Anew).await?;
    Ok(Json(model(&state, &role.name).await?))
}

fn read(state: &AppState, name: String, body: Option<Value>) -> Result<Role, ApiError> {
    let Some(Value::Object(fields)) = body else {
        let text = "Body must be a JSON object with scopes, and perhaps a description";
        return Err(ApiError::bad_request(text));
    };
    check_model("role", FIELDS, &fields)?;
    let description = fields.get("description").and_then(Value::as_str);
    let description = description.unwrap_or_default();
    if description.chars().count() > MOST {
        let text = format!("role.description must be at most {MOST} characters");
        return Err(ApiError::bad_request(text));
    }
    Ok(Role {
        name,
        description: description.to_owned(),
        scopes: scopes(state, &fields)?,
        origin: Origin::Api,
    })
}

fn scopes(state: &AppState, fields: &Map<String, Value>) -> Result<Vec<Scope>, ApiError> {
    let items = fields.get("scopes").and_then(Value::as_array);
    let items = items.ok_or_else(|| ApiError::bad_request("role.scopes must be given"))?;
    if items.len() > MOST {
        let text = format!("role.scopes must be at most {MOST}");
        return Err(ApiError::bad_request(text));
    }
    let mut scopes = Vec::with_capacity(items.len());
    for item in items {
        let text = item
            .as_str()
            .ok_or_else(|| ApiError::bad_request("role.scopes must be strings"))?;
        let scope = state.config.jupyterhub.custom_scopes.parse(text);
        let scope = scope.map_err(|_| {
            ApiError::bad_request(format!("Scope '{}' does not exist", shown(text)))
        })?;
        if scope.name == ScopeName::Inherit {
            let text = "inherit is for tokens; a role cannot give it";
            return Err(ApiError::bad_request(text));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    New,
    Anew,
}

async fn store(
    state: &AppState,
    caller: &Principal,
    _granted: &Granted<EditRoles>,
    role: &Role,
    write: Write,
) -> Result<(), ApiError> {
    within(caller, &anybodys(state, &role.scopes))?;
    let tx = state.db.write().await?;
    if write == Write::Anew {
        // What is taken away had to be held as well.
        let before = changeable(&tx, &role.name).await?;
        within(caller, &anybodys(state, &before.scopes))?;
    } else if roles::find(&*tx, &role.name).await?.is_some() {
        let text = format!("Role {} already exists", role.name);
        return Err(ApiError::conflict(text));
    }
    roles::put(&tx, role).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::warn!(
        "{} wrote role {} ({write:?})",
        caller.owner.name(),
        role.name
    );
    Ok(())
}
