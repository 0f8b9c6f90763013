//! Waiting for a server.

use axum::http::StatusCode;
use axum::response::Response;

use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use super::spawn::{arrival, check_user, on_the_way, wanted};
use crate::db::{events, servers};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Principal;
use crate::domain::server::{Failure, Server, ServerRef};
use crate::http::extract::ServerPath;
use crate::render::pages::{self, NotRunningPage, SpawnPendingPage, StopPendingPage};

/// `GET /hub/spawn-pending/:user[/:server]`.
pub(super) async fn pending(
    user: PageUser,
    ServerPath(at): ServerPath,
) -> Result<Response, PageError> {
    user.principal.require::<StartServer>(at.clone())?;
    let server = servers::find(user.state.db.read(), &at).await?;
    if server.is_none() {
        check_user(&user, &at.user).await?;
    }
    let state = server
        .as_ref()
        .map_or(ServerState::Stopped, |server| server.state);
    match (state, &server) {
        (ServerState::Ready, _) => Ok(found(&arrival(&user, &at))),
        (ServerState::Spawning, Some(server)) => waiting(&user, server).await,
        (ServerState::Stopping | ServerState::Removing, _) => {
            let page = StopPendingPage {
                chrome: user.chrome(),
                for_user: at.user.as_str().to_owned(),
                server_name: at.name.as_str().to_owned(),
            };
            user.page(StatusCode::OK, &page)
        }
        _ => not_running(
            &user,
            &at,
            server
                .as_ref()
                .and_then(|server| server.last_failure.as_ref()),
        ),
    }
}

async fn waiting(user: &PageUser, server: &Server) -> Result<Response, PageError> {
    let at = &server.at;
    let db = user.state.db.read();
    let start = events::latest_start(db, server.id)
        .await?
        .unwrap_or_default();
    let last = events::since(db, server.id, start, 0).await?.pop();
    let (progress, message) = last
        .map(|(_, event)| (event.progress, event.message))
        .unzip();
    let page = SpawnPendingPage {
        chrome: user.chrome(),
        for_user: at.user.as_str().to_owned(),
        server_name: at.name.as_str().to_owned(),
        progress_url: user.base().progress(&at.user, &at.name),
        progress: progress.unwrap_or_default(),
        message,
    };
    user.page(StatusCode::OK, &page)
}

/// The page of a server that does not run, with the reason if its last start failed. The status is the failure's own.
pub(super) fn not_running(
    visitor: &Visitor,
    at: &ServerRef,
    failure: Option<&Failure>,
) -> Result<Response, PageError> {
    let status = failure
        .and_then(|failure| StatusCode::from_u16(failure.status).ok())
        .unwrap_or(StatusCode::OK);
    let next = wanted(visitor);
    let page = not_running_page(visitor, at, failure, next.as_deref());
    visitor.page(status, &page)
}

/// The same page for any status; its button leads to `next` by way of the start. What the server wrote is on it for who may
/// read it.
pub(super) fn not_running_page(
    visitor: &Visitor,
    at: &ServerRef,
    failure: Option<&Failure>,
    next: Option<&str>,
) -> NotRunningPage {
    let reads = |who: &Principal| who.may_read_output(at);
    let with_output = visitor.principal.as_ref().is_some_and(reads);
    NotRunningPage {
        chrome: visitor.chrome(),
        for_user: at.user.as_str().to_owned(),
        server_name: at.name.as_str().to_owned(),
        spawn_url: on_the_way(visitor.base().spawn(&at.user, &at.name), next),
        failure: failure.map(|failure| pages::Failure {
            message: failure.message.clone(),
            hint: None,
            output: (with_output && !failure.output.is_empty()).then(|| failure.output.join("\n")),
        }),
        implicit_spawn_seconds: None,
    }
}
