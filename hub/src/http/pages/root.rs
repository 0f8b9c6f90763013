//! `/hub/`: where to go first.

use axum::response::Response;
use hub_types::names::ServerName;

use super::context::{PageUser, Visitor, found};
use super::error_page::PageError;
use crate::db::servers;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Principal;
use crate::domain::server::ServerRef;

/// `GET /hub/`.
pub(super) async fn root(user: PageUser) -> Result<Response, PageError> {
    let next = user.next(user.argument("next").as_deref());
    match next {
        Some(next) => Ok(found(&next)),
        None => Ok(found(&default_target(&user, &user.principal).await?)),
    }
}

/// Where somebody goes who did not say: `default_url`, else their server if it runs, else to start it, else home.
///
/// Arguments of the request travel along, except `next` and `_xsrf`.
pub(super) async fn default_target(
    visitor: &Visitor,
    principal: &Principal,
) -> Result<String, PageError> {
    let config = &visitor.state.config.jupyterhub;
    let base = visitor.base();
    let target = if let Some(url) = config.default_url.as_deref().filter(|url| !url.is_empty()) {
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
