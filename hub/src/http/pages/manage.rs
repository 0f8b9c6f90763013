//! `/hub/manage/:user[/:server]`: everything about one server that is not its start.
//!
//! Whoever may read a server may see the page; each part of it is there for those who may do what it offers, and checks
//! that once more when it is asked to.

pub(super) mod lifecycle;
mod sharing;

use axum::http::StatusCode;
use axum::response::Response;

use super::context::{PageUser, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use super::home::BAD_TITLE;
use super::server_card::card;
use super::spawn::has_form;
use crate::db::{servers, users};
use crate::domain::action::{ReadServer, StartServer, StopServer};
use crate::domain::server::{Server, ServerRef};
use crate::http::api::servers::update;
use crate::http::error::ApiError;
use crate::http::extract::ServerPath;
use crate::render::pages::{ManagePage, Notice};
use crate::spawner::manager::Again;

/// What has been done, for the page that says so after a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Stopped,
    Renamed,
    Shared,
    Unshared,
    Unlinked,
}

impl Done {
    const ALL: [Self; 5] = [
        Self::Stopped,
        Self::Renamed,
        Self::Shared,
        Self::Unshared,
        Self::Unlinked,
    ];

    /// The value of `?done=`.
    fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Renamed => "renamed",
            Self::Shared => "shared",
            Self::Unshared => "unshared",
            Self::Unlinked => "unlinked",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Stopped => "The server was told to stop.",
            Self::Renamed => "The server has its new name.",
            Self::Shared => "The server is shared.",
            Self::Unshared => "That was taken back.",
            Self::Unlinked => "The link no longer works. Who accepted it before keeps access.",
        }
    }
}

/// What a form came to.
enum Outcome {
    /// The page again, which says what was done.
    Done(Done),
    /// An invitation, to be shown once.
    Invitation(String),
    /// Somewhere else.
    Elsewhere(Response),
}

/// `GET`.
pub(super) async fn page(
    user: PageUser,
    ServerPath(at): ServerPath,
) -> Result<Response, PageError> {
    let done = user.argument("done");
    let done = Done::ALL
        .into_iter()
        .find(|known| done.as_deref() == Some(known.word()));
    let notice = done.map(|done| Notice::done(done.sentence()));
    let server = find(&user, &at).await?;
    show(&user, &server, StatusCode::OK, notice, None).await
}

/// The server, for whoever may read it.
async fn find(user: &PageUser, at: &ServerRef) -> Result<Server, PageError> {
    user.principal.require::<ReadServer>(at.clone())?;
    let db = user.state.db.read();
    if let Some(server) = servers::find(db, at).await? {
        return Ok(server);
    }
    let owner = users::find(db, at.user.as_str()).await?;
    match owner.filter(|_| at.name.is_default()) {
        Some(owner) => Ok(Server::unused_default(&owner)),
        None => Err(
            PageError::new(StatusCode::NOT_FOUND, "There is no such server.")
                .with_hint("It may have been deleted. The home page shows those that there are."),
        ),
    }
}

async fn show(
    user: &PageUser,
    server: &Server,
    status: StatusCode,
    notice: Option<Notice>,
    invitation: Option<String>,
) -> Result<Response, PageError> {
    let at = &server.at;
    let page = ManagePage {
        chrome: user.chrome(),
        server: card(user, at, Some(server)),
        may_start: user.principal.require::<StartServer>(at.clone()).is_ok(),
        may_stop: user.principal.require::<StopServer>(at.clone()).is_ok(),
        named: !at.name.is_default(),
        has_options: has_form(user),
        sharing: sharing::of(user, server, invitation).await?,
        notice,
    };
    user.page(status, &page)
}

/// `POST`: what the field `do` says.
pub(super) async fn act(
    user: PageUser,
    ServerPath(at): ServerPath,
    form: RawForm,
) -> Result<Response, PageError> {
    let server = find(&user, &at).await?;
    if form.check(&user)? == Form::Stale {
        let notice = Some(Notice::error(STALE));
        return show(&user, &server, StatusCode::FORBIDDEN, notice, None).await;
    }
    match deed(&user, at, &form).await {
        Ok(Outcome::Elsewhere(response)) => Ok(response),
        Ok(Outcome::Done(done)) => {
            let here = user.base().manage(&server.at.user, &server.at.name);
            Ok(found(&format!("{here}?done={}", done.word())))
        }
        Ok(Outcome::Invitation(link)) => {
            let server = find(&user, &server.at).await?;
            show(&user, &server, StatusCode::OK, None, Some(link)).await
        }
        Err(error) => refused(&user, &server, error).await,
    }
}

/// What was wrong with the form stands above the page; what is wrong with the hub becomes an error page.
async fn refused(
    user: &PageUser,
    server: &Server,
    error: PageError,
) -> Result<Response, PageError> {
    match &error.message {
        Some(text) if error.status.is_client_error() => {
            let notice = Some(Notice::error(text));
            show(user, server, error.status, notice, None).await
        }
        _ => Err(error),
    }
}

async fn deed(user: &PageUser, at: ServerRef, form: &RawForm) -> Result<Outcome, PageError> {
    match form.field("do").unwrap_or_default() {
        "stop" => lifecycle::stop(user, at)
            .await
            .map(|()| Outcome::Done(Done::Stopped)),
        "restart" => lifecycle::restart(user, at, Again::AsItWas)
            .await
            .map(Outcome::Elsewhere),
        "options" => lifecycle::restart(user, at, Again::Otherwise)
            .await
            .map(Outcome::Elsewhere),
        "delete" => lifecycle::delete(user, at).await.map(Outcome::Elsewhere),
        "rename" => rename(user, at, form)
            .await
            .map(|()| Outcome::Done(Done::Renamed)),
        "share" => sharing::share(user, at, form)
            .await
            .map(|()| Outcome::Done(Done::Shared)),
        "unshare" => sharing::unshare(user, at, form)
            .await
            .map(|()| Outcome::Done(Done::Unshared)),
        "link" => sharing::invite(user, at, form)
            .await
            .map(Outcome::Invitation),
        "unlink" => sharing::uninvite(user, at, form)
            .await
            .map(|()| Outcome::Done(Done::Unlinked)),
        _ => Err(PageError::new(
            StatusCode::BAD_REQUEST,
            "The form does not say what to do.",
        )),
    }
}

/// Gives a stopped server another name for people.
async fn rename(user: &PageUser, at: ServerRef, form: &RawForm) -> Result<(), PageError> {
    let state = &user.state;
    state
        .config
        .jupyterhub
        .named_servers()
        .check_enabled()
        .map_err(ApiError::from)?;
    let name = form.field("display_name").unwrap_or_default().trim();
    let change =
        update::Change::display_name(name).map_err(|_| ApiError::bad_request(BAD_TITLE))?;
    let granted = user.principal.require::<StartServer>(at)?;
    let owner = users::find(state.db.read(), granted.subject().user.as_str()).await?;
    let owner = owner.ok_or_else(ApiError::out_of_reach)?;
    update::apply(state, granted, &owner, change).await?;
    Ok(())
}
