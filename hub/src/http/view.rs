//! Domain values as wire models, each field only if the caller may read it. Source: wire contract 5.2.

pub mod share;

use std::collections::BTreeMap;

use hub_types::paths::server_full_name;
use hub_types::scope::{ScopeName, Target};
use hub_types::server::{ServerModel, StopNotice};
use hub_types::token::TokenModel;
use hub_types::user::UserModel;
use serde_json::{Map, Value};

use crate::addresses::Addresses;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::{Owner, Principal};
use crate::domain::server::{Notice, Server};
use crate::domain::token::ApiToken;
use crate::domain::user::User;
use crate::spawner::Spawner;

/// Whoever may read anything of a user may read who it is. Source: wire contract 5.2.
const NAMING: &[ScopeName] = &[
    ScopeName::ReadUsers,
    ScopeName::ReadUsersName,
    ScopeName::ReadUsersGroups,
    ScopeName::ReadUsersActivity,
    ScopeName::ReadServers,
    ScopeName::ReadRolesUsers,
    ScopeName::AdminAuthState,
];

/// Shows things to one caller.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Who looks.
    pub caller: &'a Principal,
    /// Where URLs begin.
    pub addresses: &'a Addresses,
    /// Whether stopped servers are shown too.
    pub include_stopped: bool,
    /// What runs the servers: it knows what of their state is for others.
    pub spawner: &'a dyn Spawner,
}

impl View<'_> {
    /// A user with their servers and the names of their direct roles; `None` when the caller may not even see the name.
    #[must_use]
    pub fn user(&self, user: &User, servers: &[Server], roles: &[String]) -> Option<UserModel> {
        let target = Target::User(user.name.as_str());
        let may = |scope: ScopeName| self.caller.may(&scope, target);
        let whole = may(ScopeName::ReadUsers);
        let default = servers.iter().find(|server| server.at.name.is_default());
        let ready = default.filter(|server| server.state == ServerState::Ready);
        let pending = default.and_then(|server| server.state.pending());
        let servers = self.servers(user, servers);
        if servers.is_none() && !NAMING.iter().any(|scope| self.caller.may(scope, target)) {
            return None;
        }
        let mut model = UserModel {
            kind: Some("user".to_owned()),
            name: user.name.as_str().to_owned(),
            servers,
            ..UserModel::default()
        };
        if whole || may(ScopeName::ReadUsersName) {
            model.user_info = Some(user.user_info.clone());
        }
        if whole || may(ScopeName::ReadUsersName) || may(ScopeName::ReadRolesUsers) {
            model.admin = Some(user.admin);
        }
        if may(ScopeName::AdminAuthState) {
            // Lists do not show it; whoever asks for one user fills it in.
            model.auth_state = Some(None);
        }
        if whole {
            model.server = Some(ready.map(|server| self.addresses.server_url(&server.at)));
            model.pending = Some(pending);
            model.created = Some(Some(user.created));
        }
        if whole || may(ScopeName::ReadRolesUsers) {
            model.roles = Some(roles.to_vec());
        }
        if whole || may(ScopeName::ReadUsersGroups) {
            model.groups = Some(self.caller.groups().of_user(user.name.as_str()));
        }
        if whole || may(ScopeName::ReadUsersActivity) {
            model.last_activity = Some(user.last_activity);
        }
        Some(model)
    }

    fn servers(&self, user: &User, servers: &[Server]) -> Option<BTreeMap<String, ServerModel>> {
        let readable = |server: &&Server| {
            let target = Target::Server(server.at.user.as_str(), server.at.name.as_str());
            self.caller.may(&ScopeName::ReadServers, target)
        };
        let has_default = servers.iter().any(|server| server.at.name.is_default());
        let unused = (!has_default).then(|| Server::unused_default(user));
        let shown: BTreeMap<_, _> = servers
            .iter()
            .chain(&unused)
            .filter(readable)
            .filter(|server| self.include_stopped || server.state != ServerState::Stopped)
            .map(|server| (server.at.name.as_str().to_owned(), self.server(server)))
            .collect();
        let all = Target::User(user.name.as_str());
        (!shown.is_empty() || self.caller.may(&ScopeName::ReadServers, all)).then_some(shown)
    }

    /// A server. That the caller may read it has been checked.
    #[must_use]
    pub fn server(&self, server: &Server) -> ServerModel {
        let at = &server.at;
        let progress_url = self.addresses.base.progress(&at.user, &at.name);
        let target = Target::Server(at.user.as_str(), at.name.as_str());
        let may_see_state = self.caller.may(&ScopeName::AdminServerState, target);
        ServerModel {
            name: at.name.as_str().to_owned(),
            display_name: server.display_name.clone(),
            full_name: server_full_name(at.user.as_str(), at.name.as_str()),
            last_activity: server.last_activity,
            started: server.started,
            pending: server.state.pending(),
            ready: server.state == ServerState::Ready,
            stopped: server.state == ServerState::Stopped,
            full_url: self.addresses.full_server_url(at),
            url: Some(self.addresses.server_url(at)),
            user_options: (!(server.is_forgotten() && server.user_options.is_empty()))
                .then(|| server.user_options.clone()),
            full_progress_url: self.addresses.full_url(&progress_url),
            progress_url,
            stop_notice: server.stop_notice().map(stop_notice),
            state: may_see_state.then(|| match &server.spawner_state {
                Some(Value::Null) => Value::Null,
                Some(state) => self.spawner.shown_state(state),
                None => Value::Object(Map::new()),
            }),
        }
    }
}

/// An announcement as the API shows it.
#[must_use]
pub fn stop_notice(notice: &Notice) -> StopNotice {
    StopNotice {
        stop_at: notice.stop_at,
        given: notice.given,
        reason: notice.reason.clone(),
        unless_used: notice.since.is_some(),
    }
}

/// A token of `owner`, without its secret. `scopes` are expanded.
#[must_use]
pub fn token(
    token: &ApiToken,
    owner: &Owner,
    scopes: Vec<String>,
    client: Option<&str>,
) -> TokenModel {
    let name = owner.name().to_owned();
    let (user, service) = match owner {
        Owner::User(_) => (Some(name), None),
        Owner::Service { .. } => (None, Some(name)),
    };
    TokenModel {
        user,
        service,
        id: token.id.to_string(),
        kind: "api_token".to_owned(),
        roles: Vec::new(),
        scopes,
        created: Some(token.created),
        last_activity: token.last_activity,
        expires_at: token.expires,
        note: Some(token.note.clone()),
        session_id: token.session_id.clone(),
        oauth_client: client.unwrap_or("JupyterHub").to_owned(),
        token: None,
    }
}
