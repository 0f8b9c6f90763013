//! `POST` and `DELETE /groups/:group/users`: who is in a group. Both say the group's model.

use axum::Json;
use axum::extract::{Path, State};
use hub_types::group::GroupModel;

use super::{
    add_members, changed_model, find_users, group_fields, may_change, names, no_such_group,
};
use crate::bus::Event;
use crate::db::groups;
use crate::domain::action::EditGroup;
use crate::domain::principal::Principal;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::AppState;

pub(in crate::http::api) async fn add(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<Json<GroupModel>, ApiError> {
    edit(&state, &caller, name, body, Edit::Add).await
}

pub(in crate::http::api) async fn remove(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<Json<GroupModel>, ApiError> {
    edit(&state, &caller, name, body, Edit::Remove).await
}

#[derive(Debug, Clone, Copy)]
enum Edit {
    Add,
    Remove,
}

async fn edit(
    state: &AppState,
    caller: &Principal,
    name: String,
    body: JsonBody,
    edit: Edit,
) -> Result<Json<GroupModel>, ApiError> {
    let granted = caller.require::<EditGroup>(name)?;
    let name = granted.subject();
    may_change(state)?;
    // First of all: a mistake in the body is told only for groups that there are.
    if groups::find(state.db.read(), name).await?.is_none() {
        return Err(no_such_group(name));
    }
    let fields = group_fields(body.read()?)?;
    let Some(listed) = fields.get("users") else {
        let to = match edit {
            Edit::Add => "add",
            Edit::Remove => "delete",
        };
        return Err(ApiError::bad_request(format!("Must specify users to {to}")));
    };
    let listed = names(Some(listed), "users")?;
    let tx = state.db.write().await?;
    let group = groups::find(&*tx, name).await?;
    let group = group.ok_or_else(|| no_such_group(name))?;
    let members = find_users(state, &tx, &listed).await?;
    match edit {
        Edit::Add => add_members((state, &tx), caller, (group.id, name), &members).await?,
        Edit::Remove => {
            for user in &members {
                groups::remove_member(&tx, group.id, user.id).await?;
            }
        }
    }
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::info!(
        "{}: {edit:?} {} members of group {name:?}",
        caller.owner.name(),
        members.len()
    );
    Ok(Json(changed_model(state, caller, name).await?))
}
