//! Starting a server from the browser: at once, or with what a form or a link says.

mod choice;

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::{ServerName, Username};
use url::form_urlencoded;

use self::choice::Choice;
pub(super) use self::choice::has_form;
use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use super::form::{self, Form, RawForm, STALE};
use super::spawn_pending::not_running;
use crate::db::{servers, users};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::{Refused, ServerState};
use crate::domain::server::{Server, ServerRef};
use crate::http::api::servers::check_display_name;
use crate::http::error::ApiError;
use crate::http::extract::ServerPath;
use crate::http::freshness::{self, Deed};
use crate::http::xsrf::{self, Sender};
use crate::spawner::manager::{StartError, StartOutcome, StartRequest};
use crate::spawner::options::Options;
use crate::state::AppState;

/// How long a page waits for an early error of a start before it shows the progress.
const EARLY: Duration = Duration::from_secs(1);

/// The same, for who wants no request to wait so long.
pub(super) fn early(state: &AppState) -> Duration {
    EARLY.min(state.config.jupyterhub.tornado_settings.slow_spawn_timeout)
}

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
pub(super) async fn own_confirmed(
    user: PageUser,
    form: Result<RawForm, PageError>,
) -> Result<Response, PageError> {
    let at = own_server(&user)?;
    confirm(&user, at, form).await
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
    form: Result<RawForm, PageError>,
) -> Result<Response, PageError> {
    confirm(&user, at, form).await
}

/// What was sent with the form's button.
async fn confirm(
    user: &PageUser,
    at: ServerRef,
    form: Result<RawForm, PageError>,
) -> Result<Response, PageError> {
    user.principal.require::<StartServer>(at.clone())?;
    let form = &match form {
        Ok(form) => form,
        Err(error) => return unread(user, &at, error),
    };
    let good = form.check(user)? == Form::Good;
    let choice = Choice::sent(user, form)?;
    if !good {
        let page = choice.page(user, &at, Some(STALE));
        return user.page(StatusCode::FORBIDDEN, &page);
    }
    match choice.options(user) {
        Ok(options) => start_and_wait(user, at, &choice, options).await,
        Err(error) => {
            let page = choice.page(user, &at, Some(&error.to_string()));
            user.page(StatusCode::BAD_REQUEST, &page)
        }
    }
}

/// Shows the form again when what was sent is too large to be read: nothing is known of it but where it was sent.
fn unread(user: &PageUser, at: &ServerRef, error: PageError) -> Result<Response, PageError> {
    if error.status != StatusCode::PAYLOAD_TOO_LARGE || !has_form(user) {
        return Err(error);
    }
    form::sent_by_page(user)?;
    // It cannot show its token.
    if user.sender() != Sender::Here {
        return Err(form::not_ours());
    }
    let why = error.message.unwrap_or_default();
    let text = format!("{why} Choose smaller files, or put them on the server once it runs.");
    let page = Choice::default().page(user, at, Some(&text));
    user.page(error.status, &page)
}

