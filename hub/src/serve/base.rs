//! What is there before anything runs: the database with the configuration in it, keys, and who can be asked. From it
//! the parts of the hub are made.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use hub_types::clock::{Clock, SystemClock};
use hub_types::env::ProcessEnv;
use hub_types::secret::random_urlsafe;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::auth::Authenticator;
use crate::auth::cookies::CookieKeys;
use crate::auth::identities::Identities;
use crate::auth::login::Login;
use crate::auth::system_users;
use crate::bootstrap;
use crate::bus::Bus;
use crate::config::Config;
use crate::db::Db;
use crate::event_log::EventLog;
use crate::managed::{ManagedDeps, ManagedServices, check_commands};
use crate::metrics::Metrics;
use crate::plugins::Plugins;
use crate::proxy_client::measured::Measured;
use crate::proxy_client::registry::{Built, ProxyClasses, ProxyContext};
use crate::proxy_client::several::Several;
use crate::proxy_client::sync::RouteSync;
use crate::proxy_client::{ProxyClient, Route, chp};
use crate::render::{RenderOptions, Renderer};
use crate::spawner::child::ChildDeps;
use crate::spawner::manager::{Manager, ManagerDeps};
use crate::spawner::registry::SpawnerClasses;
use crate::spawner::{Spawner, commands, search_path};
use crate::state::errands::Errands;
use crate::state::{AppState, Parts};

/// What is there before anything runs.
pub(super) struct Base {
    pub(super) config: Arc<Config>,
    env: &'static ProcessEnv,
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    cookies: CookieKeys,
    identities: Identities,
    pub(super) authenticator: Arc<dyn Authenticator>,
    metrics: Metrics,
    events: EventLog,
    pub(super) launcher: PathBuf,
    data: PathBuf,
    port: u16,
    shutdown: CancellationToken,
}

