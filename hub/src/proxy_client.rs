//! The proxy, as the hub drives it: routes out, activity in.
//!
//! * [`ProxyClient`]: what any proxy must be able to do; [`chp`] speaks the REST API of configurable-http-proxy, which
//!   is also that of `hub proxy`;
//! * [`ProxyRunner`]: a proxy that the hub starts itself; [`process`] runs one as a child of the hub that outlives it;
//! * [`registry`]: the proxies that `JupyterHub.proxy_class` can name;
//! * [`several`]: several proxies with the same routes, as one;
//! * [`measured`]: the same, timed;
//! * [`plan`]: which routes have to change, as a pure comparison;
//! * [`sync`]: carries the plan out and reads the activity back;
//! * `contract` (with the feature of that name): what any [`ProxyClient`] is held to, as a suite that its author runs.
//!
//! To add another proxy (Traefik, HAProxy, a cloud's load balancer): implement [`ProxyClient`], name it in a
//! [`registry::ProxyClasses`], and hand that to [`crate::programs::main`] among its plugins. `examples/haproxy` does, in a crate of its own.

pub mod chp;
#[cfg(feature = "contract")]
pub mod contract;
pub mod measured;
pub mod plan;
pub mod process;
pub mod registry;
pub mod several;
pub mod sync;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::names::ServiceName;
use hub_types::secret::Token;
use serde_json::{Map, Value};

use self::process::ProxyProcessError;
use crate::addresses::Addresses;
use crate::domain::server::ServerRef;

/// A route that the hub wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Escaped path with slashes at both ends, e.g. `/user/alice/`; with host routing a host comes first,
    /// `alice.example.org/user/alice/`.
    pub routespec: String,
    /// Origin without path, e.g. `http://127.0.0.1:40123`.
    pub target: String,
    /// `{"user": …, "server_name": …}`, `{"service": …}`, `{"hub": true}` or `{"extra": true}`.
    pub data: Map<String, Value>,
}

impl Route {
    /// The route of the hub itself: everything that has no other.
    #[must_use]
    pub fn of_hub(addresses: &Addresses) -> Self {
        Self {
            routespec: addresses.hub_spec().to_owned(),
            target: addresses.hub_origin.clone(),
            data: Map::from_iter([("hub".to_owned(), Value::from(true))]),
        }
    }

    /// The route of a user's server.
    #[must_use]
    pub fn of_server(addresses: &Addresses, at: &ServerRef, target: String) -> Self {
        let data = [
            ("user", at.user.as_str()),
            ("server_name", at.name.as_str()),
        ];
        Self {
            routespec: addresses.server_spec(at),
            target,
            data: data
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .into_iter()
                .collect(),
        }
    }

    /// A route of `Proxy.extra_routes`.
    #[must_use]
    pub fn extra(routespec: String, target: String) -> Self {
        Self {
            routespec,
            target,
            data: Map::from_iter([("extra".to_owned(), Value::from(true))]),
        }
    }

    /// The route of a service. Only the origin of `url` counts.
    #[must_use]
    pub fn of_service(addresses: &Addresses, service: &ServiceName, url: &str) -> Self {
        Self {
            routespec: addresses.service_spec(service),
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
    /// A proxy of another kind has reasons of its own.
    #[error("the proxy failed: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A route as a proxy has it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownRoute {
    /// What was asked for.
    pub route: Route,
    /// When it was last used; none when the proxy does not know.
    pub last_activity: Option<DateTime<Utc>>,
}

/// The routes that a proxy has of this hub, by routespec.
pub type Routes = BTreeMap<String, KnownRoute>;

/// A proxy whose routes can be changed while it runs, as JupyterHub's `Proxy` class: it forwards WebSockets, the most
/// specific route counts, and open connections outlive every change.
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

    /// All routes that came from a hub, with the data they were given. Routes that somebody else gave the proxy are none
    /// of ours: they must not be among them, as the hub deletes what it does not want.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn routes(&self) -> Result<Routes, ProxyError>;

    /// Drives another proxy from now on: at another API address, with another token, or both. False when this kind of
    /// proxy cannot be moved.
    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        let _ = (api_url, token);
        false
    }

    /// One route of ours; none when there is none of this routespec.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn route(&self, routespec: &str) -> Result<Option<KnownRoute>, ProxyError> {
        Ok(self.routes().await?.remove(routespec))
    }

    /// When the route was last used; none when there is no such route, or the proxy does not know.
    ///
    /// # Errors
    /// [`ProxyError`] after a bounded time of trying.
    async fn last_activity(&self, routespec: &str) -> Result<Option<DateTime<Utc>>, ProxyError> {
        let known = self.route(routespec).await?;
        Ok(known.and_then(|known| known.last_activity))
    }
}

/// A proxy that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningProxy {
    /// Where people reach it from this machine, e.g. `http://127.0.0.1:8000`.
    pub public: String,
    /// Whether it ran before: people use it then, whatever becomes of the hub.
    pub found: bool,
}

/// A proxy that the hub starts, watches and stops (`Proxy.should_start`).
#[async_trait]
pub trait ProxyRunner: Send + Sync + std::fmt::Debug {
    /// Starts the proxy, or finds the one of an earlier run of the hub.
    ///
    /// # Errors
    /// [`ProxyProcessError`]; nothing half-made is left then.
    async fn start(&self) -> Result<RunningProxy, ProxyProcessError>;

    /// Starts it again if it has ended: true when it did. Its routes are taken as gone then.
    ///
    /// # Errors
    /// [`ProxyProcessError`].
    async fn check(&self) -> Result<bool, ProxyProcessError>;

    /// Stops it.
    ///
    /// # Errors
    /// [`ProxyProcessError`]; it is stopped all the same.
    async fn stop(&self) -> Result<(), ProxyProcessError>;

    /// Tidies up once a minute, e.g. shortens its output.
    fn tidy(&self) {}

    /// Has it read its certificates again; false when it cannot be asked to.
    fn read_certificates(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};
    use hub_types::paths::BaseUrl;
    use url::Url;

    use super::*;
    use crate::domain::subdomain::{Hook, Subdomains};

    #[test]
    fn routes_as_they_are_posted() {
        let url = Url::parse("https://hub.example").unwrap();
        let mut addresses = Addresses {
            hub_origin: "http://127.0.0.1:3".into(),
            ..Addresses::under(BaseUrl::new("/pfx/"))
        };
        let at = ServerRef::new(Username::stored("a b"), ServerName::stored("gpu"));
        let server = Route::of_server(&addresses, &at, "http://127.0.0.1:1".into());
        assert_eq!(server.routespec, "/pfx/user/a%20b/gpu/");
        assert_eq!(
            Value::from(server.data),
            serde_json::json!({"user": "a b", "server_name": "gpu"})
        );
        let service = Route::of_service(
            &addresses,
            &ServiceName::stored("whoami"),
            "http://127.0.0.1:2/x/",
        );
        assert_eq!(
            (service.routespec.as_str(), service.target.as_str()),
            ("/pfx/services/whoami/", "http://127.0.0.1:2")
        );
        let hub = Route::of_hub(&addresses);
        assert_eq!(
            (hub.routespec, hub.target),
            ("/pfx/".into(), "http://127.0.0.1:3".into())
        );
        addresses.subdomains = Subdomains::new(&url, Hook::Idna);
        let server = Route::of_server(&addresses, &at, "http://127.0.0.1:1".into());
        assert_eq!(
            server.routespec,
            "u-ab--c8687a0.hub.example/pfx/user/a%20b/gpu/"
        );
        assert_eq!(Route::of_hub(&addresses).routespec, "/");
    }
}
