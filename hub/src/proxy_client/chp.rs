//! The REST API of configurable-http-proxy 5.3, which `hub proxy` speaks as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::names::escape;
use hub_types::secret::Token;
use hub_types::socket_url;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::{KnownRoute, ProxyClient, ProxyError, Route, Routes};

/// Marks the routes that are ours: others are never touched. Source: JupyterHub 6.1 posts it with every route.
const OURS: &str = "jupyterhub";
/// Longest time for one answer: the whole table may be long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest time for an answer about one route. Short, for a proxy that hung may never answer what it was asked meanwhile.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);
/// How many requests may be on their way at once. Source: JupyterHub's `ConfigurableHTTPProxy.concurrency`.
pub const CONCURRENCY: usize = 10;
/// How long a proxy that cannot be reached, or keeps failing, is tried.
pub const RETRY_FOR: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the keys of a proxy's table are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keys {
    /// Paths.
    #[default]
    Paths,
    /// Hosts and paths (`--host-routing`): the first segment is a host.
    Hosts,
}

/// Where the API is, and what opens it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Origin of the API, e.g. `http://127.0.0.1:8001`.
    pub url: String,
    /// Its token.
    pub token: Token,
}

/// Where requests go now.
#[derive(Debug)]
struct Aim {
    endpoint: Endpoint,
    /// The unix socket through which `http` goes.
    socket: Option<PathBuf>,
    http: reqwest::Client,
}

impl Aim {
    fn at(endpoint: Endpoint) -> Result<Self, reqwest::Error> {
        let socket = socket_url::split(&endpoint.url).map(|(path, _)| path);
        let http = http(socket.as_deref())?;
        Ok(Self {
            endpoint,
            socket,
            http,
        })
    }

    /// Connections are kept as long as they lead to the same place.
    fn turn(&mut self, endpoint: Endpoint) -> Result<(), reqwest::Error> {
        let socket = socket_url::split(&endpoint.url).map(|(path, _)| path);
        if socket == self.socket {
            self.endpoint = endpoint;
        } else {
            *self = Self::at(endpoint)?;
        }
        Ok(())
    }
}

fn http(socket: Option<&Path>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    match socket {
        Some(path) => builder.unix_socket(path),
        None => builder,
    }
    .build()
}

/// A client of the proxy's REST API.
#[derive(Debug)]
pub struct ChpClient {
    aim: RwLock<Aim>,
    slots: Semaphore,
    retry_for: Duration,
    keys: Keys,
}

impl ChpClient {
    /// A client of the API at `endpoint`, which tries for `retry_for` ([`RETRY_FOR`] outside of tests), with up to
    /// [`CONCURRENCY`] requests on their way at once.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(endpoint: Endpoint, retry_for: Duration) -> Result<Self, reqwest::Error> {
        // Does nothing where a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            aim: RwLock::new(Aim::at(endpoint)?),
            slots: Semaphore::new(CONCURRENCY),
            retry_for,
            keys: Keys::default(),
        })
    }

    /// The same with another limit of requests at once (at least one).
    #[must_use]
    pub fn concurrency(mut self, most: usize) -> Self {
        self.slots = Semaphore::new(most.max(1));
        self
    }

    /// The same for a proxy whose keys are these.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Points the client at another proxy.
    pub fn point_at(&self, endpoint: Endpoint) {
        let mut aim = self.aim.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = aim.turn(endpoint) {
            tracing::error!("no client of the proxy's API can be made: {error}");
        }
    }

    /// Where the API is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let aim = self.aim.read().unwrap_or_else(PoisonError::into_inner);
        aim.endpoint.clone()
    }

    /// One request until it is answered below 500, or time is over.
    async fn ask(&self, call: &Call<'_>) -> Result<reqwest::Response, ProxyError> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (url, why) = match self.once(call).await {
                Ok(done) => return done,
                Err(failure) => failure,
            };
            if start.elapsed() + pause >= self.retry_for {
                return Err(ProxyError::Unreachable { url, why });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The answer, or what went wrong and may go right another time (where, why).
    async fn once(
        &self,
        call: &Call<'_>,
    ) -> Result<Result<reqwest::Response, ProxyError>, (String, String)> {
        let Ok(_slot) = self.slots.acquire().await else {
            return Err((self.endpoint().url, "the hub is stopping".into()));
        };
        // Of one look: a token goes nowhere but where it belongs.
        let (Endpoint { url, token }, http) = {
            let aim = self.aim.read().unwrap_or_else(PoisonError::into_inner);
            (aim.endpoint.clone(), aim.http.clone())
        };
        let asked = socket_url::through(&url).map_or_else(|| url.clone(), |(_, url)| url);
        let mut request = http
            .request(
                call.method.clone(),
                format!("{asked}/api/routes{}", call.path),
            )
            .timeout(call.patience())
            .header(
                reqwest::header::AUTHORIZATION,
                format!("token {}", token.expose()),
            );
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let reply = request
            .send()
            .await
            .map_err(|error| (url.clone(), describe(&error)))?;
        match reply.status() {
            status if status.is_server_error() => Err((url, format!("it answers {status}"))),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Ok(Err(ProxyError::Forbidden { url }))
            }
            StatusCode::NOT_FOUND if call.may_be_missing => Ok(Ok(reply)),
            // A redirect is none: whoever sent it has not taken the route.
            status if status.is_success() => Ok(Ok(reply)),
            status => Ok(Err(ProxyError::Refused {
                url,
                status: status.as_u16(),
                what: format!("{} /api/routes{}", call.method, call.path),
            })),
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        reply: reqwest::Response,
    ) -> Result<T, ProxyError> {
        let unreadable = |error: reqwest::Error| ProxyError::Unreachable {
            url: self.endpoint().url,
            why: format!(
                "its answer is not what a proxy's should be: {}",
                describe(&error)
            ),
        };
        reply.json().await.map_err(unreadable)
    }
}

