//! `/hub/`: where to go first.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hub_types::names::ServerName;

use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use super::spawn::wanted;
use crate::config::JupyterHub;
use crate::db::servers;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Principal;
use crate::domain::server::ServerRef;
use crate::state::AppState;

/// `GET /hub/`. Where an administrator has said where it leads, it leads everybody there, strangers too, whatever else the
/// address says: so it is in JupyterHub, where `next` counts at the login and here without `default_url` only.
pub(super) async fn root(
    State(state): State<AppState>,
    user: Result<PageUser, Response>,
) -> Response {
    if let Some(url) = front_page(&state.config.jupyterhub) {
        return found(url);
    }
    match user {
        Ok(user) => onward(&user).await.into_response(),
        Err(response) => response,
    }
}

/// Where `default_url` leads, if it leads anywhere.
fn front_page(hub: &JupyterHub) -> Option<&str> {
    hub.default_url.as_deref().filter(|url| !url.is_empty())
}

async fn onward(user: &PageUser) -> Result<Response, PageError> {
    match wanted(user) {
        Some(next) => Ok(found(&next)),
        None => Ok(found(&default_target(user, &user.principal).await?)),
    }
}

/// Where somebody goes who has logged in and did not say: `default_url`, else their server if it runs, else to start it, else
/// home.
///
/// Arguments of the request travel along, except `next` and `_xsrf`.
pub(super) async fn default_target(
    visitor: &Visitor,
    principal: &Principal,
) -> Result<String, PageError> {
    let config = &visitor.state.config.jupyterhub;
    let base = visitor.base();
    let target = if let Some(url) = front_page(config) {
        url.to_owned()
    } else if let (true, Some(name)) = (config.redirect_to_server, principal.username()) {
        let at = ServerRef::new(name.clone(), ServerName::default_server());
        let server = servers::find(visitor.state.db.read(), &at).await?;
        match server.filter(|server| server.state == ServerState::Ready) {
            Some(_) => visitor.state.addresses.server_url(&at),
            None => base.hub_path("spawn"),
        }
    } else {
        base.hub_path("home")
    };
    Ok(with_arguments(visitor, target))
}

fn with_arguments(visitor: &Visitor, target: String) -> String {
    let query = visitor.uri.query().unwrap_or_default();
    let kept: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| !matches!(key.as_ref(), "next" | "_xsrf" | "username"))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    if kept.is_empty() {
        return target;
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .finish();
    let joint = if target.contains('?') { '&' } else { '?' };
    format!("{target}{joint}{query}")
}
