//! The hub as a whole: puts the parts together, starts them in order, and stops them in order.
//!
//! Start: database → own listener → proxy → configuration into the database → HTTP → what earlier hubs left (in the
//! background) → managed services → periodic tasks. People are served as soon as HTTP is; nothing slow is waited for.
//!
//! Stop: no new requests → (if configured) servers → managed services → (if configured) the proxy → good-bye to the other hubs.

mod accounts;
mod listen;
pub(crate) mod only_hub;
mod pid_file;
mod reload;
mod status;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::TimeDelta;
use hub_types::clock::{Clock, SystemClock};
use hub_types::env::ProcessEnv;
use hub_types::secret::random_urlsafe;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::listen::Listener;
use crate::addresses::Addresses;
use crate::auth::cookies::CookieKeys;
use crate::auth::identities::Identities;
use crate::auth::login::Login;
use crate::auth::{Authenticator, pam, secret_file};
use crate::bus::Bus;
use crate::config::load::Sources;
use crate::config::{AuthenticatorClass, Config, DbUrl, LocalProcessSpawner};
use crate::db::{Alone, Db, DbError, foreign, servers};
use crate::domain::action::StopServer;
use crate::domain::principal::Granted;
use crate::event_log::EventLog;
use crate::managed::{ManagedDeps, ManagedServices, check_commands};
use crate::metrics::{Metrics, MetricsOptions};
use crate::plugins::Plugins;
use crate::proxy_client::measured::Measured;
use crate::proxy_client::registry::{Built, ProxyClasses, ProxyContext};
use crate::proxy_client::several::Several;
use crate::proxy_client::sync::RouteSync;
use crate::proxy_client::{ProxyClient, ProxyRunner, Route, chp};
use crate::render::{RenderOptions, Renderer};
use crate::spawner::child::ChildDeps;
use crate::spawner::manager::{HubProcess, Manager, ManagerDeps, StopRequest};
use crate::spawner::registry::SpawnerClasses;
use crate::spawner::{self, Spawner};
use crate::state::errands::Errands;
use crate::state::{AppState, Parts};
use crate::telemetry::Log;
use crate::{bootstrap, http, lifecycle, tasks, upgrade_command};

/// How long requests that are under way may take after the hub was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How much longer than its signals the stop of a server may take.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// What is known once the hub listens.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where people go, e.g. `http://127.0.0.1:8000/`.
    pub url: String,
}

/// What the hub is told, and where it was told so: at SIGHUP it is read again.
#[derive(Debug)]
pub struct Told {
    /// The configuration.
    pub config: Config,
    /// Where it came from; relative paths count from the working folder.
    pub sources: Sources,
    /// The log that the hub writes.
    pub log: Log,
}

/// Runs the hub until it is told to stop. `plugins` are what it knows beside its own; `welcome` is called once people
/// can come.
///
/// # Errors
/// When it cannot start; what has been started by then is stopped again.
pub async fn run(
    told: Told,
    env: &'static ProcessEnv,
    plugins: &Plugins,
    welcome: impl FnOnce(&Started),
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let shutdown = CancellationToken::new();
    let signals = lifecycle::on_signals(shutdown.clone()).context("cannot handle signals")?;
    let config = Arc::new(told.config);
    if !config.any_allow_config() {
        tracing::warn!(
            "Nobody can log in: no rule allows anybody. Set Authenticator.allow_all = true, or Authenticator.allowed_users"
        );
    }
    if config.jupyterhub.authenticator_class == AuthenticatorClass::Pam {
        pam::available().map_err(anyhow::Error::msg)?;
    }
    refuse_foreign(&config.jupyterhub.db_url).await?;
    // The lock first: a second hub must not touch the pid file of the one that runs.
    let _only = only_hub::OnlyHub::take(&config.jupyterhub.db_url)?;
    let _pid_file = config
        .jupyterhub
        .pid_file
        .as_deref()
        .map(pid_file::PidFile::write)
        .transpose()?;
    let secret = secret_file::load(
        config.jupyterhub.cookie_secret.as_ref(),
        env,
        &config.jupyterhub.cookie_secret_file,
    )?;
    let metrics = Metrics::new(&MetricsOptions::from_env(env)?)?;
    let (db, alone) = open(&config).await?;
    tokio::spawn(give_way(alone));
    let hub = &config.jupyterhub;
    let (listener, port) = listen::bind(&hub.hub_bind_url, hub.hub_socket_mode, &db).await?;
    let at = (port, plugins);
    let base = Base::lay(config, env, db, (&secret, metrics), at, shutdown).await?;
    let launcher = base.launcher.clone();
    let hub = Hub::assemble(base, plugins).await?;
    let reloader = reload::Reloader {
        sources: told.sources,
        log: told.log,
        env,
        launcher,
        state: hub.state.clone(),
        proxy: hub.proxy.clone(),
        accounts: hub.accounts.clone(),
    };
    let teller = status::Teller {
        state: hub.state.clone(),
        begin,
    };
    let reloading = tokio::spawn(reloader.run(signals.hangups));
    let telling = tokio::spawn(teller.run(signals.questions));
    let served = hub.serve(listener, begin, welcome).await;
    reloading.abort();
    telling.abort();
    served
}

