//! `PUT` and `DELETE /roles/:role/users/:user`, `…/groups/:group`, `…/services/:service`: who holds a role.
//!
//! Needs the scope with which users, groups or services are administered, for that one, and everything that the role gives
//! in the holder's hands.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_types::scope::ScopeSet;

use super::super::body::shown;
use super::{anybodys, changeable, within};
use crate::bus::Event;
use crate::db::roles::{self, Holder};
use crate::domain::action::{GiveRoleToGroup, GiveRoleToService, GiveRoleToUser};
use crate::domain::principal::{Denied, Principal};
use crate::domain::role::{Bearer, Origin, Role, expand};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

type Names = Path<(String, String, String)>;

pub(in crate::http::api) async fn give(
    State(state): State<AppState>,
    Auth(caller): Auth,
    path: Names,
) -> Result<StatusCode, ApiError> {
    change(&state, &caller, path, Change::Give).await
}

pub(in crate::http::api) async fn take(
    State(state): State<AppState>,
    Auth(caller): Auth,
    path: Names,
) -> Result<StatusCode, ApiError> {
    change(&state, &caller, path, Change::Take).await
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Give,
    Take,
}

/// Giving and taking ask for the same: whoever may not have what a role gives must not decide who has it.
async fn change(
    state: &AppState,
    caller: &Principal,
    Path((role, kind, holder)): Names,
    change: Change,
) -> Result<StatusCode, ApiError> {
    let kind = permitted(caller, &kind, &holder)?;
    let tx = state.db.write().await?;
    let found = changeable(&tx, &role).await?;
    within(caller, &given(state, &found, kind, &holder))?;
    let (done, did) = match change {
        Change::Give => (
            roles::grant(&tx, &role, kind, &holder, Origin::Api).await?,
            "gave",
        ),
        Change::Take => (roles::revoke(&tx, &role, kind, &holder).await?, "took"),
    };
    if !done {
        return Err(no_such_holder(&holder));
    }
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    let who = caller.owner.name();
    tracing::warn!("{who} {did} role {role}: {kind:?} {holder:?}");
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_holder(name: &str) -> ApiError {
    ApiError::not_found(format!(
        "Nobody called {} holds or can hold the role",
        shown(name)
    ))
}

/// Asks for the permission that goes with the kind of holder.
fn permitted(caller: &Principal, kind: &str, holder: &str) -> Result<Holder, ApiError> {
    let name = holder.to_owned();
    let (kind, denied): (Holder, Option<Denied>) = match kind {
        "users" => (Holder::User, caller.require::<GiveRoleToUser>(name).err()),
        "groups" => (Holder::Group, caller.require::<GiveRoleToGroup>(name).err()),
        "services" => (
            Holder::Service,
            caller.require::<GiveRoleToService>(name).err(),
        ),
        _ => return Err(ApiError::silent(StatusCode::NOT_FOUND)),
    };
    denied.map_or(Ok(kind), |denied| Err(denied.into()))
}

/// What the role gives in the hands of this holder; a group's members can be anybody.
fn given(state: &AppState, role: &Role, kind: Holder, holder: &str) -> ScopeSet {
    let catalogue = &*state.config.jupyterhub.custom_scopes;
    let bearer = match kind {
        Holder::User => Bearer::user(holder, catalogue),
        Holder::Service => Bearer::service(holder, catalogue),
        Holder::Group => return anybodys(state, &role.scopes),
    };
    expand(role.scopes.iter().cloned(), bearer)
}
