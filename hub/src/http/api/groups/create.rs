//! `POST /groups` and `POST /groups/:group`: makes groups, all or none, with their first members.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_types::group::GroupModel;
use serde_json::{Map, Value};

use super::super::body::shown;
use super::{
    Created, add_members, changed_model, check_group, check_new_name, find_users, group_fields,
    may_change, names,
};
use crate::bus::Event;
use crate::db::groups;
use crate::domain::action::{CreateGroup, CreateGroups, Hub};
use crate::domain::principal::{Granted, Principal};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::AppState;

pub(in crate::http::api) async fn create_many(
    State(state): State<AppState>,
    Auth(caller): Auth,
    body: JsonBody,
) -> Result<Created<Vec<GroupModel>>, ApiError> {
    let granted = caller.require::<CreateGroups>(Hub)?;
    may_change(&state)?;
    let mut fields = match body.read()? {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let wanted = fields.remove("groups").filter(Value::is_array);
    let wanted = names(wanted.as_ref(), "groups")?;
    if wanted.is_empty() {
        let text = "Must specify at least one group to create";
        return Err(ApiError::bad_request(text));
    }
    check_group(&fields)?;
    let members = names(fields.get("users"), "users")?;
    insert(
        &state,
        &caller,
        Permission::All(&granted),
        &wanted,
        &members,
    )
    .await?;
    let mut models = Vec::with_capacity(wanted.len());
    for name in &wanted {
        models.push(changed_model(&state, &caller, name).await?);
    }
    Ok((StatusCode::CREATED, Json(models)))
}

pub(in crate::http::api) async fn create_one(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<Created<GroupModel>, ApiError> {
    let granted = caller.require::<CreateGroup>(name.clone())?;
    may_change(&state)?;
    let fields = match body.read()? {
        None | Some(Value::Null) => Map::new(),
        body => group_fields(body)?,
    };
    let members = names(fields.get("users"), "users")?;
    let wanted = std::slice::from_ref(&name);
    insert(&state, &caller, Permission::One(&granted), wanted, &members).await?;
    let model = changed_model(&state, &caller, &name).await?;
    Ok((StatusCode::CREATED, Json(model)))
}

/// Evidence that groups may be made: any, or the one of that name.
enum Permission<'a> {
    All(&'a Granted<CreateGroups>),
    One(&'a Granted<CreateGroup>),
}

impl Permission<'_> {
    fn covers(&self, name: &str) -> bool {
        match self {
            Permission::All(granted) => *granted.subject() == Hub,
            Permission::One(granted) => granted.subject() == name,
        }
    }
}

async fn insert(
    state: &AppState,
    caller: &Principal,
    permission: Permission<'_>,
    wanted: &[String],
    members: &[String],
) -> Result<(), ApiError> {
    let tx = state.db.write().await?;
    for name in wanted {
        if groups::find(&*tx, name).await?.is_some() {
            let text = format!("Group {} already exists", shown(name));
            return Err(ApiError::conflict(text));
        }
    }
    let members = find_users(state, &tx, members).await?;
    for name in wanted.iter().filter(|name| permission.covers(name)) {
        check_new_name(name)?;
        let id = groups::ensure_exists(&tx, name).await?;
        add_members((state, &tx), caller, (id, name), &members).await?;
    }
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::info!(
        "{} made groups {wanted:?} with {} members",
        caller.owner.name(),
        members.len()
    );
    Ok(())
}
