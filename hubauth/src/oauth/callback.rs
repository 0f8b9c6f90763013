//! The second half of a login: the hub has sent the browser back.

use ::cookie::Cookie;
use chrono::TimeDelta;
use http::request::Parts;
use http::{Method, StatusCode};
use hub_types::secret::Token;
use oauth2::AuthorizationCode;
use subtle::ConstantTimeEq as _;

use super::exchange::Granted;
use super::state::Login;
use super::{HubOAuth, append};
use crate::cache::CacheUse;
use crate::client::ClientError;
use crate::credential::session_id;
use crate::fetch::original_uri;
use crate::reply::{Reply, hub_unavailable, redirect, refusal};
use crate::resolve::Lookup;
use crate::user::HubUser;

/// Why a callback did not end in a login. Each is one status and one fixed text, but for what the hub itself reported.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The hub reports an error (`error=`): 400.
    #[error("The hub did not grant the login: {0}")]
    Reported(String),
    /// No `code`: 400.
    #[error("OAuth callback made without a code.")]
    NoCode,
    /// No `state`: 400.
    #[error("OAuth callback made without a state.")]
    NoState,
    /// The state was not made here, belongs to another browser, is used or too old: 403.
    #[error("OAuth state does not match. Try logging in again.")]
    WrongState,
    /// The hub did not give a token for the code, or does not know the token it gave.
    #[error("The hub did not complete the login: {0}")]
    Hub(ClientError),
    /// The hub gave a token that it does not know: 500.
    #[error("The hub does not know the token it has just given. Try logging in again.")]
    UnknownToken,
}

impl CallbackError {
    /// The status of the answer. Source: wire contract 4.5 (a refused code is 500 there).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            CallbackError::Reported(_) | CallbackError::NoCode | CallbackError::NoState => {
                StatusCode::BAD_REQUEST
            }
            CallbackError::WrongState => StatusCode::FORBIDDEN,
            CallbackError::Hub(ClientError::Status { .. }) | CallbackError::UnknownToken => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            CallbackError::Hub(error) => error.status_for_visitor(),
        }
    }
}

/// What a callback asks for.
#[derive(Debug, Default)]
struct Query {
    code: Option<Token>,
    state: Option<String>,
    error: Option<String>,
}

impl Query {
    fn read(query: &str) -> Self {
        let mut read = Self::default();
        let mut description = None;
        // One line of text, whatever it was.
        let plain = |value: &str| -> String {
            let one = |char: char| if char.is_control() { ' ' } else { char };
            value.chars().take(200).map(one).collect()
        };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "code" => read.code = read.code.or_else(|| Token::parse(&value)),
                "state" => read.state = read.state.or_else(|| Some(value.into_owned())),
                "error" => read.error = Some(plain(&value)),
                "error_description" => description = Some(plain(&value)),
                _ => {}
            }
        }
        read.error = read.error.map(|error| description.unwrap_or(error));
        read
    }
}

impl HubOAuth {
    /// Whether a request is the hub sending a browser back. The layer answers it itself: a service without a router of
    /// axum has no routes for it, and behind the layer an unknown visitor would be sent in circles.
    pub(crate) fn is_callback(&self, request: &Parts) -> bool {
        request.method == Method::GET && original_uri(request).path() == self.inner.callback_path
    }

    /// Answers the callback: 302 to where the visitor wanted to go, with the cookies of the login; else an error.
    pub async fn callback(&self, request: &Parts) -> http::Response<bytes::Bytes> {
        let headers = &request.headers;
        match self.finish_login(request).await {
            Ok(reply) => reply,
            Err(CallbackError::Hub(error)) if !matches!(error, ClientError::Status { .. }) => {
                hub_unavailable(headers, &error)
            }
            Err(error) => {
                tracing::warn!(%error, "a login did not finish");
                // What the hub said, and where it is, is for the log.
                let text = match &error {
                    CallbackError::Hub(_) => "The hub refused the login. Try logging in again.",
                    other => &other.to_string(),
                };
                refusal(headers, error.status(), text)
            }
        }
    }

    async fn finish_login(&self, request: &Parts) -> Result<Reply, CallbackError> {
        let query = Query::read(request.uri.query().unwrap_or_default());
        if let Some(error) = query.error {
            return Err(CallbackError::Reported(error));
        }
        let code = query.code.ok_or(CallbackError::NoCode)?;
        let state = query.state.ok_or(CallbackError::NoState)?;
        let pending = match self.open_state(request, &state) {
            Ok(pending) => pending,
            Err(next) => {
                // Another tab was faster, and has cleared the cookies of both.
                if let Some(next) = next
                    && self.is_logged_in(request).await?
                {
                    return redirect(&next).ok_or(CallbackError::WrongState);
                }
                return Err(CallbackError::WrongState);
            }
        };
        let granted = self.token_for_code(&code, &pending).await?;
        let user = self.user_of(request, &granted).await?;
        tracing::info!(user = user.name, "logged in");
        self.welcome(request, &granted, &pending)
    }