impl Base {
    /// Opens the database's side of everything and writes the configuration into it: a mistake there must not leave a
    /// proxy behind.
    pub(super) async fn lay(
        config: Arc<Config>,
        env: &'static ProcessEnv,
        db: Db,
        (secret, metrics): (&[u8; 32], Metrics),
        (port, plugins): (u16, &Plugins),
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let launcher = std::env::current_exe().context("cannot find the hub's own program")?;
        check_commands(&config, env, &launcher)?;
        let missing = commands::missing(&config, env, &launcher);
        let doubts = search_path::doubts(&config, env, &launcher);
        let makes_none = system_users::missing_command(&config);
        for warning in missing.into_iter().chain(makes_none).chain(doubts) {
            tracing::warn!("{warning}");
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (bus, cookies) = (Bus::default(), CookieKeys::new(secret));
        db.hear_others(&bus).await?;
        let resolution = TimeDelta::from_std(config.jupyterhub.activity_resolution)
            .unwrap_or(TimeDelta::seconds(30));
        let identities = Identities::new(
            db.clone(),
            bus.clone(),
            Arc::clone(&clock),
            Arc::clone(&config.jupyterhub.custom_scopes),
            resolution,
        );
        let authenticator = plugins.authenticators.build(&config, launcher.clone());
        let authenticator = authenticator.map_err(|error| anyhow::anyhow!("{error}"))?;
        bootstrap::sync(&config, &*authenticator, &db, &identities, clock.now()).await?;
        let events = EventLog::open(config.own.event_log.as_deref());
        Ok(Self {
            events: events.context("[hub] event_log cannot be written")?,
            metrics,
            launcher,
            data: std::env::current_dir().context("cannot find the working folder")?,
            config,
            env,
            db,
            bus,
            clock,
            cookies,
            identities,
            authenticator,
            port,
            shutdown,
        })
    }

    fn hub_origin(&self) -> String {
        self.config.jupyterhub.hub_connect_origin(self.port)
    }

    /// The proxy that the configuration names; nothing is started yet.
    pub(super) fn proxy(&self, classes: &ProxyClasses) -> anyhow::Result<Built> {
        let config = &self.config;
        let error_path = config.jupyterhub.base_url().hub_path("error");
        let token = config.proxy.auth_token.clone();
        let built = classes.build(&ProxyContext {
            settings: classes.settings(config),
            db: self.db.clone(),
            config: Arc::clone(config),
            env: Arc::new(*self.env),
            launcher: self.launcher.clone(),
            data: self.data.clone(),
            error_target: format!("{}{error_path}", self.hub_origin()),
            token: token.unwrap_or_else(|| self.cookies.proxy_token()),
        });
        built.map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// The spawner that the configuration names.
    pub(super) fn spawner(&self, classes: &SpawnerClasses) -> anyhow::Result<Arc<dyn Spawner>> {
        let built = classes.build(ChildDeps {
            config: Arc::clone(&self.config),
            env: Arc::new(*self.env),
            launcher: self.launcher.clone(),
            logs: self.data.join("logs"),
        });
        built.map_err(|error| anyhow::anyhow!("{error}"))
    }

    fn addresses(&self, public_origin: String) -> Arc<Addresses> {
        let hub = &self.config.jupyterhub;
        Arc::new(Addresses {
            base: hub.base_url().clone(),
            public_origin,
            configured_public_origin: hub
                .public_url
                .as_ref()
                .map(|url| url.origin().ascii_serialization()),
            api_url: hub.api_url(self.port),
            hub_origin: self.hub_origin(),
            subdomains: hub.subdomains(),
            hub_routespec: hub.hub_routespec.clone(),
        })
    }

    /// Each proxy, timed.
    fn measured(&self, clients: Vec<Arc<dyn ProxyClient>>) -> Vec<Arc<dyn ProxyClient>> {
        let timed = |client| {
            let measured = Measured::new(client, self.metrics.clone());
            Arc::new(measured) as Arc<dyn ProxyClient>
        };
        clients.into_iter().map(timed).collect()
    }

    fn manager(
        &self,
        addresses: &Arc<Addresses>,
        proxy: Arc<dyn ProxyClient>,
        authenticator: Arc<dyn Authenticator>,
        spawner: Arc<dyn Spawner>,
    ) -> Manager {
        Manager::new(ManagerDeps {
            db: self.db.clone(),
            bus: self.bus.clone(),
            clock: Arc::clone(&self.clock),
            addresses: Arc::clone(addresses),
            config: Arc::clone(&self.config),
            spawner,
            authenticator,
            proxy,
            metrics: self.metrics.clone(),
            events: self.events.clone(),
            hub_id: random_urlsafe::<16>(),
        })
    }

    /// Everything that handlers need, once it is known where people reach the proxy.
    pub(super) async fn state(
        self,
        public_origin: String,
        clients: Vec<Arc<dyn ProxyClient>>,
        authenticator: Arc<dyn Authenticator>,
        spawner: Arc<dyn Spawner>,
    ) -> anyhow::Result<AppState> {
        let addresses = self.addresses(public_origin);
        let managed = ManagedDeps {
            db: self.db.clone(),
            bus: self.bus.clone(),
            clock: Arc::clone(&self.clock),
            addresses: Arc::clone(&addresses),
            config: Arc::clone(&self.config),
            launcher: self.launcher.clone(),
            data: self.data.clone(),
        };
        let managed = ManagedServices::prepare(managed, self.env).await?;
        let clients = self.measured(clients);
        let fixed = fixed_routes(&self.config, managed.routes());
        let routes = RouteSync::new(
            self.db.clone(),
            clients.clone(),
            Arc::clone(&addresses),
            fixed,
        );
        let routes = routes.only_at(self.config.own.service_hosts.clone());
        let proxy = as_one(clients, &routes);
        let manager = self.manager(
            &addresses,
            Arc::clone(&proxy),
            Arc::clone(&authenticator),
            spawner,
        );
        let login = Login::new(
            self.db.clone(),
            self.bus.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.config),
            Arc::clone(&authenticator),
        );
        Ok(AppState::new(Parts {
            routes,
            renderer: Renderer::new(RenderOptions::of(&self.config.jupyterhub))?,
            errands: Errands::new(Arc::clone(&self.clock)),
            config: self.config,
            db: self.db,
            clock: self.clock,
            bus: self.bus,
            addresses,
            authenticator,
            identities: self.identities,
            login,
            cookies: self.cookies,
            manager,
            proxy,
            managed,
            metrics: self.metrics,
            shutdown: self.shutdown,
            shutdown_request: std::sync::Mutex::default(),
        }))
    }
}

/// The routes that the configuration settles.
pub(super) fn fixed_routes(config: &Config, services: Vec<Route>) -> Vec<Route> {
    let extra = config.proxy.extra_routes.iter();
    let extra = extra.map(|(spec, target)| Route::extra(spec.clone(), target.clone()));
    services.into_iter().chain(extra).collect()
}

/// Who changes the routes of all proxies, of which there is at least one.
fn as_one(mut clients: Vec<Arc<dyn ProxyClient>>, routes: &RouteSync) -> Arc<dyn ProxyClient> {
    match clients.len() {
        1 => clients.remove(0),
        _ => Arc::new(Several::new(clients, routes.clone(), chp::RETRY_FOR)),
    }
}
