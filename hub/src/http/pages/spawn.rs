//! Starting a server from the browser.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::ServerName;
use url::form_urlencoded;

use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use super::spawn_pending::not_running;
use crate::domain::action::StartServer;
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::extract::ServerPath;
use crate::http::freshness::{self, Deed};
use crate::http::xsrf::Sender;
use crate::render::pages::SpawnPage;
use crate::spawner::manager::{StartError, StartOutcome, StartRequest};

/// How long the page waits for an early error before it shows the progress.
const EARLY: Duration = Duration::from_secs(1);

fn own_server(user: &PageUser) -> Result<ServerRef, PageError> {
    let name = user
        .principal
        .username()
        .ok_or_else(|| PageError::forbidden("Services have no servers."))?;
    Ok(ServerRef::new(name.clone(), ServerName::default_server()))
}

/// `GET /hub/spawn`: the visitor's default server.
pub(super) async fn own(user: PageUser) -> Result<Response, PageError> {
    let at = own_server(&user)?;
    begin(&user, at).await
}

/// `POST /hub/spawn`: the same, confirmed.
pub(super) async fn own_confirmed(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    let at = own_server(&user)?;
    confirm(&user, at, &form).await
}

/// `GET /hub/spawn/:user[/:server]`.
pub(super) async fn start(
    user: PageUser,
    ServerPath(at): ServerPath,
) -> Result<Response, PageError> {
    begin(&user, at).await
}

/// `POST /hub/spawn/:user[/:server]`.
pub(super) async fn confirmed(
    user: PageUser,
    ServerPath(at): ServerPath,
    form: RawForm,
) -> Result<Response, PageError> {
    confirm(&user, at, &form).await
}

async fn confirm(user: &PageUser, at: ServerRef, form: &RawForm) -> Result<Response, PageError> {
    match form.check(user)? {
        Form::Good => start_and_wait(user, at).await,
        Form::Stale => question(user, &at, StatusCode::FORBIDDEN, Some(STALE)),
    }
}

/// Starts at once, unless a link of another site brought the visitor here: that is asked for first (security case 40).
async fn begin(user: &PageUser, at: ServerRef) -> Result<Response, PageError> {
    if user.sender() == Sender::Elsewhere {
        question(user, &at, StatusCode::OK, None)
    } else {
        start_and_wait(user, at).await
    }
}

/// The page that asks before it starts a server.
fn question(
    user: &PageUser,
    at: &ServerRef,
    status: StatusCode,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let url = user
        .uri
        .path_and_query()
        .map_or("", |path| path.as_str())
        .to_owned();
    let page = SpawnPage {
        chrome: user.chrome(),
        for_user: at.user.as_str().to_owned(),
        server_name: at.name.as_str().to_owned(),
        url,
        error_message: error.map(ToOwned::to_owned),
    };
    user.page(status, &page)
}

async fn start_and_wait(user: &PageUser, at: ServerRef) -> Result<Response, PageError> {
    let granted = user.principal.require::<StartServer>(at.clone())?;
    freshness::before(&user.state, &user.principal, &at.user, Deed::Spawn).await?;
    match user
        .state
        .manager
        .start(granted, StartRequest::default(), EARLY)
        .await
    {
        Ok(StartOutcome::Ready)
        | Err(StartError::Refused {
            why: crate::domain::lifecycle::Refused::AlreadyRunning,
            ..
        }) => Ok(found(&arrival(user, &at))),
        Ok(StartOutcome::Pending) | Err(StartError::Refused { .. }) => {
            Ok(found(&pending_url(user, &at)))
        }
        Err(StartError::Failed(failure)) => not_running(user, &at, Some(&failure)),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

/// Where to go once the server is ready.
pub(super) fn arrival(visitor: &Visitor, at: &ServerRef) -> String {
    let addresses = &visitor.state.addresses;
    let Some(next) = visitor.next(visitor.argument("next").as_deref()) else {
        return addresses.server_url(at);
    };
    // Straight to its host: the hub's own would only send the browser on.
    match addresses.user_origin(&at.user) {
        Some(origin) if next.starts_with(&addresses.base.server(&at.user, &at.name)) => {
            format!("{origin}{next}")
        }
        _ => next,
    }
}

fn pending_url(visitor: &Visitor, at: &ServerRef) -> String {
    let url = visitor.base().spawn_pending(&at.user, &at.name);
    match visitor.next(visitor.argument("next").as_deref()) {
        Some(next) => {
            let query: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("next", &next)
                .finish();
            format!("{url}?{query}")
        }
        None => url,
    }
}
