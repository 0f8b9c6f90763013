//! The home page: your servers, and what else you may use.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::names::{ServerName, Username};

use super::context::{PageUser, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use super::manage::lifecycle;
use super::pager::List;
use super::server_card::card;
use crate::db::{DbError, NewServer, servers, users};
use crate::domain::action::StartServer;
use crate::domain::server::slug::free_name;
use crate::domain::server::{Server, ServerRef};
use crate::domain::user::User;
use crate::http::api::servers::create::insert;
use crate::http::api::servers::{check_display_name, check_new_name};
use crate::http::error::ApiError;
use crate::render::pages::{HomePage, NewServerForm, Notice};
use crate::spawner::manager::Again;

/// What is said of a name that nobody could read.
pub(super) const BAD_TITLE: &str =
    "A name has 1 to 255 characters that can be seen, with single spaces between words.";

/// What is said of a name that cannot stand in an address.
const BAD_NAME: &str = "The name in addresses has at most 30 small letters, digits and single dashes, a letter first and no dash last.";

/// The named servers. A page of them with all that is loaded for it, and names of 40 characters, weighs less than 100 KB.
const SERVERS: List = List {
    argument: "servers",
    rows: 15,
};

/// `GET /hub/home`.
pub(super) async fn home(user: PageUser) -> Result<Response, PageError> {
    page(&user, StatusCode::OK, None, NewServerForm::default()).await
}

fn visitor(user: &PageUser) -> Result<&User, PageError> {
    let user = user.principal.owner.user();
    user.ok_or_else(|| PageError::forbidden("Services have no home page."))
}

async fn page(
    user: &PageUser,
    status: StatusCode,
    notice: Option<Notice>,
    new_server: NewServerForm,
) -> Result<Response, PageError> {
    let owner = visitor(user)?;
    let mut all = servers::of_users(user.state.db.read(), &[owner.id]).await?;
    if user.state.manager.notice_the_dead(&all).await {
        all = servers::of_users(user.state.db.read(), &[owner.id]).await?;
    }
    let at = ServerRef::new(owner.name.clone(), ServerName::default_server());
    let is_default = |server: &&Server| server.at.name.is_default();
    let named = user.state.config.jupyterhub.named_servers();
    let named_servers: Vec<_> = all
        .iter()
        .filter(|server| named.allowed && !is_default(server))
        .collect();
    let named_server_count = named_servers.len();
    let (part, pager) = SERVERS.part(user, named_servers, &user.base().hub_path("home"));
    let page = HomePage {
        chrome: user.chrome(),
        default_server: card(user, &at, all.iter().find(is_default)),
        allow_named_servers: named.allowed,
        named_servers: part
            .into_iter()
            .map(|server| card(user, &server.at, Some(server)))
            .collect(),
        named_server_count,
        pager,
        place: SERVERS.here(user, ""),
        named_server_limit_per_user: named.most,
        admins_can_enter: admins_can_enter(user, owner).await?,
        new_server,
        notice,
    };
    user.page(status, &page)
}

/// Whether somebody else can open the visitor's servers as an administrator. The role `admin` lets all of them in; where
/// `admin_access` is set, people are told before there is one.
async fn admins_can_enter(user: &PageUser, owner: &User) -> Result<bool, DbError> {
    let state = &user.state;
    Ok(state.config.jupyterhub.admin_access
        || users::has_admin_beside(state.db.read(), owner.id).await?)
}

async fn stale(user: &PageUser, new_server: NewServerForm) -> Result<Response, PageError> {
    let notice = Some(Notice::error(STALE));
    page(user, StatusCode::FORBIDDEN, notice, new_server).await
}

/// The server that a form names; the visitor's own where it names no user.
fn target(user: &PageUser, form: &RawForm) -> ServerRef {
    let own = user
        .principal
        .username()
        .map(Username::as_str)
        .unwrap_or_default();
    let owner = form.field("user").filter(|name| !name.is_empty());
    ServerRef::new(
        Username::stored(owner.unwrap_or(own)),
        ServerName::stored(form.field("server").unwrap_or_default()),
    )
}

/// `POST /hub/home/stop-server`: stops a server (or cancels its start) without JavaScript.
pub(super) async fn stop_server(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return stale(&user, NewServerForm::default()).await;
    }
    lifecycle::stop(&user, target(&user, &form)).await?;
    let home = user.base().hub_path("home");
    Ok(found(&SERVERS.here(&user, &home)))
}

/// `POST /hub/home/restart-server`: stops a server and starts it as it was.
pub(super) async fn restart_server(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return stale(&user, NewServerForm::default()).await;
    }
    match lifecycle::restart(&user, target(&user, &form), Again::AsItWas).await {
        // Too many servers run, say: the page says so, and the server goes on.
        Err(error) if matches!(error.status.as_u16(), 400 | 429) => {
            let said = error.message.unwrap_or_default();
            let notice = Some(Notice::error(format!("Not restarted. {said}")));
            page(&user, error.status, notice, NewServerForm::default()).await
        }
        other => other,
    }
}

/// `POST /hub/home/new-server`: makes a named server, and perhaps goes on to its start.
pub(super) async fn new_server(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    let text = |name: &str| form.field(name).unwrap_or_default().trim().to_owned();
    let fields = NewServerForm {
        display_name: text("display_name"),
        name: text("name"),
    };
    if form.check(&user)? == Form::Stale {
        return stale(&user, fields).await;
    }
    match make(&user, &fields).await {
        Ok(at) if form.field("start").is_some() => {
            Ok(found(&user.base().spawn(&at.user, &at.name)))
        }
        Ok(at) => Ok(found(&whereabouts(&user, &at).await?)),
        Err(error) => match (error.status(), error.message()) {
            (status, Some(text)) if status.is_client_error() => {
                page(&user, status, Some(Notice::error(text)), fields).await
            }
            _ => Err(error.into()),
        },
    }
}

/// The part of the home page that has a named server of the visitor.
async fn whereabouts(user: &PageUser, at: &ServerRef) -> Result<String, PageError> {
    let owner = visitor(user)?;
    let all = servers::of_users(user.state.db.read(), &[owner.id]).await?;
    let mut named = all.iter().filter(|server| !server.at.name.is_default());
    let row = named.position(|server| server.at == *at).unwrap_or(0);
    Ok(SERVERS.link(&user.base().hub_path("home"), row))
}

async fn make(user: &PageUser, asked: &NewServerForm) -> Result<ServerRef, ApiError> {
    let owner = user.principal.owner.user();
    let owner = owner.ok_or_else(ApiError::out_of_reach)?;
    let state = &user.state;
    state.config.jupyterhub.named_servers().check_enabled()?;
    check_display_name(&asked.display_name).map_err(|_| ApiError::bad_request(BAD_TITLE))?;
    let name = if asked.name.is_empty() {
        let existing = servers::of_users(state.db.read(), &[owner.id]).await?;
        let taken = |name: &str| {
            existing
                .iter()
                .any(|server| server.at.name.as_str() == name)
        };
        free_name(&asked.display_name, taken).ok_or_else(|| {
            ApiError::bad_request("Nothing of this name can stand in an address: say what shall.")
        })?
    } else {
        ServerName::stored(&asked.name)
    };
    check_new_name(&name).map_err(|_| ApiError::bad_request(BAD_NAME))?;
    let at = ServerRef::new(owner.name.clone(), name);
    let granted = user.principal.require::<StartServer>(at.clone())?;
    let new = NewServer {
        display_name: asked.display_name.clone(),
        ..NewServer::default()
    };
    insert(state, granted, owner, &new).await?;
    Ok(at)
}
