//! `GET /hub/admin/user?name=…`: one user, with their servers, the options and the last output of each.

use std::collections::{BTreeMap, HashSet};

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::{ServerName, Username};
use hub_types::scope::{ScopeName, Target};
use hub_types::server::ServerModel;
use hub_types::user::UserModel;
use serde_json::Value;

use super::super::error_page::PageError;
use super::super::pager::List;
use super::rows::{acts as server_acts, key, state_of, way_in};
use super::users::LOOK_AGAIN;
use super::{Admin, MANY, done, tabs};
use crate::db::{servers, users};
use crate::domain::action::{DeleteUser, EditUser, ReadServerOutput, ReadUser};
use crate::domain::membership::may_make_admins;
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerRef};
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::admin::{ServerDetails, UserActs, UserPage};
use crate::render::pages::{Notice, ServerState};

/// How many lines of a server's output are shown.
const LOG_LINES: usize = 50;

/// Their servers, each with what it has written last.
pub(super) const SERVERS: List = List {
    argument: "servers",
    rows: 5,
};

/// `GET`.
pub(in crate::http::pages) async fn show(admin: Admin) -> Result<Response, PageError> {
    let notice = done(admin.argument("done").as_deref());
    page(&admin, StatusCode::OK, notice, None).await
}

/// The user that the URL names.
pub(super) fn named(admin: &Admin) -> String {
    admin.argument("name").unwrap_or_default()
}

/// The page, with what has just happened and what stands in the field for the name.
pub(super) async fn page(
    admin: &Admin,
    status: StatusCode,
    notice: Option<Notice>,
    typed_name: Option<&str>,
) -> Result<Response, PageError> {
    let (state, name) = (&admin.state, named(admin));
    admin.principal.require::<ReadUser>(name.clone())?;
    let user = users::find(state.db.read(), &name).await?;
    let user = user.ok_or_else(ApiError::out_of_reach)?;
    let known = servers::of_users(state.db.read(), &[user.id]).await?;
    let models = acts::user_models(state, &admin.principal, &[user], &known).await?;
    let model = models
        .into_iter()
        .next()
        .ok_or_else(ApiError::out_of_reach)?;
    let all: Vec<_> = model.servers.iter().flat_map(BTreeMap::values).collect();
    let (part, pager) = SERVERS.part(admin, all, &admin.url("/user", &[("name", &name)]));
    let mut details = Vec::new();
    for server in part {
        details.push(server_details(admin, &name, server, &known).await);
    }
    let waits = details
        .iter()
        .any(|server| matches!(server.state, ServerState::Spawning | ServerState::Stopping));
    let page = UserPage {
        typed_name: typed_name.unwrap_or(&name).to_owned(),
        servers: model.servers.is_some().then_some(details),
        pager,
        refresh: waits.then_some(LOOK_AGAIN),
        notice,
        ..about(admin, model)
    };
    admin.page(status, &page)
}

/// What is known of the user, without their servers.
fn about(admin: &Admin, model: UserModel) -> UserPage {
    let may = may(admin, &model);
    let own: HashSet<&str> = model.groups.iter().flatten().map(String::as_str).collect();
    let others = admin.group_names(MANY, |name| {
        let editable = admin.principal.may(&ScopeName::Groups, Target::Group(name));
        may.groups && editable && !own.contains(name)
    });
    let more_groups = own.len().saturating_sub(MANY);
    let groups = model.groups.map(|mut groups| {
        groups.truncate(MANY);
        groups
    });
    UserPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        action: SERVERS.here(admin, &admin.url("/user", &[("name", &model.name)])),
        admin: model.admin,
        created: model.created.flatten(),
        last_activity: model.last_activity.flatten(),
        roles: model.roles,
        other_groups: others,
        groups,
        more_groups,
        info: model
            .user_info
            .flatten()
            .as_ref()
            .map(json)
            .unwrap_or_default(),
        may,
        name: model.name,
        ..UserPage::default()
    }
}

fn may(admin: &Admin, model: &UserModel) -> UserActs {
    let caller = &admin.principal;
    // Only administrators change administrators.
    let over = model.admin != Some(true) || caller.owner.admin();
    let own = caller
        .username()
        .is_some_and(|own| own.as_str() == model.name);
    UserActs {
        edit: over && caller.require::<EditUser>(model.name.clone()).is_ok(),
        make_admin: may_make_admins(caller),
        delete: over && !own && caller.require::<DeleteUser>(model.name.clone()).is_ok(),
        groups: caller.reach(&[ScopeName::Groups]).is_ok()
            && !admin.state.config.authenticator.manage_groups,
    }
}

/// JSON for people.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(fields) if fields.is_empty() => String::new(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

async fn server_details(
    admin: &Admin,
    user: &str,
    model: &ServerModel,
    known: &[Server],
) -> ServerDetails {
    let at = ServerRef::new(
        Username::stored(user),
        ServerName::stored(model.name.clone()),
    );
    let stored = known.iter().find(|server| server.at == at);
    let state = state_of(model);
    let failure = stored.and_then(|server| server.last_failure.as_ref());
    let log = match (
        admin.principal.require::<ReadServerOutput>(at.clone()),
        stored,
    ) {
        (Ok(granted), Some(server)) => Some(output(admin, &granted, server).await),
        (Ok(_), None) => Some(String::new()),
        (Err(_), _) => None,
    };
    let target = Target::Server(at.user.as_str(), at.name.as_str());
    let sees_state = admin.principal.may(&ScopeName::AdminServerState, target);
    ServerDetails {
        name: model.name.clone(),
        display_name: model.display_name.clone(),
        key: key(&at),
        state,
        url: way_in(admin, &at, model),
        spawn_url: admin.base().spawn(&at.user, &at.name),
        started: model.started,
        last_activity: model.last_activity,
        options: model
            .user_options
            .clone()
            .map(|options| json(&Value::Object(options)))
            .unwrap_or_default(),
        spawner_state: match (sees_state, &model.state) {
            (true, Some(state)) => json(state),
            _ => String::new(),
        },
        failure: match state {
            ServerState::Stopped => failure.map(|failure| failure.message.clone()),
            _ => None,
        },
        log,
        may: server_acts(admin, &at, Some(state)),
    }
}

/// The last lines that a server wrote: of this run, or of the one that failed.
async fn output(admin: &Admin, granted: &Granted<ReadServerOutput>, server: &Server) -> String {
    if *granted.subject() != server.at {
        return String::new();
    }
    let state = server
        .spawner_state
        .as_ref()
        .filter(|state| !state.is_null());
    if let Some(state) = state {
        let lines = admin
            .state
            .manager
            .spawner
            .output_tail(state, LOG_LINES)
            .await;
        if !lines.is_empty() {
            return lines.join("\n");
        }
    }
    let failure = server.last_failure.as_ref();
    failure
        .map(|failure| failure.output.join("\n"))
        .unwrap_or_default()
}