/// Before anything is made: the database of a Python JupyterHub is none of ours.
async fn refuse_foreign(url: &DbUrl) -> anyhow::Result<()> {
    let checked = foreign::refuse(url).await;
    checked.with_context(|| format!("cannot use {url}"))
}

/// Ends the process, without touching anything that another hub may have adopted, when that has this one's database.
async fn give_way(alone: Alone) {
    alone.lost().await;
    tracing::error!(
        "another hub has taken the database while it was away, or its schema is changing: stopping at once; servers and \
         proxy go on"
    );
    std::process::exit(1);
}

/// The database, brought up to date if that is wanted.
async fn open(config: &Config) -> anyhow::Result<(Db, Alone)> {
    let url = &config.jupyterhub.db_url;
    let open = async {
        if config.jupyterhub.upgrade_db {
            upgrade_command::report(url, &Db::upgrade(url, true, SystemClock.now()).await?);
        }
        let db = Db::open(url).await?;
        let alone = db.alone().await?;
        Ok::<_, DbError>((db, alone))
    };
    open.await.with_context(|| format!("cannot use {url}"))
}

/// What is there before anything runs.
struct Base {
    config: Arc<Config>,
    env: &'static ProcessEnv,
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    cookies: CookieKeys,
    identities: Identities,
    authenticator: Arc<dyn Authenticator>,
    metrics: Metrics,
    events: EventLog,
    launcher: PathBuf,
    data: PathBuf,
    port: u16,
    shutdown: CancellationToken,
}

