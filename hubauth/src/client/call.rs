//! One call: sent, repeated where that is safe, read, and turned into a value or a [`ClientError`].

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderName, Method, StatusCode, header};
use hub_types::error::ErrorBody;
use hub_types::secret::Token;
use hub_types::socket_url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::pace::{self, Next};
use super::{ClientError, HubClient, error};

/// Largest reply that is read, in bytes: a bare list of 10,000 users of an old hub fits.
const MAX_REPLY: usize = 64 * 1024 * 1024;

/// A value of the hub's, and the time it had when it gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dated<T> {
    /// What the hub said.
    pub value: T,
    /// Its `Date` header: whole seconds by its own clock. `None` when it sent none.
    pub date: Option<DateTime<Utc>>,
}

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A visitor waits.
    Lookup,
    /// An ordinary call.
    Request,
    /// The hub may have to start or stop something.
    Slow,
    /// A stream: only a silence of this length ends it.
    Stream,
}

/// A call that is about to be made.
pub(super) struct Call {
    method: Method,
    request: reqwest::RequestBuilder,
    /// The URL as it may appear in messages.
    pub(super) url: String,
    patience: Patience,
}

impl Call {
    pub(super) fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn json(mut self, body: &impl serde::Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds `Authorization: token …`, marked so that no log of a header shows it.
    pub(super) fn token(mut self, token: &Token) -> Self {
        // A token with control characters cannot be sent at all: the hub will answer 403, as for any wrong token.
        if let Ok(mut value) = http::HeaderValue::from_str(&format!("token {}", token.expose())) {
            value.set_sensitive(true);
            self.request = self.request.header(header::AUTHORIZATION, value);
        }
        self
    }

    #[cfg(feature = "oauth")]
    pub(super) fn form(mut self, headers: http::HeaderMap, body: Vec<u8>) -> Self {
        self.request = self.request.headers(headers).body(body);
        self
    }
}

/// A successful reply whose body is still to be read.
pub(super) struct Answer {
    /// The URL as it may appear in messages.
    pub(super) url: String,
    pub(super) reply: reqwest::Response,
    after: Duration,
}

impl Answer {
    pub(super) fn date(&self) -> Option<DateTime<Utc>> {
        self.reply
            .headers()
            .get(header::DATE)
            .and_then(pace::http_date)
    }

    /// Reads the body, at most [`MAX_REPLY`] bytes.
    pub(super) async fn body(self) -> Result<Bytes, ClientError> {
        read(&self.url, self.reply, self.after).await
    }

    /// Reads the body as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let url = self.url.clone();
        parse(&url, &self.body().await?)
    }
}

/// A call that did not work.
struct Failure {
    error: ClientError,
    /// Whether a connection that was there broke before there was an answer.
    broke: bool,
}

impl HubClient {
    /// A call without a token to a path below the API's URL. `path` starts with a slash; its parts are already escaped.
    pub(super) fn anonymous(&self, method: Method, path: &str) -> Call {
        self.call_to(method, &format!("{}{path}", self.api_url()))
    }

    fn call_to(&self, method: Method, url: &str) -> Call {
        let request = match socket_url::through(url) {
            Some((_, url)) => self.0.http.request(method.clone(), url),
            None => self.0.http.request(method.clone(), url),
        };
        // A query may hold what no log should show.
        let url = url.split('?').next().unwrap_or_default().to_owned();
        Call {
            method,
            request,
            url,
            patience: Patience::Request,
        }
    }

    /// A call with this client's own token.
    pub(super) fn request(&self, method: Method, path: &str) -> Call {
        self.authorized(self.anonymous(method, path))
    }

    pub(super) fn authorized(&self, call: Call) -> Call {
        match &self.0.token {
            Some(token) => call.token(token),
            None => call,
        }
    }

    /// Sends, again where that is safe and may help, and turns everything but a success into an error.
    pub(super) async fn send(&self, mut call: Call) -> Result<Answer, ClientError> {
        let mut attempt = 1;
        loop {
            // Nobody waits for a turn while a visitor waits.
            if call.patience != Patience::Lookup {
                self.0.pace.wait().await;
            }
            let Some(request) = call.request.try_clone() else {
                return self.once(call).await.map_err(|failure| failure.error);
            };
            let copy = Call {
                method: call.method.clone(),
                url: call.url.clone(),
                request: std::mem::replace(&mut call.request, request),
                ..call
            };
            let failure = match self.once(copy).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match self.next(&call, attempt, &failure) {
                Next::GiveUp => return Err(failure.error),
                Next::Again => {}
                Next::Hold(pause) => self.0.pace.hold(pause),
            }
            tracing::debug!(error = %failure.error, attempt, "calling the hub again");
            attempt += 1;
        }
    }

