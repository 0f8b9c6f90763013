//! `PATCH /proxy`: another proxy is in charge. The hub drives it from now on, and gives it its routes at once.
//!
//! Until the next start: then the configuration counts again, as in JupyterHub.

use axum::extract::State;
use axum::http::StatusCode;
use hub_types::secret::{MAX_TOKEN_LEN, Token};
use hub_types::socket_url;
use serde_json::{Map, Value};
use url::Url;

use super::super::body::{python, quoted};
use super::check::run;
use crate::domain::action::{Hub, ManageProxy};
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::state::AppState;

pub(in crate::http::api) async fn relocate(
    State(state): State<AppState>,
    Auth(caller): Auth,
    body: JsonBody,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ManageProxy>(Hub)?;
    let fields = match body.read()? {
        None => return Err(ApiError::bad_request("need JSON body")),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(ApiError::bad_request("Request body must be JSON dict")),
    };
    let to = Relocation::read(&fields)?;
    tracing::warn!(
        "{} moves the proxy: api_url {:?}, {} token",
        caller.owner.name(),
        to.api_url,
        if to.auth_token.is_some() {
            "another"
        } else {
            "the same"
        }
    );
    relocate_to(&state, &granted, to)?;
    run(&state, granted).await?;
    Ok(StatusCode::OK)
}

/// What is to change; `None` stays. (`ip`, `port` and `protocol`, which JupyterHub's documentation names too, say nothing
/// to its code, nor to this.)
#[derive(Debug, Default)]
struct Relocation {
    api_url: Option<String>,
    auth_token: Option<Token>,
}

impl Relocation {
    fn read(fields: &Map<String, Value>) -> Result<Self, ApiError> {
        let text = |key: &str| match fields.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(ApiError::bad_request(format!(
                "{key} must be a string, not {}",
                python(other)
            ))),
        };
        let api_url = text("api_url")?.map(api_url).transpose()?;
        let auth_token = text("auth_token")?.map(|token| {
            Token::parse(token).ok_or_else(|| {
                ApiError::bad_request(format!(
                    "auth_token must have 1 to {MAX_TOKEN_LEN} printable characters"
                ))
            })
        });
        Ok(Self {
            api_url,
            auth_token: auth_token.transpose()?,
        })
    }
}

/// The URL under which `/api/routes` is found, without a slash at its end.
fn api_url(text: &str) -> Result<String, ApiError> {
    let wrong = |why: &str| {
        ApiError::bad_request(format!(
            "api_url {} {why}; write e.g. http://127.0.0.1:8001",
            quoted(text)
        ))
    };
    if let Some((path, "" | "/")) = socket_url::split(text) {
        return Ok(socket_url::origin(&path));
    }
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(
            "must begin with http:// or https:// and name a host, or with http+unix:// and name a socket",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a password; use auth_token"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query or fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn relocate_to(
    state: &AppState,
    _granted: &Granted<ManageProxy>,
    to: Relocation,
) -> Result<(), ApiError> {
    if to.api_url.is_none() && to.auth_token.is_none() {
        return Ok(());
    }
    if state.proxy.move_to(to.api_url, to.auth_token) {
        state.routes.mark_dirty();
        return Ok(());
    }
    Err(ApiError::bad_request(
        "This hub's proxy cannot be moved; change its configuration instead",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_passed_over() {
        let fields = serde_json::json!({"ip": "127.0.0.1", "port": "1", "protocol": "http", "api_url": "http://p:1"});
        let read = Relocation::read(fields.as_object().unwrap()).unwrap();
        assert_eq!(read.api_url.as_deref(), Some("http://p:1"));
        assert!(read.auth_token.is_none());
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("http://127.0.0.1:8001", Some("http://127.0.0.1:8001")),
            ("https://proxy:8001/", Some("https://proxy:8001")),
            (
                "http://proxy:8001/prefix/",
                Some("http://proxy:8001/prefix"),
            ),
            ("http://u:p@proxy", None),
            ("http://proxy?x", None),
            (
                "http+unix://%2frun%2Fapi.sock/",
                Some("http+unix://%2Frun%2Fapi.sock"),
            ),
            ("http+unix://%2Frun%2Fapi.sock/x", None),
            ("http+unix:///run/api.sock", None),
            ("ftp://proxy", None),
            ("proxy:8001", None),
            ("", None),
        ] {
            assert_eq!(api_url(text).ok().as_deref(), expected, "{text}");
        }
    }
}
