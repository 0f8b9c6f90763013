//! The hub as the culler sees it: two reads and two deletes of its REST API, told apart by what they mean.
//!
//! Every call carries the token, has a time-out, follows no redirect (the token would go along) and obeys
//! `429`/`503` with `Retry-After`: one such answer makes all calls of this culler wait.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hub_types::error::ErrorBody;
use hub_types::names::escape;
use hub_types::page::PAGINATION_MEDIA_TYPE;
use hub_types::secret::Token;
use serde_json::{Value, json};
use url::Url;

use crate::hub::pace::Pace;

pub mod error;
mod pace;

pub use error::HubError;

/// Request header with which a `DELETE` is refused (412) when the server or user was active after the given time.
///
/// An extension of ours; hubs that do not know it ignore it.
pub const IF_INACTIVE_SINCE: HeaderName =
    HeaderName::from_static(hub_types::IF_INACTIVE_SINCE_HEADER);

/// Largest reply that is read, in bytes: a bare list of 10,000 users of an old hub fits.
const MAX_REPLY: usize = 64 * 1024 * 1024;

/// How often a call is tried when the hub asks for patience.
const TRIES: u32 = 4;

/// A client of the hub's API, for the few calls that culling needs.
#[derive(Debug)]
pub struct Hub {
    http: reqwest::Client,
    url: Url,
    authorization: HeaderValue,
    pace: Pace,
    timeout: Duration,
}

/// What the hub answered, and when by its own clock.
#[derive(Debug)]
pub struct Reply {
    /// The status; always a success.
    pub status: StatusCode,
    /// The `Date` header.
    pub date: Option<DateTime<Utc>>,
    /// The body.
    pub body: Bytes,
}

/// What became of a `DELETE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone (204).
    Done,
    /// The hub is still at it (202): whatever it was, it is still alive.
    Pending,
    /// It was active since the time that was named (412).
    BecameActive,
    /// It was not there (404).
    Absent,
}

/// How to stop a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct StopOptions {
    /// Whether the hub shall forget the (named) server.
    pub remove: bool,
    /// The activity after which the hub shall refuse.
    pub if_inactive_since: Option<DateTime<Utc>>,
}

impl Hub {
    /// A client for the API at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the token cannot be sent in a header, or TLS cannot be set up.
    pub fn new(url: Url, token: &Token, timeout: Duration) -> Result<Self, HubError> {
        let setup = |reason: String| HubError::Setup { reason };
        let mut authorization = HeaderValue::from_str(&format!("token {}", token.expose()))
            .map_err(|_| {
                setup("the API token contains characters that no header may hold".into())
            })?;
        authorization.set_sensitive(true);
        // An error says that this process already chose a TLS implementation, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("cull-idle/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(error::chain(&error)))?;
        Ok(Self {
            http,
            url,
            authorization,
            pace: Pace::default(),
            timeout,
        })
    }

    /// Asks the API's root, which tells the version.
    ///
    /// # Errors
    /// As every call.
    pub async fn root(&self) -> Result<Reply, HubError> {
        self.call(Method::GET, "/", HeaderMap::new(), None).await
    }

