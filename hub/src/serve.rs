//! The hub as a whole: puts the parts together, starts them in order, and stops them in order.
//!
//! Start: database → own listener → proxy → configuration into the database → HTTP → what earlier hubs left (in the
//! background) → managed services → periodic tasks. People are served as soon as HTTP is; nothing slow is waited for.
//!
//! Stop: no new requests → (if configured) servers → managed services → (if configured) the proxy → good-bye to the other hubs.

mod listen;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use hub_types::clock::{Clock, SystemClock};
use hub_types::env::ProcessEnv;
use hub_types::secret::random_urlsafe;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::auth::cookies::CookieKeys;
use crate::auth::identities::Identities;
use crate::auth::login::Login;
use crate::auth::{registry, secret_file};
use crate::bus::Bus;
use crate::config::Config;
use crate::db::{Db, servers};
use crate::domain::action::StopServer;
use crate::domain::principal::Granted;
use crate::managed::{ManagedDeps, ManagedServices};
use crate::proxy_client::ProxyClient;
use crate::proxy_client::chp::{ChpClient, Endpoint, RETRY_FOR};
use crate::proxy_client::process::{ProxyDeps, ProxyProcess};
use crate::proxy_client::sync::RouteSync;
use crate::render::{RenderOptions, Renderer};
use crate::spawner::child::ChildDeps;
use crate::spawner::manager::{HubProcess, Manager, ManagerDeps, StopRequest};
use crate::state::{AppState, Parts};
use crate::{bootstrap, http, lifecycle, spawner, tasks};

/// How long requests that are under way may take after the hub was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What is known once the hub listens.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where people go, e.g. `http://127.0.0.1:8000/`.
    pub url: String,
}

/// Runs the hub until it is told to stop. `welcome` is called once people can come.
///
/// # Errors
/// When it cannot start; what has been started by then is stopped again.
pub async fn run(config: Config, env: &'static ProcessEnv, welcome: impl FnOnce(&Started)) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    lifecycle::on_signals(shutdown.clone()).context("cannot handle signals")?;
    let config = Arc::new(config);
    if !config.any_allow_config() {
        tracing::warn!(
            "Nobody can log in: no rule allows anybody. Set Authenticator.allow_all = true, or Authenticator.allowed_users"
        );
    }
    let _pid_file = config.jupyterhub.pid_file.as_deref().map(PidFile::write).transpose()?;
    let secret = secret_file::load(config.jupyterhub.cookie_secret.as_ref(), env, &config.jupyterhub.cookie_secret_file)?;
    let db = Db::open(&config.jupyterhub.db_url).await.with_context(|| format!("cannot use {}", config.jupyterhub.db_url))?;
    let (listener, port) = listen::bind(&config.jupyterhub.hub_bind_url, &db).await?;
    let hub = Hub::assemble(config, env, db, &CookieKeys::new(&secret), port, shutdown).await?;
    hub.serve(listener, welcome).await
}

/// A file with our pid, removed when the hub ends.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: &std::path::Path) -> anyhow::Result<Self> {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .with_context(|| format!("cannot write JupyterHub.pid_file {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It may be gone already; there is nobody left to be told.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// All parts of a running hub.
struct Hub {
    state: AppState,
    proxy: Option<Arc<ProxyProcess>>,
    here: HubProcess,
}

impl Hub {
    async fn assemble(
        config: Arc<Config>,
        env: &'static ProcessEnv,
        db: Db,
        cookies: &CookieKeys,
        port: u16,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let bus = Bus::default();
        let launcher = std::env::current_exe().context("cannot find the hub's own program")?;
        let data = std::env::current_dir().context("cannot find the working folder")?;

        // The configuration first: a mistake in it must not leave a proxy behind.
        let resolution = TimeDelta::from_std(config.jupyterhub.activity_resolution).unwrap_or(TimeDelta::seconds(30));
        let identities = Identities::new(db.clone(), bus.clone(), Arc::clone(&clock), resolution);
        bootstrap::sync(&config, &db, &identities, clock.now()).await?;

        let token = config.proxy.auth_token.clone().unwrap_or_else(|| cookies.proxy_token());
        let api = config.proxy.api_url.local_origin(config.proxy.api_url.port);
        let client = Arc::new(ChpClient::new(Endpoint { url: api, token }, RETRY_FOR)?);
        let hub_origin = config.jupyterhub.hub_connect_origin(port);
        let (proxy, public_origin) = Self::proxy(&config, env, &db, &client, &launcher, &data, &hub_origin).await?;
        let addresses = Arc::new(Addresses {
            base: config.jupyterhub.base_url().clone(),
            public_origin,
            configured_public_origin: config.jupyterhub.public_url.as_ref().map(|url| url.origin().ascii_serialization()),
            api_url: config.jupyterhub.api_url(port),
            hub_origin,
        });

        let here = HubProcess::of_this().context("cannot look at this process in /proc")?;
        let children = ChildDeps {
            config: Arc::clone(&config),
            env: Arc::new(*env),
            launcher: launcher.clone(),
            logs: data.join("logs"),
        };
        let proxy_client: Arc<dyn ProxyClient> = client;
        let manager = Manager::new(ManagerDeps {
            db: db.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            addresses: Arc::clone(&addresses),
            config: Arc::clone(&config),
            spawner: spawner::by_class(config.jupyterhub.spawner_class, children),
            proxy: Arc::clone(&proxy_client),
            hub_id: random_urlsafe::<16>(),
        });
        let managed_deps = ManagedDeps {
            db: db.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            addresses: Arc::clone(&addresses),
            config: Arc::clone(&config),
            launcher,
            data,
        };
        let managed = ManagedServices::prepare(managed_deps, env).await?;
        let routes = RouteSync::new(db.clone(), Arc::clone(&proxy_client), Arc::clone(&addresses), managed.routes());
        let authenticator = registry::build(&config);
        let login = Login::new(db.clone(), bus.clone(), Arc::clone(&clock), Arc::clone(&config), Arc::clone(&authenticator));
        let state = AppState::new(Parts {
            renderer: Renderer::new(RenderOptions::default())?,
            config,
            db,
            clock,
            bus,
            addresses,
            authenticator,
            identities,
            login,
            cookies: cookies.clone(),
            manager,
            proxy: proxy_client,
            routes,
            managed,
            shutdown,
            shutdown_request: std::sync::Mutex::default(),
        });
        Ok(Self { state, proxy, here })
    }

