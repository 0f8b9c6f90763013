//! A server as the home page and its own page show it.

use super::context::Visitor;
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Server, ServerRef};
use crate::http::view::stop_notice;
use crate::render::pages::{self, ServerCard};

/// The server `at`; the default one need not be there.
pub(super) fn card(visitor: &Visitor, at: &ServerRef, server: Option<&Server>) -> ServerCard {
    let base = visitor.base();
    let state = match server.map_or(ServerState::Stopped, |server| server.state) {
        ServerState::Stopped => pages::ServerState::Stopped,
        ServerState::Spawning => pages::ServerState::Spawning,
        ServerState::Ready => pages::ServerState::Ready,
        ServerState::Stopping | ServerState::Removing => pages::ServerState::Stopping,
    };
    ServerCard {
        name: at.name.as_str().to_owned(),
        display_name: server
            .filter(|_| !at.name.is_default())
            .map(|server| server.display_name.clone())
            .unwrap_or_default(),
        owner: at.user.as_str().to_owned(),
        state,
        url: visitor.state.addresses.server_url(at),
        spawn_url: base.spawn(&at.user, &at.name),
        pending_url: base.spawn_pending(&at.user, &at.name),
        manage_url: base.manage(&at.user, &at.name),
        last_activity: server.and_then(|server| server.last_activity),
        started: server.and_then(|server| server.started),
        failure: server
            .and_then(|server| server.last_failure.as_ref())
            .map(|failure| failure.message.clone()),
        stop_notice: server.and_then(Server::stop_notice).map(stop_notice),
    }
}