    /// Asks for users; `query` is a query string without its question mark, or empty.
    ///
    /// # Errors
    /// As every call.
    pub async fn users(&self, query: &str) -> Result<Reply, HubError> {
        let path = match query {
            "" => "/users".to_owned(),
            query => format!("/users?{query}"),
        };
        let accept = HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static(PAGINATION_MEDIA_TYPE),
        )]);
        self.call(Method::GET, &path, accept, None).await
    }

    /// Asks for one user.
    ///
    /// # Errors
    /// As every call; 404 when there is no such user.
    pub async fn user(&self, name: &str) -> Result<Reply, HubError> {
        let path = format!("/users/{}", escape(name));
        self.call(Method::GET, &path, HeaderMap::new(), None).await
    }

    /// Stops a server; `server` is empty for the default one.
    ///
    /// # Errors
    /// As every call.
    pub async fn stop_server(
        &self,
        user: &str,
        server: &str,
        options: StopOptions,
    ) -> Result<Deleted, HubError> {
        let user = escape(user);
        let path = match server {
            "" => format!("/users/{user}/server"),
            server => format!("/users/{user}/servers/{}", escape(server)),
        };
        let body = options.remove.then(|| json!({"remove": true}));
        self.delete(&path, options.if_inactive_since, body).await
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_user(
        &self,
        user: &str,
        if_inactive_since: Option<DateTime<Utc>>,
    ) -> Result<Deleted, HubError> {
        let path = format!("/users/{}", escape(user));
        self.delete(&path, if_inactive_since, None).await
    }

    async fn delete(
        &self,
        path: &str,
        since: Option<DateTime<Utc>>,
        body: Option<Value>,
    ) -> Result<Deleted, HubError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = since
            .map(hub_types::time::format)
            .and_then(|t| t.parse().ok())
        {
            headers.insert(IF_INACTIVE_SINCE, value);
        }
        match self.call(Method::DELETE, path, headers, body).await {
            Ok(reply) if reply.status == StatusCode::ACCEPTED => Ok(Deleted::Pending),
            Ok(_) => Ok(Deleted::Done),
            Err(HubError::Status { status, .. }) if status == StatusCode::PRECONDITION_FAILED => {
                Ok(Deleted::BecameActive)
            }
            Err(HubError::Status { status, .. }) if status == StatusCode::NOT_FOUND => {
                Ok(Deleted::Absent)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes one call, again if the hub asks for patience. All our calls may be repeated without harm.
    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<Value>,
    ) -> Result<Reply, HubError> {
        let mut attempt = 1;
        loop {
            self.pace.wait().await;
            match self.once(&method, path, &headers, body.as_ref()).await {
                Err(Refusal::Wait(pause, _)) if attempt < TRIES => {
                    self.pace
                        .hold(pause.unwrap_or(Duration::from_secs(1 << attempt)));
                    attempt += 1;
                }
                Err(Refusal::Wait(_, error) | Refusal::Final(error)) => return Err(error),
                Ok(reply) => return Ok(reply),
            }
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<&Value>,
    ) -> Result<Reply, Refusal> {
        let shown = path.split('?').next().unwrap_or(path);
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        let mut request = self
            .http
            .request(method.clone(), url)
            .header(header::AUTHORIZATION, &self.authorization)
            .headers(headers.clone());
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request
            .send()
            .await
            .map_err(|error| Refusal::Final(self.transport(shown, &error)))?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = self.read(shown, reply).await.map_err(Refusal::Final)?;
        if status.is_success() {
            return Ok(Reply {
                status,
                date: headers.get(header::DATE).and_then(pace::http_date),
                body,
            });
        }
        Err(self.refusal(shown, status, &headers, &body))
    }

    fn refusal(&self, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let url = self.shown(path);
        if status.is_redirection() {
            return Refusal::Final(HubError::Redirected { url });
        }
        let message = serde_json::from_slice::<ErrorBody>(body)
            .ok()
            .and_then(|body| body.message)
            .unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason").to_owned());
        let pause = pace::retry_after(headers);
        let error = HubError::Status {
            url,
            status,
            message,
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS => Refusal::Wait(pause, error),
            StatusCode::SERVICE_UNAVAILABLE if pause.is_some() => Refusal::Wait(pause, error),
            _ => Refusal::Final(error),
        }
    }

    async fn read(&self, path: &str, mut reply: reqwest::Response) -> Result<Bytes, HubError> {
        let mut body = BytesMut::new();
        loop {
            match reply.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_REPLY => {
                    return Err(HubError::BadReply {
                        url: self.shown(path),
                        reason: format!("it is longer than {MAX_REPLY} bytes"),
                    });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(error) => return Err(self.transport(path, &error)),
            }
        }
    }

    fn transport(&self, path: &str, error: &reqwest::Error) -> HubError {
        let url = self.shown(path);
        if error.is_timeout() {
            return HubError::Timeout {
                url,
                after: self.timeout,
            };
        }
        let reason = std::error::Error::source(error)
            .map_or_else(|| "the request could not be sent".to_owned(), error::chain);
        HubError::Unreachable { url, reason }
    }

    /// The URL of a call as messages show it: never with a query.
    fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }
}

/// Why a call gave no reply of use.
enum Refusal {
    /// The hub asks for patience: for how long, and what to say when it runs out.
    Wait(Option<Duration>, HubError),
    /// Asking again is no use now.
    Final(HubError),
}
