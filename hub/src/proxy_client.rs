//! The proxy, as the hub drives it: routes out, activity in.
//!
//! * [`ProxyClient`]: what any proxy must be able to do; `chp` speaks the REST API of configurable-http-proxy, which
//!   is also that of `hub proxy`;
//!
//! To add another proxy (Traefik, a cloud's load balancer): implement [`ProxyClient`].

use async_trait::async_trait;
use hub_types::route::RouteTable;
use serde_json::{Map, Value};

/// A route that the hub wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Escaped path with slashes at both ends, e.g. `/user/alice/`.
    pub routespec: String,
    /// Origin without path, e.g. `http://127.0.0.1:40123`.
    pub target: String,
    /// `{"user": …, "server_name": …}`, `{"service": …}` or `{"hub": true}`; without `target` and `jupyterhub`.
    pub data: Map<String, Value>,
}

/// Why the proxy did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It cannot be reached, or keeps failing.
    #[error("the proxy does not answer at {url}: {why}; check that it runs and that ConfigurableHTTPProxy.api_url is right")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// It does not accept our token.
    #[error("the proxy at {url} refuses our token; give hub and proxy the same CONFIGPROXY_AUTH_TOKEN")]
    Forbidden {
        /// Which proxy.
        url: String,
    },
    /// It answered something unexpected.
    #[error("the proxy at {url} answered {status} to {what}")]
    Refused {
        /// Which proxy.
        url: String,
        /// HTTP status.
        status: u16,
        /// Method and path.
        what: String,
    },
}

/// A proxy whose routes can be changed while it runs.
#[async_trait]
pub trait ProxyClient: Send + Sync + std::fmt::Debug {
    /// Adds a route, or replaces the one of the same routespec. Open connections go on.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn add(&self, route: &Route) -> Result<(), ProxyError>;

    /// Deletes a route; one that is not there is no error. Open connections go on.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn delete(&self, routespec: &str) -> Result<(), ProxyError>;

    /// All routes, as the proxy has them.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn routes(&self) -> Result<RouteTable, ProxyError>;
}
