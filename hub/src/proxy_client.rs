//! The proxy, as the hub drives it: routes out, activity in.
//!
//! * [`ProxyClient`]: what any proxy must be able to do; [`chp`] speaks the REST API of configurable-http-proxy, which
//!   is also that of `hub proxy`;
//! * [`measured`]: the same, timed;
//! * [`plan`]: which routes have to change, as a pure comparison;
//! * [`sync`]: carries the plan out and reads the activity back;
//! * [`process`]: the proxy as a child of the hub that outlives it.
//!
//! To add another proxy (Traefik, a cloud's load balancer): implement [`ProxyClient`].

pub mod chp;
pub mod measured;
pub mod plan;
pub mod process;
pub mod sync;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::names::ServiceName;
use hub_types::paths::BaseUrl;
use hub_types::route::RouteTable;
use hub_types::secret::Token;
use serde_json::{Map, Value};

use crate::domain::server::ServerRef;

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

impl Route {
    /// The route of the hub itself: everything that has no other.
    #[must_use]
    pub fn of_hub(base: &BaseUrl, target: String) -> Self {
        Self {
            routespec: base.as_str().to_owned(),
            target,
            data: Map::from_iter([("hub".to_owned(), Value::from(true))]),
        }
    }

    /// The route of a user's server.
    #[must_use]
    pub fn of_server(base: &BaseUrl, at: &ServerRef, target: String) -> Self {
        let data = [
            ("user", at.user.as_str()),
            ("server_name", at.name.as_str()),
        ];
        Self {
            routespec: base.server(&at.user, &at.name),
            target,
            data: data
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .into_iter()
                .collect(),
        }
    }

    /// The route of a service. Only the origin of `url` counts.
    #[must_use]
    pub fn of_service(base: &BaseUrl, service: &ServiceName, url: &str) -> Self {
        Self {
            routespec: base.service(service),
            target: origin_of(url),
            data: Map::from_iter([("service".to_owned(), Value::from(service.as_str()))]),
        }
    }
}

/// `scheme://host:port` of a URL; the text itself when it is none.
fn origin_of(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            format!("{scheme}://{}", rest.split('/').next().unwrap_or_default())
        }
        None => url.to_owned(),
    }
}

/// Why the proxy did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It cannot be reached, or keeps failing.
    #[error(
        "the proxy does not answer at {url}: {why}; check that it runs and that ConfigurableHTTPProxy.api_url is right"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// It does not accept our token.
    #[error(
        "the proxy at {url} refuses our token; give hub and proxy the same CONFIGPROXY_AUTH_TOKEN"
    )]
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

    /// Drives another proxy from now on: at another API address, with another token, or both. False when this kind of
    /// proxy cannot be moved.
    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        let _ = (api_url, token);
        false
    }

    /// When the route was last used; none when there is no such route.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn last_activity(&self, routespec: &str) -> Result<Option<DateTime<Utc>>, ProxyError> {
        let routes = self.routes().await?;
        let route = routes
            .iter()
            .find(|(key, _)| plan::routespec_of(key) == routespec);
        Ok(route.and_then(|(_, route)| route.last_activity))
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};

    use super::*;

    #[test]
    fn routes_as_they_are_posted() {
        let base = BaseUrl::new("/pfx/");
        let at = ServerRef::new(Username::stored("a b"), ServerName::stored("gpu"));
        let server = Route::of_server(&base, &at, "http://127.0.0.1:1".into());
        assert_eq!(server.routespec, "/pfx/user/a%20b/gpu/");
        assert_eq!(
            Value::from(server.data),
            serde_json::json!({"user": "a b", "server_name": "gpu"})
        );
        let service = Route::of_service(
            &base,
            &ServiceName::stored("whoami"),
            "http://127.0.0.1:2/x/",
        );
        assert_eq!(
            (service.routespec.as_str(), service.target.as_str()),
            ("/pfx/services/whoami/", "http://127.0.0.1:2")
        );
        assert_eq!(
            Route::of_hub(&base, "http://127.0.0.1:3".into()).routespec,
            "/pfx/"
        );
    }
}
