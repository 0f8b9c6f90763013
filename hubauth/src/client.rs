//! [`HubClient`]: a typed client of the hub's REST API.
//!
//! It owns the connection, the `Authorization` header, time-outs and the mapping of replies to [`ClientError`]; it must
//! not decide anything about visitors (that is [`HubAuth`]'s job). To add a call: one method in the
//! file of its resource, built from `request`, `send` and `json` of `call.rs`.

mod builder;
mod call;
mod clock;
mod error;
mod groups;
mod pace;
mod pages;
mod progress;
mod proxy;
mod servers;
mod tls;
mod tokens;
mod users;
mod whoami;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use hub_types::clock::Clock;
use hub_types::secret::Token;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::auth::HubAuth;
use crate::config::ConfigError;

pub use builder::HubClientBuilder;
pub use call::Dated;
pub use error::ClientError;
pub use pace::Retries;
pub use pages::{BadItem, Listed};
pub use servers::{StartOptions, Started, StopOptions, Stopped};
pub use users::{StateFilter, UserChange, UsersQuery};

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
/// has a time-out, and no global TLS provider needs to be installed. Calls that the hub is too busy for (`429`, or `503`
/// with `Retry-After`) are made again as [`Retries`] says; reads are made once more when their connection broke.
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
    retries: Retries,
    pace: pace::Pace,
}

impl std::fmt::Debug for HubClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubClient")
            .field("api_url", &self.0.api_url.as_str())
            .finish_non_exhaustive()
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

    /// A client for a script or service with its token and the hub's address in the environment
    /// (`JUPYTERHUB_API_TOKEN`, `JUPYTERHUB_API_URL`, certificates; see [`HubAuthConfig`](crate::HubAuthConfig)).
    ///
    /// # Errors
    /// [`ConfigError`] when something is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        HubAuth::from_env().map(|auth| auth.client().clone())
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

    /// Reads anything of the API that has no method of its own (`/info`, for example), or that has one whose model asks
    /// too much of an old hub. `path` is below the API's URL, starts with a slash, and its parts are escaped
    /// ([`hub_types::names::escape`]).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Dated<T>, ClientError> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        let date = answer.date();
        let value = answer.json().await?;
        Ok(Dated { value, date })
    }
}
