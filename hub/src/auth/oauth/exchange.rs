//! The code flow (RFC 6749, section 4.1, with RFC 7636), on the crate `oauth2`: where people are sent, and from a code or a
//! refresh token to an access token.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RefreshToken, RequestTokenError, Scope, TokenUrl,
};
use serde_json::{Map, Value};
use url::Url;

use super::outbound::{Outbound, Trouble};
use super::settings::{Endpoints, Settings};

/// What a provider says of a token, as it says it.
pub(super) type TokenResponse = Map<String, Value>;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoToken {
    /// The provider says no: `error` of RFC 6749, section 5.2.
    #[error("it gives no token: {0:?}")]
    Refused(String),
    /// What came back is no token.
    #[error("its answer holds no token")]
    Senseless,
    /// Nothing sensible came back.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn client(settings: &Settings, endpoints: &Endpoints) -> Client {
    let client = BasicClient::new(ClientId::new(settings.client_id.clone()))
        .set_auth_type(match settings.basic_auth {
            true => AuthType::BasicAuth,
            false => AuthType::RequestBody,
        })
        .set_auth_uri(AuthUrl::from_url(endpoints.authorize.clone()))
        .set_token_uri(TokenUrl::from_url(endpoints.token.clone()));
    match &settings.client_secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    }
}

/// What belongs to one login.
pub(super) struct Login<'a> {
    /// Comes back with the browser.
    pub(super) state: &'a str,
    /// Proves that the code was meant for us.
    pub(super) verifier: Option<&'a str>,
    /// Is in the ID token.
    pub(super) nonce: Option<&'a str>,
    /// Where the browser comes back.
    pub(super) callback: &'a Url,
}