impl Base {
    /// Opens the database's side of everything and writes the configuration into it: a mistake there must not leave a
    /// proxy behind.
    async fn lay(
        config: Arc<Config>,
        env: &'static ProcessEnv,
        db: Db,
        (secret, metrics): (&[u8; 32], Metrics),
        (port, plugins): (u16, &Plugins),
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let launcher = std::env::current_exe().context("cannot find the hub's own program")?;
        check_commands(&config, env, &launcher)?;
        if let Some(why) = spawner::missing_command(&config, env, &launcher) {
            tracing::warn!("[Spawner] cmd: no server can start: {why}");
        }
        for doubt in spawner::search_path::doubts(&config, env, &launcher) {
            tracing::warn!("{doubt}");
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
    fn proxy(&self, classes: &ProxyClasses) -> anyhow::Result<Built> {
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
    fn spawner(&self, classes: &SpawnerClasses) -> anyhow::Result<Arc<dyn Spawner>> {
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
    async fn state(
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
fn fixed_routes(config: &Config, services: Vec<Route>) -> Vec<Route> {
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

/// All parts of a running hub.
struct Hub {
    state: AppState,
    proxy: Option<Arc<dyn ProxyRunner>>,
    /// Whether the proxy was started by this hub; else people use it already.
    is_new: bool,
    here: HubProcess,
    accounts: accounts::Accounts,
}

impl Hub {
    /// Starts or adopts the proxy, and puts the parts together. If that fails a proxy that was started is stopped again.
    async fn assemble(base: Base, plugins: &Plugins) -> anyhow::Result<Self> {
        let here = HubProcess::of_this().context("cannot look at this process in /proc")?;
        let hub = &base.config.jupyterhub;
        let Built {
            clients,
            runner: proxy,
        } = base.proxy(&plugins.proxies)?;
        let authenticator = Arc::clone(&base.authenticator);
        let spawner = base.spawner(&plugins.spawners)?;
        let (public_origin, is_new) = match &proxy {
            Some(proxy) => {
                let running = proxy.start().await?;
                (running.public, !running.found)
            }
            None => (hub.local_public_origin(hub.bind_url.port), false),
        };
        match base
            .state(public_origin, clients, authenticator, spawner)
            .await
        {
            Ok(state) => Ok(Self {
                state,
                proxy,
                is_new,
                here,
                accounts: accounts::Accounts::default(),
            }),
            Err(error) => {
                if let Some(proxy) = proxy.filter(|_| is_new) {
                    proxy.stop().await?;
                }
                Err(error)
            }
        }
    }

    async fn serve(
        self,
        listener: Listener,
        begin: Instant,
        welcome: impl FnOnce(&Started),
    ) -> anyhow::Result<()> {
        let state = self.state.clone();
        let app = http::router(state.clone());
        let draining = CancellationToken::new();
        let mut server = tokio::spawn(listener.serve(app, draining.clone()));

        if let Err(error) = self.arrive().await {
            if let Some(proxy) = self.proxy.as_ref().filter(|_| self.is_new) {
                proxy.stop().await?;
            }
            return Err(error.into());
        }
        let context = tasks::Context {
            state: state.clone(),
            hub: self.here.clone(),
            proxy: self.proxy.clone(),
        };
        // With what the proxy knows of the time before: services that cull ask for it at once.
        // But an external one may be away: it is asked again and again then, while everything else begins.
        match tokio::time::timeout(tasks::FIRST_CHECK, tasks::check_routes(&context)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the proxy's routes cannot be checked yet: {error}"),
            Err(_) => {
                tracing::warn!(
                    "the proxy does not answer yet; its routes are checked when it does"
                );
            }
        }
        let started = Started {
            url: format!("{}{}", self.public_origin(), state.addresses.base.as_str()),
        };
        tracing::info!("JupyterHub is now running at {}", started.url);
        state.metrics.hub_started(begin.elapsed());
        welcome(&started);

        state.managed.start();
        tokio::spawn(self.accounts.clone().make(state.clone()));
        let begin = Instant::now();
        if let Err(error) = state.manager.adopt_all().await {
            tracing::error!("what earlier hubs left cannot be looked at yet: {error}");
        }
        state.metrics.servers_found(begin.elapsed());
        let (gave_up, shutdown) = (state.manager.gave_up().clone(), state.shutdown.clone());
        let giving_up = tokio::spawn(async move {
            gave_up.cancelled().await;
            shutdown.cancel();
        });
        // Returns when the hub was told to stop and no job is half-way.
        tasks::run(context, state.shutdown.clone()).await;
        giving_up.abort();

        state.manager.close().await;
        draining.cancel();
        if tokio::time::timeout(DRAIN, &mut server).await.is_err() {
            server.abort();
            tracing::warn!(
                "some requests took longer than {} s and were cut off",
                DRAIN.as_secs()
            );
        }
        let gave_up = state.manager.gave_up().is_cancelled();
        self.stop().await?;
        anyhow::ensure!(
            !gave_up,
            "too many starts in a row have failed: [Spawner] consecutive_failure_limit"
        );
        Ok(())
    }

    /// Says that this hub is there, and forgets those that are not.
    async fn arrive(&self) -> Result<(), DbError> {
        let manager = &self.state.manager;
        manager.heartbeat(&self.here).await?;
        manager.bury_dead_hubs(&self.here).await?;
        Ok(())
    }

    fn public_origin(&self) -> &str {
        let addresses = &self.state.addresses;
        addresses
            .configured_public_origin
            .as_deref()
            .unwrap_or(&addresses.public_origin)
    }

    /// Every step is tried, whatever became of the one before.
    ///
    /// # Errors
    /// The first that went wrong.
    async fn stop(self) -> anyhow::Result<()> {
        let state = &self.state;
        let asked = *state
            .shutdown_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let hub = &state.config.jupyterhub;
        let mut result = Ok(());
        if asked.servers.unwrap_or(hub.cleanup_servers) {
            result = result.and(self.stop_servers().await);
        }
        state.managed.stop_all().await;
        result = result.and(state.identities.write_uses().await.map_err(Into::into));
        if let Some(proxy) = &self.proxy
            && asked.proxy.unwrap_or(hub.cleanup_proxy)
        {
            result = result.and(proxy.stop().await.map_err(Into::into));
        }
        result = result.and(state.manager.farewell().await.map_err(Into::into));
        state.db.close_file().await;
        tracing::info!("...done");
        result
    }

    /// Stops all servers at once, each in its own time.
    async fn stop_servers(&self) -> anyhow::Result<()> {
        let running = servers::active(self.state.db.read()).await?;
        if running.is_empty() {
            return Ok(());
        }
        tracing::info!("Stopping {} servers", running.len());
        self.state.manager.hurry();
        let longest = longest_stop(&self.state.config.local_spawner);
        let mut stops = JoinSet::new();
        for server in running {
            let manager = self.state.manager.clone();
            stops.spawn(async move {
                let granted = Granted::<StopServer>::by_hub(server.at.clone(), "cleanup_servers");
                if let Err(error) = manager.stop(granted, StopRequest::default(), longest).await {
                    tracing::warn!("cannot stop {}: {error}", server.at);
                }
            });
        }
        while stops.join_next().await.is_some() {}
        Ok(())
    }
}

/// How long a server is waited for at the hub's stop: INT, TERM and KILL with their times, and what goes with them
/// (the route, what outlives the server itself, the database).
fn longest_stop(times: &LocalProcessSpawner) -> Duration {
    times.interrupt_timeout + times.term_timeout + times.kill_timeout + STOP_SLACK
}