/// Shows the form if there is one. Else starts at once, with what the link says, unless a page of another site led the
/// visitor here or shows this in a frame of its own; a link that says with which options is asked about unless it is the visitor's own, typed or bookmarked
/// (security case 40).
async fn begin(user: &PageUser, at: ServerRef) -> Result<Response, PageError> {
    let choice = Choice::linked(user)?;
    // A page of somebody's server is on the same host, and may say with which options it wants another's to start. Over
    // plain HTTP nobody can tell it from an address that was typed.
    let led = choice.says_something() && !xsrf::by_own_hand(&user.headers);
    let elsewhere = user.sender() != Sender::Here || led || xsrf::framed(&user.headers);
    if !elsewhere && (choice.says_something() || !has_form(user)) {
        let options = choice
            .options(user)
            .map_err(|error| PageError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        return start_and_wait(user, at, &choice, options).await;
    }
    if has_form(user) {
        user.principal.require::<StartServer>(at.clone())?;
        if let Some(elsewhere) = shown_elsewhere(user, &at).await? {
            return Ok(elsewhere);
        }
    }
    user.page(StatusCode::OK, &choice.page(user, &at, None))
}

/// Where to go instead of a form: a server that runs or starts is not asked for again, and one that cannot be is not
/// asked for at all.
async fn shown_elsewhere(user: &PageUser, at: &ServerRef) -> Result<Option<Response>, PageError> {
    let state = &user.state;
    match servers::find(state.db.read(), at).await? {
        Some(server) if server.state == ServerState::Ready => {
            return Ok(Some(found(&arrival(user, at))));
        }
        Some(server) if server.state != ServerState::Stopped => {
            return Ok(Some(found(&pending_url(user, at))));
        }
        Some(_) => {}
        None => {
            check_user(user, &at.user).await?;
            ServerName::new(at.name.as_str())
                .map_err(|error| ApiError::from(StartError::BadName(error)))?;
        }
    }
    if !at.name.is_default() {
        let rule = state.config.jupyterhub.named_servers();
        rule.check_enabled()
            .map_err(|error| ApiError::from(StartError::from(error)))?;
    }
    Ok(None)
}

/// Whoever may do something for all users is told when there is no such user.
///
/// # Errors
/// 404.
pub(super) async fn check_user(visitor: &Visitor, name: &Username) -> Result<(), PageError> {
    match users::find(visitor.state.db.read(), name.as_str()).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::from(StartError::NoSuchUser(name.to_string())).into()),
    }
}

/// What a named server that is made now shall be called. Source: JupyterHub's argument `display_name`.
fn display_name(
    user: &PageUser,
    at: &ServerRef,
    known: Option<&Server>,
) -> Result<Option<String>, PageError> {
    if at.name.is_default() || known.is_some() {
        return Ok(None);
    }
    let name = user
        .argument("display_name")
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| at.name.as_str().to_owned());
    check_display_name(&name)?;
    Ok(Some(name))
}

async fn start_and_wait(
    user: &PageUser,
    at: ServerRef,
    choice: &Choice,
    user_options: Option<Options>,
) -> Result<Response, PageError> {
    let granted = user.principal.require::<StartServer>(at.clone())?;
    freshness::before(&user.state, &user.principal, &at.user, Deed::Spawn).await?;
    let known = servers::find(user.state.db.read(), &at).await?;
    let request = StartRequest {
        user_options,
        display_name: display_name(user, &at, known.as_ref())?,
    };
    let wait = early(&user.state);
    match user.state.manager.start(granted, request, wait).await {
        Ok(StartOutcome::Ready)
        | Err(StartError::Refused {
            why: Refused::AlreadyRunning,
            ..
        }) => Ok(found(&arrival(user, &at))),
        Ok(StartOutcome::Pending) | Err(StartError::Refused { .. }) => {
            Ok(found(&pending_url(user, &at)))
        }
        Err(StartError::Failed(failure)) if has_form(user) => {
            let status = StatusCode::from_u16(failure.status);
            let page = choice.page(user, &at, Some(&failure.message));
            user.page(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &page)
        }
        Err(StartError::Failed(failure)) => not_running(user, &at, Some(&failure)),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

/// Where to go once the server is ready.
pub(super) fn arrival(visitor: &Visitor, at: &ServerRef) -> String {
    let addresses = &visitor.state.addresses;
    let Some(next) = wanted(visitor) else {
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
    let page = visitor.base().spawn_pending(&at.user, &at.name);
    on_the_way(page, wanted(visitor).as_deref())
}

/// Where the visitor wants to be in the end, as the link says that leads to the page.
pub(super) fn wanted(visitor: &Visitor) -> Option<String> {
    visitor.next(visitor.argument("next").as_deref())
}

/// The address of a page that somebody sees before they get where they want to be.
pub(super) fn on_the_way(page: String, next: Option<&str>) -> String {
    match next {
        Some(next) => {
            let query: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("next", next)
                .finish();
            format!("{page}?{query}")
        }
        None => page,
    }
}
