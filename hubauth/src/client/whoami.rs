//! "Who is this?": tokens, and the cookies of JupyterHub 0.7 and 0.8.

use http::{Method, StatusCode};
use hub_types::identity::Identity;
use hub_types::names::escape;
use hub_types::secret::Token;
use serde_json::Value;

use super::call::{Patience, parse};
use super::{ClientError, HubClient};

impl HubClient {
    /// Who `token` belongs to (`GET /user`, called with that token); `None` when the hub does not know it (403).
    ///
    /// Source: wire contract 4.1. Every status but 200 and 403 is an error: the hub did not say "unknown".
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn whoami(&self, token: &Token) -> Result<Option<Identity>, ClientError> {
        let call = self
            .anonymous(Method::GET, "/user")
            .patience(Patience::Lookup)
            .token(token);
        match self.json(call).await {
            Err(ClientError::Refused { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Who a cookie belongs to that the hub set for services (`GET /authorizations/cookie/NAME/VALUE`, JupyterHub 0.7
    /// and 0.8); `None` when the hub does not know it (404), or may not tell (200 with an empty object).
    ///
    /// # Errors
    /// [`ClientError`]; a 403 means that this client's own token is not accepted.
    pub async fn whoami_by_cookie(
        &self,
        cookie_name: &str,
        value: &Token,
    ) -> Result<Option<Identity>, ClientError> {
        let shown = format!(
            "{}/authorizations/cookie/{}/…",
            self.api_url(),
            escape(cookie_name)
        );
        let path = format!(
            "/authorizations/cookie/{}/{}",
            escape(cookie_name),
            percent_encoding::utf8_percent_encode(
                value.expose(),
                percent_encoding::NON_ALPHANUMERIC
            )
        );
        let mut call = self.request(Method::GET, &path).patience(Patience::Lookup);
        call.url = shown;
        let answer = match self.send(call).await {
            Err(ClientError::Status {
                status: StatusCode::NOT_FOUND,
                ..
            }) => return Ok(None),
            other => other?,
        };
        let url = answer.url.clone();
        let body = answer.body().await?;
        match parse::<Value>(&url, &body)? {
            Value::Object(fields) if fields.is_empty() => {
                tracing::warn!(
                    url,
                    "the hub knows the cookie but not what this token may read of it: grant read:users:name"
                );
                Ok(None)
            }
            _ => parse(&url, &body).map(Some),
        }
    }
}