/// One call of the API.
struct Call<'a> {
    method: Method,
    path: String,
    body: Option<&'a Map<String, Value>>,
    may_be_missing: bool,
}

impl Call<'_> {
    fn patience(&self) -> Duration {
        match self.path.as_str() {
            "" | "/" if self.method == Method::GET => PATIENCE,
            _ => SHORT_PATIENCE,
        }
    }
}

/// The route as it was asked for, if it has our mark: what others wrote need not be of any shape.
fn ours(routespec: String, found: Value) -> Option<KnownRoute> {
    let Value::Object(mut data) = found else {
        return None;
    };
    data.remove(OURS)?;
    let Some(Value::String(target)) = data.remove("target") else {
        return None;
    };
    let last_activity = data.remove("last_activity");
    let last_activity = last_activity.as_ref().and_then(Value::as_str);
    Some(KnownRoute {
        route: Route {
            routespec,
            target,
            data,
        },
        last_activity: last_activity.and_then(hub_types::time::parse),
    })
}

/// The routespec of a key of the proxy's table: keys are percent-decoded and have no trailing slash.
fn routespec_of(key: &str, keys: Keys) -> String {
    let segments: Vec<String> = key.trim_matches('/').split('/').map(escape).collect();
    match (segments.join("/"), keys) {
        (path, _) if path.is_empty() => "/".to_owned(),
        (path, Keys::Paths) => format!("/{path}/"),
        (path, Keys::Hosts) => format!("{path}/"),
    }
}

/// The path under `/api/routes` for a routespec: no trailing slash, except for the root.
fn api_path(routespec: &str) -> String {
    match routespec.trim_matches('/') {
        "" => "/".to_owned(),
        path => format!("/{path}"),
    }
}

/// What is posted for a route.
fn body(route: &Route) -> Map<String, Value> {
    let mut body = route.data.clone();
    body.insert("target".to_owned(), Value::from(route.target.clone()));
    body.insert(OURS.to_owned(), Value::from(true));
    body
}

/// The innermost reason; the outer ones only repeat the URL.
fn describe(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

#[async_trait]
impl ProxyClient for ChpClient {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let body = body(route);
        let path = api_path(&route.routespec);
        self.ask(&Call {
            method: Method::POST,
            path,
            body: Some(&body),
            may_be_missing: false,
        })
        .await?;
        Ok(())
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        let path = api_path(routespec);
        self.ask(&Call {
            method: Method::DELETE,
            path,
            body: None,
            may_be_missing: true,
        })
        .await?;
        Ok(())
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        let call = Call {
            method: Method::GET,
            path: String::new(),
            body: None,
            may_be_missing: false,
        };
        let reply = self.ask(&call).await?;
        let table: BTreeMap<String, Value> = self.json(reply).await?;
        let known = |(key, found): (String, Value)| {
            let spec = routespec_of(&key, self.keys);
            Some((spec.clone(), ours(spec, found)?))
        };
        Ok(table.into_iter().filter_map(known).collect())
    }

    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        let mut aim = self.aim.write().unwrap_or_else(PoisonError::into_inner);
        let mut endpoint = aim.endpoint.clone();
        if let Some(url) = api_url {
            endpoint.url = url;
        }
        if let Some(token) = token {
            endpoint.token = token;
        }
        aim.turn(endpoint).is_ok()
    }

    async fn route(&self, routespec: &str) -> Result<Option<KnownRoute>, ProxyError> {
        // Asked for the root, it tells the whole table.
        if api_path(routespec) == "/" {
            return Ok(self.routes().await?.remove(routespec));
        }
        let call = Call {
            method: Method::GET,
            path: api_path(routespec),
            body: None,
            may_be_missing: true,
        };
        let reply = self.ask(&call).await?;
        if reply.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(ours(routespec.to_owned(), self.json(reply).await?))
    }
}

#[cfg(test)]
mod tests;
