//! Short ways and old ways.

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hub_types::names::{ServerName, ServiceName};
use percent_encoding::percent_decode_str;

use super::context::{PageUser, found};
use super::error_page::PageError;
use crate::addresses::Addresses;
use crate::assets;
use crate::config::JupyterHub;
use crate::http::error::ApiError;
use crate::state::AppState;

/// `GET /hub/user-redirect/<path>`: the same path on whoever's server asks; for links in course material.
pub(super) async fn user_redirect(
    user: PageUser,
    Path(path): Path<String>,
) -> Result<Response, PageError> {
    let name = user
        .principal
        .username()
        .ok_or_else(|| PageError::forbidden("Services have no servers."))?;
    let base = user.base();
    let server = server_of_links(&user.state.config.jupyterhub);
    let mut next = format!("{}{path}", base.server(name, &server));
    if let Some(query) = user.uri.query() {
        next = format!("{next}?{query}");
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", &next)
        .finish();
    Ok(found(&format!("{}?{query}", base.spawn(name, &server))))
}

/// The server that links without a server's name lead to.
fn server_of_links(hub: &JupyterHub) -> ServerName {
    match hub.allow_named_servers {
        true => hub.default_server_name.clone(),
        false => ServerName::default_server(),
    }
}

/// `GET /hub/logo`: the picture of the configuration, or ours.
pub(super) async fn logo(State(state): State<AppState>) -> Response {
    let Some(file) = &state.config.jupyterhub.logo_file else {
        return found(&assets::url(&state.addresses.base.hub(), "img/logo.svg"));
    };
    match tokio::fs::read(file).await {
        Ok(picture) => {
            let headers = [
                (header::CONTENT_TYPE, picture_type(file)),
                (header::CACHE_CONTROL, "max-age=3600"),
            ];
            (headers, picture).into_response()
        }
        Err(error) => {
            tracing::warn!(
                "[JupyterHub] logo_file {} cannot be read: {error}",
                file.display()
            );
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

/// The content type of a picture, by its ending.
fn picture_type(file: &std::path::Path) -> &'static str {
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "svg" => "image/svg+xml",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => "image/png",
    }
}

/// Whatever no route knows. Under the hub that is not there; elsewhere under the base URL the hub stands in for
/// servers that do not run: the same path under `/hub/`.
pub(super) async fn elsewhere(
    State(state): State<AppState>,
    method: Method,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let base = &state.addresses.base;
    let path = uri.path();
    if path
        .strip_prefix(&base.api())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        return ApiError::silent(StatusCode::NOT_FOUND).into_response();
    }
    let not_found = PageError::silent(StatusCode::NOT_FOUND);
    let hub = base.hub();
    let Some(rest) = path.strip_prefix(base.as_str()) else {
        return not_found.into_response();
    };
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    if path == hub.trim_end_matches('/') {
        return moved(&format!("{hub}{query}"));
    }
    if path.starts_with(&hub) {
        return not_found.into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return PageError::forbidden("'_xsrf' argument missing from request").into_response();
    }
    let mut segments = rest.split('/');
    if matches!(segments.next(), Some("user" | "services"))
        && segments.next().is_some_and(|name| !name.is_empty())
        && segments.next().is_none()
    {
        return moved(&format!("{path}/{query}"));
    }
    if let Some(origin) = host_of_service(&state.addresses, &headers, rest) {
        return found(&format!("{origin}{path}{query}"));
    }
    // From whichever host it was asked for: cookies of the hub's are seen on its own only.
    let path = format!("{hub}{}{query}", rest.trim_start_matches('/'));
    found(&state.addresses.hub_url(&path))
}

/// The host of the service that `rest` (`services/NAME/…`) is on, when it was looked for on the hub's own, as old links do. On
/// its own host the service is away: nothing leads anywhere from there.
fn host_of_service(addresses: &Addresses, headers: &HeaderMap, rest: &str) -> Option<String> {
    let (name, _) = rest.strip_prefix("services/")?.split_once('/')?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    match &addresses.subdomains {
        Some(all) if !all.is_below(host) => addresses.service_origin(&ServiceName::stored(name)),
        _ => None,
    }
}

fn moved(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(value) => (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, value)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
