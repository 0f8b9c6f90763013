//! [`HubClient`]: a typed client of the hub's REST API.
//!
//! It owns the connection, the `Authorization` header, time-outs and the mapping of replies to [`ClientError`]; it must
//! not decide anything about visitors (that is [`HubAuth`](crate::HubAuth)'s job). To add a call: one method in the
//! file of its resource, built from `request`, `send` and `json` here.

mod builder;
mod clock;
mod error;
mod progress;
mod proxy;
mod servers;
mod tls;
mod users;
mod whoami;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, header};
use hub_types::clock::Clock;
use hub_types::error::ErrorBody;
use hub_types::secret::Token;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

pub use builder::HubClientBuilder;
pub use error::ClientError;
pub use servers::{StartOptions, Started, Stopped};
pub use users::{StateFilter, UsersQuery};

/// Largest reply that is read, in bytes; a page of 200 users with ten servers each is well below.
const MAX_REPLY: usize = 32 * 1024 * 1024;

/// What the API root says: `GET {api_url}/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ApiRoot {
    /// Version of the hub, e.g. `6.1.1`.
    pub version: String,
}

/// A client of one hub's API. Cheap to clone; clones share the connections.
///
/// Redirects are never followed (the token would go along), the environment's HTTP proxies are not used, every call
/// has a time-out, and no global TLS provider needs to be installed.
///
/// ```no_run
/// use futures_util::TryStreamExt as _;
/// use hubauth::{HubClient, Token, UsersQuery};
///
/// # async fn demo() -> Result<(), hubauth::ClientError> {
/// let hub = HubClient::new("http://127.0.0.1:8081/hub/api", Token::from_config("…"))?;
/// let mut pages = std::pin::pin!(hub.users(UsersQuery::active()));
/// while let Some(page) = pages.try_next().await? {
///     for user in page.items {
///         println!("{} has {} servers", user.name, user.servers.unwrap_or_default().len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HubClient(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    api_url: Url,
    token: Option<Token>,
    offset: clock::Offset,
    clock: Arc<dyn Clock>,
    lookup_timeout: Duration,
    request_timeout: Duration,
    slow_timeout: Duration,
}

impl std::fmt::Debug for HubClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubClient")
            .field("api_url", &self.0.api_url.as_str())
            .finish_non_exhaustive()
    }
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
enum Patience {
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
struct Call {
    request: reqwest::RequestBuilder,
    /// The URL as it may appear in messages.
    url: String,
    patience: Patience,
}

impl Call {
    fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    fn json(mut self, body: &impl serde::Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }
}

impl HubClient {
    /// A client with all defaults.
    ///
    /// # Errors
    /// As [`HubClientBuilder::build`].
    pub fn new(api_url: impl Into<String>, token: Token) -> Result<Self, ClientError> {
        Self::builder(api_url).token(token).build()
    }

    /// The API's URL, without a trailing slash.
    #[must_use]
    pub fn api_url(&self) -> &str {
        self.0.api_url.as_str()
    }

    /// Version of the hub (`GET /`): answers without any token, so it also tells whether the URL is right.
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn api_root(&self) -> Result<ApiRoot, ClientError> {
        self.json(self.anonymous(Method::GET, "/")).await
    }

    /// A call without a token.
    fn anonymous(&self, method: Method, path: &str) -> Call {
        let url = format!("{}{path}", self.api_url());
        Call {
            request: self.0.http.request(method, &url),
            url,
            patience: Patience::Request,
        }
    }

    /// A call with this client's own token. `path` starts with a slash; its parts are already escaped.
    fn request(&self, method: Method, path: &str) -> Call {
        let mut call = self.anonymous(method, path);
        if let Some(token) = &self.0.token {
            call.request = authorize(call.request, token);
        }
        call
    }

    /// Sends, and turns everything but a success into an error.
    async fn send(&self, call: Call) -> Result<(String, reqwest::Response), ClientError> {
        let Call {
            request,
            url,
            patience,
        } = call;
        let (request, after) = match patience {
            Patience::Lookup => (
                request.timeout(self.0.lookup_timeout),
                self.0.lookup_timeout,
            ),
            Patience::Request => (
                request.timeout(self.0.request_timeout),
                self.0.request_timeout,
            ),
            Patience::Slow => (request.timeout(self.0.slow_timeout), self.0.slow_timeout),
            Patience::Stream => (request, self.0.request_timeout),
        };
        let sent = tokio::time::timeout(after, request.send());
        let reply = match sent.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(error::transport(&url, after, &error)),
            Err(_) => return Err(ClientError::Timeout { url, after }),
        };
        self.0
            .offset
            .record(&*self.0.clock, reply.headers().get(header::DATE));
        if reply.status().is_success() {
            return Ok((url, reply));
        }
        Err(self.failure(url, reply, after).await)
    }

    async fn failure(&self, url: String, reply: reqwest::Response, after: Duration) -> ClientError {
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
            },
            _ => ClientError::Status {
                url,
                status,
                message,
            },
        }
    }

    /// Sends, and reads the reply as JSON.
    async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let (url, reply) = self.send(call).await?;
        let body = read(&url, reply, self.0.request_timeout).await?;
        parse(&url, &body)
    }

    /// Posts a ready-made form with this client's token.
    #[cfg(feature = "oauth")]
    pub(crate) async fn post_form(
        &self,
        path: &str,
        headers: http::HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let mut call = self.request(Method::POST, path);
        call.request = call.request.headers(headers).body(body);
        let (url, reply) = self.send(call).await?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = reply.status();
        *response.headers_mut() = reply.headers().clone();
        *response.body_mut() = read(&url, reply, self.0.request_timeout).await?;
        Ok(response)
    }

    /// Sends, and reports the status of a success.
    async fn status(&self, call: Call) -> Result<StatusCode, ClientError> {
        Ok(self.send(call).await?.1.status())
    }
}

/// Adds `Authorization: token …`, marked so that no log of a header shows it.
fn authorize(request: reqwest::RequestBuilder, token: &Token) -> reqwest::RequestBuilder {
    match http::HeaderValue::from_str(&format!("token {}", token.expose())) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(header::AUTHORIZATION, value)
        }
        // A token with control characters cannot be sent at all: the hub will answer 403, as for any wrong token.
        Err(_) => request,
    }
}

/// Reads a whole body, at most [`MAX_REPLY`] bytes.
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

fn parse<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, ClientError> {
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