    /// Starts or adopts the proxy, unless somebody else runs it. Returns where people reach it.
    async fn proxy(
        config: &Arc<Config>,
        env: &'static ProcessEnv,
        db: &Db,
        client: &Arc<ChpClient>,
        launcher: &std::path::Path,
        data: &std::path::Path,
        hub_origin: &str,
    ) -> anyhow::Result<(Option<Arc<ProxyProcess>>, String)> {
        let bind = &config.jupyterhub.bind_url;
        if !config.proxy.should_start {
            return Ok((None, bind.local_origin(bind.port)));
        }
        let process = Arc::new(ProxyProcess::new(ProxyDeps {
            db: db.clone(),
            config: Arc::clone(config),
            env: Arc::new(*env),
            client: Arc::clone(client),
            launcher: launcher.to_owned(),
            data: data.to_owned(),
            error_target: format!("{hub_origin}{}", config.jupyterhub.base_url().hub_path("error")),
        }));
        let addresses = process.start().await?;
        Ok((Some(process), addresses.public))
    }

    async fn serve(self, listener: tokio::net::TcpListener, welcome: impl FnOnce(&Started)) -> anyhow::Result<()> {
        let state = self.state.clone();
        let app = http::router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let draining = CancellationToken::new();
        let server = {
            let draining = draining.clone();
            tokio::spawn(async move {
                axum::serve(listener, app).with_graceful_shutdown(draining.cancelled_owned()).await
            })
        };

        state.manager.heartbeat(&self.here).await?;
        state.manager.bury_dead_hubs(&self.here).await?;
        if let Err(error) = state.routes.check().await {
            tracing::warn!("the proxy's routes cannot be checked yet: {error}");
        }
        let started = Started { url: format!("{}{}", self.public_origin(), state.addresses.base.as_str()) };
        tracing::info!("JupyterHub is now running at {}", started.url);
        welcome(&started);

        state.managed.start();
        let context = tasks::Context { state: state.clone(), hub: self.here.clone(), proxy: self.proxy.clone() };
        if let Err(error) = state.manager.adopt_all().await {
            tracing::error!("what earlier hubs left cannot be looked at yet: {error}");
        }
        // Returns when the hub was told to stop and no job is half-way.
        tasks::run(context, state.shutdown.clone()).await;

        draining.cancel();
        if tokio::time::timeout(DRAIN, server).await.is_err() {
            tracing::warn!("some requests took longer than {} s and were cut off", DRAIN.as_secs());
        }
        self.stop().await
    }

    fn public_origin(&self) -> &str {
        let addresses = &self.state.addresses;
        addresses.configured_public_origin.as_deref().unwrap_or(&addresses.public_origin)
    }

    async fn stop(self) -> anyhow::Result<()> {
        let state = &self.state;
        let asked = *state.shutdown_request.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.servers.unwrap_or(state.config.jupyterhub.cleanup_servers) {
            self.stop_servers().await?;
        }
        state.managed.stop_all().await;
        state.identities.write_uses().await?;
        if let Some(proxy) = &self.proxy
            && asked.proxy.unwrap_or(state.config.jupyterhub.cleanup_proxy)
        {
            proxy.stop().await?;
        }
        state.manager.farewell().await?;
        tracing::info!("...done");
        Ok(())
    }

    /// Stops all servers at once, each in its own time.
    async fn stop_servers(&self) -> anyhow::Result<()> {
        let running = servers::active(self.state.db.read()).await?;
        if running.is_empty() {
            return Ok(());
        }
        tracing::info!("Stopping {} servers", running.len());
        let mut stops = JoinSet::new();
        for server in running {
            let manager = self.state.manager.clone();
            stops.spawn(async move {
                let granted = Granted::<StopServer>::by_hub(server.at.clone(), "cleanup_servers");
                if let Err(error) = manager.stop(granted, StopRequest::default(), LONGEST_STOP).await {
                    tracing::warn!("cannot stop {}: {error}", server.at);
                }
            });
        }
        while stops.join_next().await.is_some() {}
        Ok(())
    }
}

/// How long a server is waited for at the hub's stop: INT, TERM and KILL with their times, and a little more.
const LONGEST_STOP: Duration = Duration::from_secs(75);
