//! Everything that handlers need, in one value that is cheap to clone.

pub mod errands;

use std::ops::Deref;
use std::sync::Arc;

use hub_types::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::auth::Authenticator;
use crate::auth::cookies::CookieKeys;
use crate::auth::identities::Identities;
use crate::auth::login::Login;
use crate::bus::Bus;
use crate::config::Config;
use crate::db::Db;
use crate::managed::ManagedServices;
use crate::metrics::Metrics;
use crate::proxy_client::ProxyClient;
use crate::proxy_client::sync::RouteSync;
use crate::render::Renderer;
use crate::spawner::manager::Manager;
use crate::state::errands::Errands;

/// What a shutdown that was asked for through the API shall take with it; `None` means what the configuration says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShutdownRequest {
    /// Whether user servers are stopped too.
    pub servers: Option<bool>,
    /// Whether the proxy is stopped too.
    pub proxy: Option<bool>,
}

/// The parts of a running hub.
#[derive(Debug)]
pub struct Parts {
    /// What the hub was told.
    pub config: Arc<Config>,
    /// The truth.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// What changed.
    pub bus: Bus,
    /// Where everything is.
    pub addresses: Arc<Addresses>,
    /// Who checks passwords.
    pub authenticator: Arc<dyn Authenticator>,
    /// From a form to a session.
    pub login: Login,
    /// From a credential to who it is.
    pub identities: Identities,
    /// Keys of cookies.
    pub cookies: CookieKeys,
    /// Starts and stops servers.
    pub manager: Manager,
    /// The proxy's routes.
    pub proxy: Arc<dyn ProxyClient>,
    /// Keeps the proxy's routes right.
    pub routes: RouteSync,
    /// Services that this hub runs or knows.
    pub managed: ManagedServices,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// Pages.
    pub renderer: Renderer,
    /// What was asked for many at once, and goes on.
    pub errands: Errands,
    /// Ends this process in order.
    pub shutdown: CancellationToken,
    /// What the shutdown shall take with it.
    pub shutdown_request: std::sync::Mutex<ShutdownRequest>,
}

/// The state of the HTTP server.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
