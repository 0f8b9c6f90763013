//! The home page: your server, and what else you may use.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::{ServerName, Username};

use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use crate::db::servers;
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Server, ServerRef};
use crate::http::freshness::{self, Deed};
use crate::http::view::stop_notice;
use crate::render::pages::{self, HomePage, Notice, ServerCard};
use crate::spawner::manager::StopRequest;

/// How long the page waits for a stop before it says "stopping".
const STOP_WAIT: Duration = Duration::from_secs(5);

/// `GET /hub/home`.
pub(super) async fn home(user: PageUser) -> Result<Response, PageError> {
    page(&user, StatusCode::OK, None).await
}

async fn page(
    user: &PageUser,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, PageError> {
    let Some(name) = user.principal.username() else {
        return Err(PageError::forbidden("Services have no home page."));
    };
    let at = ServerRef::new(name.clone(), ServerName::default_server());
    let server = servers::find(user.state.db.read(), &at).await?;
    let page = HomePage {
        chrome: user.chrome(),
        default_server: card(user, &at, server.as_ref()),
        notice,
    };
    user.page(status, &page)
}

fn card(visitor: &Visitor, at: &ServerRef, server: Option<&Server>) -> ServerCard {
    let base = visitor.base();
    let state = match server.map_or(ServerState::Stopped, |server| server.state) {
        ServerState::Stopped => pages::ServerState::Stopped,
        ServerState::Spawning => pages::ServerState::Spawning,
        ServerState::Ready => pages::ServerState::Ready,
        ServerState::Stopping | ServerState::Removing => pages::ServerState::Stopping,
    };
    ServerCard {
        name: at.name.as_str().to_owned(),
        state,
        url: visitor.state.addresses.server_url(at),
        spawn_url: base.spawn(&at.user, &at.name),
        pending_url: base.spawn_pending(&at.user, &at.name),
        last_activity: server.and_then(|server| server.last_activity),
        started: server.and_then(|server| server.started),
        failure: server
            .and_then(|server| server.last_failure.as_ref())
            .map(|failure| failure.message.clone()),
        stop_notice: server.and_then(Server::stop_notice).map(stop_notice),
    }
}

/// `POST /hub/home/stop-server`: stops a server (or cancels its start) without JavaScript.
pub(super) async fn stop_server(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return page(&user, StatusCode::FORBIDDEN, Some(Notice::error(STALE))).await;
    }
    let own = user
        .principal
        .username()
        .map(Username::as_str)
        .unwrap_or_default();
    let owner = Username::stored(
        form.field("user")
            .filter(|name| !name.is_empty())
            .unwrap_or(own),
    );
    let at = ServerRef::new(
        owner,
        ServerName::stored(form.field("server").unwrap_or_default()),
    );
    let granted = user.principal.require::<StopServer>(at.clone())?;
    freshness::before(&user.state, &user.principal, &at.user, Deed::Stop).await?;
    user.state
        .manager
        .stop(granted, StopRequest::default(), STOP_WAIT)
        .await
        .map_err(|error| PageError::from(crate::http::error::ApiError::from(error)))?;
    Ok(found(&user.base().hub_path("home")))
}
