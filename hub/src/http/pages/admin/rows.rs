//! Users and their servers as rows, each field only if the visitor may see it.

use std::collections::HashSet;

use hub_types::names::{ServerName, Username};
use hub_types::server::{Pending, ServerModel};
use hub_types::user::UserModel;
use serde_json::Value;

use super::{Admin, query};
use crate::domain::action::{AccessServer, DeleteUser, StartServer, StopServer};
use crate::domain::lifecycle::ServerState as Stored;
use crate::domain::server::{Server, ServerRef};
use crate::render::pages::ServerState;
use crate::render::pages::admin::{ServerActs, UserRow};

/// How many groups of a user a row names.
const GROUPS: usize = 5;

/// How forms name a server.
pub(super) fn key(at: &ServerRef) -> String {
    query(&[("user", at.user.as_str()), ("server", at.name.as_str())])
}

pub(super) fn state_of(server: &ServerModel) -> ServerState {
    match server.pending {
        _ if server.ready => ServerState::Ready,
        Some(Pending::Stop) => ServerState::Stopping,
        Some(_) => ServerState::Spawning,
        None => ServerState::Stopped,
    }
}

/// What the visitor may do with a server in this state, if they may see that.
pub(super) fn acts(admin: &Admin, at: &ServerRef, state: Option<ServerState>) -> ServerActs {
    let caller = &admin.principal;
    let may_start = caller.require::<StartServer>(at.clone()).is_ok();
    let may_stop = caller.require::<StopServer>(at.clone()).is_ok();
    let named = !at.name.is_default();
    let usable = !named || admin.state.config.jupyterhub.allow_named_servers;
    let stopped = matches!(state, None | Some(ServerState::Stopped));
    let runs = matches!(
        state,
        None | Some(ServerState::Ready | ServerState::Spawning)
    );
    ServerActs {
        start: usable && may_start && stopped,
        stop: usable && may_stop && runs,
        remove: usable && named && may_stop && state == Some(ServerState::Stopped),
        spawn: usable && may_start && stopped,
    }
}

/// Where a ready server is, for those who may enter it.
pub(super) fn way_in(admin: &Admin, at: &ServerRef, server: &ServerModel) -> Option<String> {
    let may = admin.principal.require::<AccessServer>(at.clone()).is_ok();
    (server.ready && may).then(|| server.url.clone()).flatten()
}

/// The profile among the options of a server.
fn profile(server: &ServerModel) -> Option<String> {
    match server.user_options.as_ref()?.get("profile")? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Rows of these users, in their order.
pub(super) fn rows(admin: &Admin, models: Vec<UserModel>, servers: &[Server]) -> Vec<UserRow> {
    let failed: HashSet<&ServerRef> = servers
        .iter()
        .filter(|server| server.state == Stored::Stopped && server.last_failure.is_some())
        .map(|server| &server.at)
        .collect();
    let rows = models.into_iter().flat_map(|model| {
        let mut rows = of_user(admin, &model);
        for row in &mut rows {
            let at = ServerRef::new(
                Username::stored(&*row.user),
                ServerName::stored(&*row.server),
            );
            row.failed = row.state.is_some() && failed.contains(&at);
        }
        rows
    });
    rows.collect()
}

fn of_user(admin: &Admin, model: &UserModel) -> Vec<UserRow> {
    let user = Username::stored(model.name.clone());
    let default = ServerRef::new(user.clone(), ServerName::default_server());
    let shown = model.servers.as_ref();
    let mut first = row(admin, &default, shown.and_then(|servers| servers.get("")));
    first.first = true;
    first.user_url = admin.url("/user", &[("name", user.as_str())]);
    first.admin = model.admin;
    first.groups = model.groups.clone().unwrap_or_default();
    first.more_groups = first.groups.len().saturating_sub(GROUPS);
    first.groups.truncate(GROUPS);
    first.last_activity = model.last_activity.flatten();
    let own = admin.principal.username() == Some(&user);
    first.may_delete = !own
        && admin
            .principal
            .require::<DeleteUser>(model.name.clone())
            .is_ok();
    let named = shown
        .into_iter()
        .flatten()
        .filter(|(name, _)| !name.is_empty());
    let named = named.map(|(name, server)| {
        let at = ServerRef::new(user.clone(), ServerName::stored(name.clone()));
        UserRow {
            last_activity: server.last_activity,
            ..row(admin, &at, Some(server))
        }
    });
    std::iter::once(first).chain(named).collect()
}

fn row(admin: &Admin, at: &ServerRef, server: Option<&ServerModel>) -> UserRow {
    let state = server.map(state_of);
    UserRow {
        user: at.user.as_str().to_owned(),
        server: at.name.as_str().to_owned(),
        display_name: server.map_or_else(String::new, |server| server.display_name.clone()),
        key: key(at),
        state,
        started: server.and_then(|server| server.started),
        profile: server.and_then(profile),
        url: server.and_then(|server| way_in(admin, at, server)),
        spawn_url: admin.base().spawn(&at.user, &at.name),
        may: acts(admin, at, state),
        ..UserRow::default()
    }
}