/// Where the browser is sent.
pub(super) fn authorize_url(settings: &Settings, endpoints: &Endpoints, login: &Login<'_>) -> Url {
    let client =
        client(settings, endpoints).set_redirect_uri(RedirectUrl::from_url(login.callback.clone()));
    let state = login.state.to_owned();
    let mut request = client
        .authorize_url(move || CsrfToken::new(state))
        .add_scopes(settings.scope.iter().cloned().map(Scope::new));
    if let Some(verifier) = login.verifier {
        let verifier = PkceCodeVerifier::new(verifier.to_owned());
        request =
            request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    }
    for (name, value) in &settings.authorize_params {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    if let Some(nonce) = login.nonce {
        request = request.add_extra_param("nonce", nonce.to_owned());
    }
    request.url().0
}

/// From the code that the browser brought to a token.
pub(super) async fn redeem(
    outbound: &Outbound,
    settings: &Settings,
    endpoints: &Endpoints,
    code: &str,
    login: &Login<'_>,
) -> Result<TokenResponse, NoToken> {
    let client =
        client(settings, endpoints).set_redirect_uri(RedirectUrl::from_url(login.callback.clone()));
    let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
    if let Some(verifier) = login.verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
    }
    for (name, value) in &settings.token_params {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    let carrier = Carrier::new(outbound);
    let answered = request.request_async(&carrier).await;
    carrier.token(answered.err().and_then(trouble))
}

/// From a refresh token to another access token.
pub(super) async fn refresh(
    outbound: &Outbound,
    settings: &Settings,
    endpoints: &Endpoints,
    token: &str,
) -> Result<TokenResponse, NoToken> {
    let client = client(settings, endpoints);
    let token = RefreshToken::new(token.to_owned());
    let carrier = Carrier::new(outbound);
    let request = client.exchange_refresh_token(&token);
    let answered = request.request_async(&carrier).await;
    carrier.token(answered.err().and_then(trouble))
}

fn trouble<T: oauth2::ErrorResponse>(error: RequestTokenError<Trouble, T>) -> Option<Trouble> {
    match error {
        RequestTokenError::Request(trouble) => Some(trouble),
        // What the provider said is looked at as it was said: providers take liberties with the form.
        _ => None,
    }
}

/// Carries a request, and keeps what was answered: the crate forgets what it does not know.
struct Carrier<'a> {
    outbound: &'a Outbound,
    answered: Mutex<Option<HttpResponse>>,
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = Trouble;
    type Future = BoxFuture<'c, Result<HttpResponse, Trouble>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

impl NoToken {
    /// Whether it is what was shown to the provider that is not good any more. All else is the provider's trouble or ours,
    /// and ends nobody's login. Source: RFC 6749, section 5.2; GitHub has words of its own.
    pub(super) fn is_of_the_grant(&self) -> bool {
        let codes = [
            "invalid_grant",
            "bad_refresh_token",
            "bad_verification_code",
        ];
        matches!(self, Self::Refused(code) if codes.contains(&code.as_str()))
    }
}

impl<'a> Carrier<'a> {
    fn new(outbound: &'a Outbound) -> Self {
        Self {
            outbound,
            answered: Mutex::default(),
        }
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Trouble> {
        let response = self.outbound.carry(request).await?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(response.clone());
        Ok(response)
    }

    /// The token that was answered.
    fn token(&self, trouble: Option<Trouble>) -> Result<TokenResponse, NoToken> {
        if let Some(trouble) = trouble {
            return Err(trouble.into());
        }
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match answered.as_ref() {
            Some(response) => token(response.status().as_u16(), response.body()),
            None => Err(NoToken::Senseless),
        }
    }
}

/// What an answer to a request for a token says. GitHub says what is wrong with status 200.
fn token(status: u16, body: &[u8]) -> Result<TokenResponse, NoToken> {
    let said: Option<TokenResponse> = serde_json::from_slice(body).ok();
    let error = said.as_ref().and_then(|said| said.get("error"));
    if let Some(error) = error {
        let code = error.as_str().unwrap_or("error");
        return Err(NoToken::Refused(code.chars().take(64).collect()));
    }
    let whole = |said: &TokenResponse| {
        let token = said.get("access_token").and_then(Value::as_str);
        token.is_some_and(|token| !token.is_empty())
    };
    match said.filter(whole) {
        Some(said) if (200..300).contains(&status) => Ok(said),
        _ if status >= 500 || matches!(status, 408 | 429) => {
            Err(NoToken::Trouble(Trouble::Status {
                host: "the provider".to_owned(),
                status,
            }))
        }
        _ => Err(NoToken::Senseless),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_token() {
        let read = |status, body: &str| token(status, body.as_bytes());
        let said = read(
            200,
            r#"{"access_token": "a", "token_type": "bearer", "x": [1]}"#,
        )
        .unwrap();
        assert_eq!(
            (&said["access_token"], &said["x"]),
            (&"a".into(), &serde_json::json!([1]))
        );
        let refused = |code: &str| Err(NoToken::Refused(code.to_owned()));
        for (status, body, expected) in [
            (
                200,
                r#"{"error": "bad_verification_code"}"#,
                refused("bad_verification_code"),
            ),
            (
                400,
                r#"{"error": "invalid_grant", "access_token": "a"}"#,
                refused("invalid_grant"),
            ),
            (400, r#"{"error": {"code": 7}}"#, refused("error")),
            (400, r#"{"access_token": "a"}"#, Err(NoToken::Senseless)),
            (200, r#"{"access_token": ""}"#, Err(NoToken::Senseless)),
            (200, r#"{"access_token": 7}"#, Err(NoToken::Senseless)),
            (
                200,
                "access_token=a&token_type=bearer",
                Err(NoToken::Senseless),
            ),
        ] {
            assert_eq!(read(status, body), expected, "{status} {body}");
        }
        let down = read(502, "<html>").unwrap_err();
        assert!(
            matches!(down, NoToken::Trouble(Trouble::Status { status: 502, .. })),
            "{down:?}"
        );
    }
}
