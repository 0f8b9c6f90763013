//! What handlers take: who calls, which user or server the URL names, the body.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use chrono::{DateTime, TimeDelta, Utc};
use hub_types::names::{ServerName, Username};
use hub_types::secret::Token;
use hub_types::time;
use serde_json::Value;

use crate::auth::cookies::{RequestCookies, login_cookie};
use crate::domain::principal::{Credential, Principal};
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::freshness;
use crate::http::json;
use crate::http::xsrf;
use crate::state::AppState;

/// Where extractors note who the caller is, for the request's log line.
#[derive(Debug, Clone, Default)]
pub struct CallerNote(pub Arc<OnceLock<String>>);

/// The token in an `Authorization` header: `token X` or `Bearer X`, in any case. Two such headers are none.
fn header_token(headers: &HeaderMap) -> Option<Token> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, rest) = value
        .to_str()
        .ok()?
        .split_once(|c: char| c.is_ascii_whitespace())?;
    let rest = rest.trim_matches(|c: char| c.is_ascii_whitespace());
    let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
    if !known || rest.contains(|c: char| c.is_ascii_whitespace()) {
        None
    } else {
        Token::parse(rest)
    }
}

/// The cookies of a request. One that is not ASCII is read as well as it can be: it must not hide the others.
#[must_use]
pub fn cookies(headers: &HeaderMap) -> RequestCookies {
    let lines: Vec<_> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    RequestCookies::parse(lines.iter().map(AsRef::as_ref))
}

/// Whose token the request carries.
///
/// # Errors
/// When the database is away.
pub async fn token_caller(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<Principal>, ApiError> {
    let Some(token) = header_token(headers) else {
        return Ok(None);
    };
    match state.identities.by_token(&token).await? {
        Some(principal) if freshness::goes_on(state, &principal).await? => Ok(Some(principal)),
        _ => Ok(None),
    }
}

/// Whose login cookie the request carries. Several may have come: the first valid one counts.
///
/// # Errors
/// When the database is away.
pub async fn cookie_caller(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<Principal>, ApiError> {
    let name = login_cookie(state.config.jupyterhub.cookie_host_prefix_enabled);
    let (max_age, now) = (login_life(state), state.clock.now());
    let jar = cookies(headers);
    // A page of another path must not crowd the real one out: forged ones do not count at all, and of those that were
    // good once more are looked at than a browser keeps.
    let signed = jar
        .all(name)
        .filter_map(|value| state.cookies.read_login(value, max_age, now));
    for secret in signed.take(MOST_LOGINS) {
        if let Some(principal) = state.identities.by_session(secret).await?
            && freshness::goes_on(state, &principal).await?
        {
            return Ok(Some(principal));
        }
    }
    Ok(None)
}

/// How many signed login cookies of one request are looked up.
const MOST_LOGINS: usize = 200;

/// How long a login is good.
#[must_use]
pub fn login_life(state: &AppState) -> TimeDelta {
    TimeDelta::from_std(state.config.jupyterhub.cookie_max_age).unwrap_or(TimeDelta::days(14))
}

/// The browser session of a principal that came by cookie.
#[must_use]
pub fn session_id(principal: &Principal) -> Option<&str> {
    match &principal.credential {
        Credential::Cookie { session_id } => Some(session_id),
        Credential::Token { .. } => None,
    }
}

/// Who calls the API: by token, or by cookie with the XSRF rules.
#[derive(Debug, Clone)]
pub struct Auth(pub Principal);

/// Who calls the API, if anybody.
#[derive(Debug, Clone)]
pub struct MaybeAuth(pub Option<Principal>);

fn note(parts: &Parts, principal: &Principal) {
    if let Some(CallerNote(cell)) = parts.extensions.get() {
        // The first one to note wins; there is only one caller.
        let _ = cell.set(principal.owner.name().to_owned());
    }
}

async fn api_caller(parts: &Parts, state: &AppState) -> Result<Option<Principal>, ApiError> {
    if let Some(principal) = token_caller(state, &parts.headers).await? {
        return Ok(Some(principal));
    }
    let Some(principal) = cookie_caller(state, &parts.headers).await? else {
        return Ok(None);
    };
    // A form of another site can send cookies, but not JSON.
    let is_json = parts.headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        value.to_str().is_ok_and(|value| {
            value
                .split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        })
    });
    if parts.method == Method::POST && !is_json {
        return Ok(None);
    }
    let reading = matches!(parts.method, Method::HEAD | Method::OPTIONS);
    if !reading && xsrf::needed(&parts.method, &parts.headers) {
        let argument = argument(&parts.uri, "_xsrf");
        let shown = xsrf::shown(argument.as_deref(), &parts.headers);
        let jar = cookies(&parts.headers);
        xsrf::check(
            &state.cookies,
            &jar,
            shown,
            session_id(&principal),
            &parts.method,
            state.clock.now(),
        )?;
    }
    Ok(Some(principal))
}

/// The value of a query argument, without space around it; of several the last, as in JupyterHub.
#[must_use]
pub fn argument(uri: &Uri, name: &str) -> Option<String> {
    url::form_urlencoded::parse(uri.query()?.as_bytes())
        .filter(|(key, _)| key == name)
        .last()
        .map(|(_, value)| value.trim().to_owned())
}

impl FromRequestParts<AppState> for MaybeAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let principal = api_caller(parts, state).await?;
        if let Some(principal) = &principal {
            note(parts, principal);
        }
        Ok(Self(principal))
    }
}