    fn next(&self, call: &Call, attempt: u32, failure: &Failure) -> Next {
        let Failure { error, broke } = failure;
        match pace::next(self.0.retries, attempt, &call.method, *broke, error) {
            Next::Hold(_) if call.patience == Patience::Lookup => Next::GiveUp,
            next => next,
        }
    }

    async fn once(&self, call: Call) -> Result<Answer, Failure> {
        let Call {
            request,
            url,
            patience,
            ..
        } = call;
        let after = match patience {
            Patience::Lookup => self.0.lookup_timeout,
            Patience::Request | Patience::Stream => self.0.request_timeout,
            Patience::Slow => self.0.slow_timeout,
        };
        let request = if patience == Patience::Stream {
            request
        } else {
            request.timeout(after)
        };
        let failure = |error, broke| Failure { error, broke };
        let reply = match tokio::time::timeout(after, request.send()).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(cause)) => {
                let broke = !cause.is_connect() && !cause.is_timeout();
                return Err(failure(error::transport(&url, after, &cause), broke));
            }
            Err(_) => return Err(failure(ClientError::Timeout { url, after }, false)),
        };
        self.0
            .offset
            .record(&*self.0.clock, reply.headers().get(header::DATE));
        if reply.status().is_success() {
            return Ok(Answer { url, reply, after });
        }
        Err(failure(refusal(url, reply, after).await, false))
    }

    /// Sends, and reads the reply as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        self.send(call).await?.json().await
    }

    /// As [`json`](Self::json); `None` when there is no such thing, or this token may not see it (404).
    pub(super) async fn found<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<Option<T>, ClientError> {
        match self.json(call).await {
            Err(ClientError::Status {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Sends, and reports the status of a success.
    pub(super) async fn status(&self, call: Call) -> Result<StatusCode, ClientError> {
        Ok(self.send(call).await?.reply.status())
    }

    /// Posts a ready-made form with this client's token to the hub's token endpoint.
    #[cfg(feature = "oauth")]
    pub(crate) async fn post_form(
        &self,
        url: &str,
        headers: http::HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Bytes>, ClientError> {
        // A visitor waits for it.
        let call = self
            .authorized(self.call_to(Method::POST, url))
            .patience(Patience::Lookup);
        let answer = self.send(call.form(headers, body)).await?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = answer.reply.status();
        *response.headers_mut() = answer.reply.headers().clone();
        *response.body_mut() = answer.body().await?;
        Ok(response)
    }
}

/// A reply that is no success, as an error.
async fn refusal(url: String, reply: reqwest::Response, after: Duration) -> ClientError {
    let status = reply.status();
    if status.is_redirection() {
        let location = reply
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("nowhere");
        let location = location
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned();
        return ClientError::Redirected { url, location };
    }
    let retry_after = pace::retry_after(reply.headers());
    let body = read(&url, reply, after).await.unwrap_or_default();
    let message = message_of(&body).unwrap_or_else(|| {
        status
            .canonical_reason()
            .unwrap_or("no explanation")
            .to_owned()
    });
    match status {
        StatusCode::FORBIDDEN => ClientError::Refused { url, message },
        _ if status.is_server_error() => ClientError::HubFailed {
            url,
            status,
            message,
            retry_after,
        },
        _ => ClientError::Status {
            url,
            status,
            message,
            retry_after,
        },
    }
}

async fn read(
    url: &str,
    mut reply: reqwest::Response,
    after: Duration,
) -> Result<Bytes, ClientError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = reply
        .chunk()
        .await
        .map_err(|error| error::transport(url, after, &error))?
    {
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(ClientError::BadReply {
                url: url.to_owned(),
                reason: format!("it is longer than {MAX_REPLY} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

pub(super) fn parse<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::BadReply {
        url: url.to_owned(),
        // serde_json quotes at most a field name or a type, never the whole body.
        reason: error.to_string(),
    })
}

/// The hub's own words in an error body: `message` of the API, `error_description` or `error` of OAuth.
fn message_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct OAuthBody {
        error: String,
        #[serde(default)]
        error_description: Option<String>,
    }
    if let Ok(body) = serde_json::from_slice::<OAuthBody>(body) {
        return Some(body.error_description.unwrap_or(body.error));
    }
    serde_json::from_slice::<ErrorBody>(body).ok()?.message
}