    /// Opens a `state` that came back: if it is ours, this browser's, fresh and not used yet, the login it belongs to. It
    /// is used from then on. A step of [`callback`](Self::callback), for those who assemble their own.
    ///
    /// # Errors
    /// [`CallbackError::WrongState`].
    pub fn pending_login(
        &self,
        request: &Parts,
        state: &str,
    ) -> Result<PendingLogin, CallbackError> {
        self.open_state(request, state)
            .map_err(|_| CallbackError::WrongState)
    }

    /// The pending login; else where it would have gone, if only the browser's half is missing.
    fn open_state(&self, request: &Parts, state: &str) -> Result<PendingLogin, Option<String>> {
        // Only we can have made a state that opens, so its `next` has been checked.
        let login = Login::open(&self.inner.sealer, state).ok_or(None)?;
        match self.browser_half(request, &login) {
            Half::Matches if self.is_usable(&login, state) => Ok(PendingLogin {
                next: login.next,
                verifier: login.verifier,
            }),
            Half::Missing => Err(Some(login.next)),
            _ => Err(None),
        }
    }

    /// Exchanges the `code` of a callback for a token (wire contract 2.5).
    ///
    /// # Errors
    /// [`CallbackError::Hub`].
    pub async fn token_for_code(
        &self,
        code: &Token,
        login: &PendingLogin,
    ) -> Result<Granted, CallbackError> {
        let code = AuthorizationCode::new(code.expose().to_owned());
        self.inner
            .endpoint
            .token(self.auth().client(), code, &login.verifier)
            .await
            .map_err(CallbackError::Hub)
    }

    async fn user_of(&self, request: &Parts, granted: &Granted) -> Result<HubUser, CallbackError> {
        let lookup = Lookup::Token(granted.token.clone());
        self.auth()
            .look_up(session_id(&request.headers), &lookup, CacheUse::Skip)
            .await
            .map_err(CallbackError::Hub)?
            .ok_or(CallbackError::UnknownToken)
    }

    fn browser_half(&self, request: &Parts, login: &Login) -> Half {
        let mut half = Half::Missing;
        for (suffix, binding) in self.inner.jar.states(&request.headers) {
            if suffix == login.suffix {
                let same: bool = binding
                    .expose()
                    .as_bytes()
                    .ct_eq(login.binding.expose().as_bytes())
                    .into();
                if same {
                    return Half::Matches;
                }
                half = Half::Differs;
            }
        }
        half
    }

    fn is_usable(&self, login: &Login, state: &str) -> bool {
        let now = self.config().clock.now();
        // A clock that was set back revives nothing; those of replicas may differ a little.
        let earliest = login.expires - self.state_max_age() - TimeDelta::minutes(1);
        (earliest..login.expires).contains(&now) && self.inner.spent.spend(state)
    }

    async fn is_logged_in(&self, request: &Parts) -> Result<bool, CallbackError> {
        let session = session_id(&request.headers);
        for token in self.cookie_tokens(&request.headers) {
            let lookup = Lookup::Token(token);
            let user = self
                .auth()
                .look_up(session, &lookup, CacheUse::Normal)
                .await
                .map_err(CallbackError::Hub)?;
            if user.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn welcome(
        &self,
        request: &Parts,
        granted: &Granted,
        login: &PendingLogin,
    ) -> Result<Reply, CallbackError> {
        let mut reply = redirect(&login.next).ok_or(CallbackError::WrongState)?;
        for cookie in self.login_cookies(request, granted) {
            append(reply.headers_mut(), &cookie);
        }
        Ok(reply)
    }

    /// The cookies that log this browser in with a token, and end all its pending logins.
    #[must_use]
    pub fn login_cookies(&self, request: &Parts, granted: &Granted) -> Vec<Cookie<'static>> {
        let inner = &self.inner;
        let now = self.config().clock.now();
        let expires = granted
            .expires_in
            .and_then(|age| TimeDelta::from_std(age).ok())
            .map(|age| (now, now + age.min(TimeDelta::days(400))));
        let mut cookies = inner.jar.clear_states(request);
        cookies.extend(
            inner
                .jar
                .token_cookies(request, &inner.sealer, &granted.token, expires),
        );
        cookies.extend(
            self.new_xsrf(request, &granted.token)
                .map(|(_, cookie)| cookie),
        );
        cookies
    }
}

/// A login whose first half is done: the browser is back from the hub. Made by [`HubOAuth::pending_login`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PendingLogin {
    /// Where the visitor wanted to go; always inside this service.
    pub next: String,
    /// The PKCE verifier (RFC 7636 4.1).
    pub verifier: Token,
}

/// How the browser's half of a state compares.
enum Half {
    Matches,
    Differs,
    Missing,
}