impl FromRequestParts<AppState> for Auth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let MaybeAuth(principal) = MaybeAuth::from_request_parts(parts, state).await?;
        principal.map(Self).ok_or_else(ApiError::unauthenticated)
    }
}

/// The user that the URL names; it need not exist.
#[derive(Debug, Clone)]
pub struct UserPath(pub Username);

/// The server that the URL names; it need not exist. Without a server part it is the default server.
#[derive(Debug, Clone)]
pub struct ServerPath(pub ServerRef);

/// The group that the URL names; it need not exist.
#[derive(Debug, Clone)]
pub struct GroupPath(pub String);

/// The server whose share the URL of a recipient names (`…/shared/:owner/:server`); it need not exist.
#[derive(Debug, Clone)]
pub struct SharedPath(pub ServerRef);

type PathMap = std::collections::HashMap<String, String>;

async fn path_map(parts: &mut Parts, state: &AppState) -> Result<PathMap, ApiError> {
    match Path::<PathMap>::from_request_parts(parts, state).await {
        Ok(Path(map)) => Ok(map),
        // What cannot be decoded names nothing.
        Err(_) => Err(ApiError::out_of_reach()),
    }
}

fn stored_name(map: &PathMap) -> Username {
    Username::stored(map.get("user").map(String::as_str).unwrap_or_default())
}

impl FromRequestParts<AppState> for UserPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self(stored_name(&path_map(parts, state).await?)))
    }
}

impl FromRequestParts<AppState> for ServerPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let map = path_map(parts, state).await?;
        let server = ServerName::stored(map.get("server").map(String::as_str).unwrap_or_default());
        Ok(Self(ServerRef::new(stored_name(&map), server)))
    }
}

impl FromRequestParts<AppState> for GroupPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let map = path_map(parts, state).await?;
        Ok(Self(map.get("group").cloned().unwrap_or_default()))
    }
}

impl FromRequestParts<AppState> for SharedPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let map = path_map(parts, state).await?;
        let part = |name: &str| map.get(name).map(String::as_str).unwrap_or_default();
        if part("owner").is_empty() {
            return Err(ApiError::silent(StatusCode::NOT_FOUND));
        }
        let server = ServerName::stored(part("server"));
        Ok(Self(ServerRef::new(
            Username::stored(part("owner")),
            server,
        )))
    }
}

/// The id of the token that the URL names; empty when the URL ends before it.
#[derive(Debug, Clone)]
pub struct TokenPath(pub String);

impl FromRequestParts<AppState> for TokenPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let map = path_map(parts, state).await?;
        Ok(Self(map.get("token").cloned().unwrap_or_default()))
    }
}

/// The condition `X-JupyterHub-If-Inactive-Since` of a `DELETE`: only if there was no use after this time, else 412. Ours:
/// a culler that decided on older data then does no harm.
#[derive(Debug, Clone, Copy)]
pub struct IfInactiveSince(pub Option<DateTime<Utc>>);

impl FromRequestParts<AppState> for IfInactiveSince {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(hub_types::IF_INACTIVE_SINCE_HEADER) else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default();
        let time = time::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(64).flat_map(char::escape_debug).collect();
            ApiError::bad_request(format!(
                "X-JupyterHub-If-Inactive-Since is not a valid timestamp: '{shown}'"
            ))
        })?;
        Ok(Self(Some(time)))
    }
}

/// The body of a request as it came. What is wrong with it is kept until somebody reads it: that is only for those who may
/// act.
#[derive(Debug)]
pub struct RawBody(Result<Bytes, ApiError>);

impl RawBody {
    /// The body.
    ///
    /// # Errors
    /// 413 when it is too large.
    pub fn read(self) -> Result<Bytes, ApiError> {
        self.0
    }
}

impl FromRequest<AppState> for RawBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Infallible> {
        let body = Bytes::from_request(request, state).await;
        Ok(Self(body.map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body is larger than {MAX_BODY} bytes or incomplete"),
            )
        })))
    }
}

/// The body of a request as JSON, whatever its content type says (clients of old send forms' types). What is wrong with it
/// is kept until somebody reads it: that is only for those who may act.
#[derive(Debug)]
pub struct JsonBody(Result<Option<Value>, ApiError>);

/// The largest body that the API reads, in bytes.
pub const MAX_BODY: usize = 1 << 20;

impl JsonBody {
    /// The body; `None` when it is empty.
    ///
    /// # Errors
    /// 400 when it is not JSON, 413 when it is too large.
    pub fn read(self) -> Result<Option<Value>, ApiError> {
        self.0
    }

    /// A body that did not come with the request itself.
    #[must_use]
    pub fn of(body: Option<Value>) -> Self {
        Self(Ok(body))
    }

    fn parse(bytes: &[u8]) -> Result<Option<Value>, ApiError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        json::read(bytes)
            .map(Some)
            .map_err(|_| ApiError::bad_request("Invalid JSON in body of request"))
    }
}

/// Whether the content calls itself the parts of a form, which JSON cannot be.
fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"multipart/form-data"))
}

impl FromRequest<AppState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        if is_multipart(request.headers()) {
            return Err(ApiError::bad_request("Invalid multipart/form-data"));
        }
        let Ok(body) = RawBody::from_request(request, state).await;
        Ok(Self(body.read().and_then(|bytes| Self::parse(&bytes))))
    }
}

#[cfg(test)]
mod tests;
