//! Services: the hub's side of the supervisor. What each may do is its row, its token and its OAuth client; where it is,
//! its route; how it is, its status.
//!
//! [`services::supervisor`] runs the processes. [`ledger`] remembers them in the database, [`tokens`] gives each a token,
//! `registry` takes on external ones while the hub runs, `reload` those of a configuration that has changed ([`difference`]).
//! [`announcement`] asks one of them what pages shall say.

pub mod announcement;
pub mod difference;
pub mod ledger;
mod registry;
mod reload;
pub mod tokens;

pub use registry::{RegisterError, UnregisterError};
pub use reload::{Reload, ReloadError};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hub_types::clock::Clock;
use hub_types::env::EnvSource;
use hub_types::names::ServiceName;
use services::contract::{HubAddress, LOCAL_ENV_KEEP, keep, put_on_path};
use services::process::{Failure, resolve};
use services::spec::ServiceSpec;
use services::supervisor::{
    PrepareError, Prepared, ServiceStatus, Settings, Supervisor, probe_client,
};

use crate::addresses::Addresses;
use crate::bus::Bus;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::domain::action::ReadServiceOutput;
use crate::domain::principal::Granted;
use crate::proxy_client::Route;

/// How many lines of a service's output are shown.
const LOG_LINES: usize = 50;

/// How servers and services of this hub reach it, and browsers do.
#[must_use]
pub fn hub_address(addresses: &Addresses, config: &Config) -> HubAddress {
    HubAddress {
        cookie_host_prefix: config.jupyterhub.cookie_host_prefix_enabled,
        host: addresses.configured_public_origin.clone(),
        public_origin: addresses.configured_public_origin.clone(),
        ..HubAddress::local(addresses.api_url.clone(), addresses.base.clone())
    }
}

/// What services are run with.
#[derive(Debug, Clone)]
pub struct ManagedDeps {
    /// The truth.
    pub db: Db,
    /// Where new tokens are told.
    pub bus: Bus,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where everything is.
    pub addresses: Arc<Addresses>,
    /// What the hub was told; its services are validated.
    pub config: Arc<Config>,
    /// The hub's own binary.
    pub launcher: PathBuf,
    /// The hub's data folder: outputs go to `logs/services/NAME.log`.
    pub data: PathBuf,
}

/// Why services cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagedError {
    /// A service's program is not there. Found at start, so that a typo does not hide in a log.
    #[error("service {service:?} cannot be started: {}", .why.in_full())]
    Command {
        /// The service.
        service: String,
        /// What is missing.
        why: Failure,
    },
    /// A service cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The checks of services cannot be made.
    #[error("the hub has no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Looks for the program of every managed service, as it will be looked for when the service is started. The folder of
/// the hub's own binary is on the `PATH`.
///
/// # Errors
/// [`ManagedError::Command`] for the first that is missing.
pub fn check_commands(
    config: &Config,
    env: &dyn EnvSource,
    launcher: &Path,
) -> Result<(), ManagedError> {
    let services = config.jupyterhub.services.iter();
    for spec in services.filter(|spec| spec.is_managed()) {
        command(spec, env, launcher).map_err(|why| ManagedError::Command {
            service: spec.name.clone(),
            why,
        })?;
    }
    Ok(())
}

/// The program of a managed service, as the hub finds it.
///
/// # Errors
/// When it is not there.
pub fn command(
    spec: &ServiceSpec,
    env: &dyn EnvSource,
    launcher: &Path,
) -> Result<PathBuf, Failure> {
    let mut kept = keep(LOCAL_ENV_KEEP, env);
    kept.extend(spec.environment.clone());
    if let Some(folder) = launcher.parent() {
        put_on_path(&mut kept, folder);
    }
    let program = spec.command.first().cloned().unwrap_or_default();
    let program = match &spec.cwd {
        Some(cwd) if program.contains('/') => Path::new(cwd).join(&program).display().to_string(),
        _ => program,
    };
    resolve(&program, kept.get(hub_types::env::PATH).map(String::as_str))
}

/// A service with its settled address.
#[derive(Debug, Clone)]
pub struct Service {
    /// What the configuration says, or whoever registered it (without its token then).
    pub spec: ServiceSpec,
    /// Where it listens: the configured URL, with port 0 replaced. None without a web address.
    pub url: Option<String>,
    /// Whether it stands in the configuration; if not it was registered while a hub ran.
    pub from_config: bool,
}

/// The services of this hub, managed and external. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManagedServices(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    supervisor: Supervisor,
    givers: tokens::ServiceTokens,
    /// How services reach the hub.
    hub: HubAddress,
    /// Whether services are ended for good; held by whoever starts or stops some.
    stopping: tokio::sync::Mutex<bool>,
    /// What the configuration and the database say; changed after the database.
    services: RwLock<BTreeMap<String, Arc<Service>>>,
    addresses: Arc<Addresses>,
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    own: crate::config::Own,
    heard: announcement::Heard,
}

impl ManagedServices {
    /// Settles the addresses of all services and registers their OAuth clients. Nothing runs yet. The services must
    /// have their rows.
    ///
    /// # Errors
    /// [`ManagedError`].
    pub async fn prepare(deps: ManagedDeps, env: &dyn EnvSource) -> Result<Self, ManagedError> {
        let output = deps.data.join("logs").join("services");
        let settings = Settings {
            kept: keep(LOCAL_ENV_KEEP, env),
            check_interval: deps.config.jupyterhub.service_check_interval,
            ..Settings::new(
                deps.launcher.clone(),
                output,
                hub_address(&deps.addresses, &deps.config),
                deps.clock.clone(),
            )
        };
        let configured = deps.config.jupyterhub.services.iter().cloned();
        let mut specs: BTreeMap<String, ServiceSpec> = registry::load(&deps.db)
            .await?
            .into_iter()
            .map(|spec| (spec.name.clone(), spec))
            .collect();
        let registered: BTreeSet<String> = specs.keys().cloned().collect();
        specs.extend(configured.map(|spec| (spec.name.clone(), spec)));
        for spec in specs.values_mut() {
            spec.origin = deps.addresses.service_origin(&spec.service_name());
        }
        let givers = tokens::ServiceTokens::new(&deps, specs.clone());
        givers.register().await?;
        let ledger = Arc::new(ledger::DbLedger::new(deps.db.clone()));
        let hub = settings.hub.clone();
        let supervisor = Supervisor::new(settings, ledger, Arc::new(givers.clone()))?;
        let mut services = BTreeMap::new();
        for (name, spec) in specs {
            let url = if spec.is_managed() {
                supervisor.prepare(spec.clone()).await?.url
            } else {
                spec.url.clone()
            };
            let service = Service {
                from_config: !registered.contains(&name),
                spec,
                url,
            };
            services.insert(name, Arc::new(service));
        }
        Ok(Self(Arc::new(Inner {
            supervisor,
            givers,
            hub,
            stopping: tokio::sync::Mutex::default(),
            services: RwLock::new(services),
            addresses: deps.addresses,
            db: deps.db,
            bus: deps.bus,
            clock: deps.clock,
            http: probe_client()?,
            own: deps.config.own.clone(),
            heard: announcement::Heard::default(),
        })))
    }

    /// The routes of the configured services that have a web address. (Those of registered ones are in the database.)
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let addresses = &self.0.addresses;
        let all = self.all();
        let configured = all.iter().filter(|service| service.from_config);
        configured
            .filter_map(|service| {
                let url = service.url.as_ref()?;
                let name = service.spec.service_name();
                Some(Route::of_service(addresses, &name, url))
            })
            .collect()
    }

    /// Adopts or starts the managed services, watches the external ones, and stops what is no longer configured: all
    /// in the background. The hub must be listening, for services ask it at once.
    pub fn start(&self) {
        let supervisor = &self.0.supervisor;
        for service in self.all() {
            if service.spec.is_managed() {
                supervisor.start(Prepared {
                    spec: service.spec.clone(),
                    url: service.url.clone(),
                });
            } else {
                supervisor.watch_external(&service.spec);
            }
        }
        let managed: BTreeSet<String> = self
            .all()
            .iter()
            .filter(|service| service.spec.is_managed())
            .map(|service| service.spec.name.clone())
            .collect();
        let supervisor = supervisor.clone();
        tokio::spawn(async move {
            if let Err(error) = supervisor.stop_unlisted(&managed).await {
                tracing::error!(%error, "services that are not configured any more cannot be stopped");
            }
        });
    }

    /// Stops all managed services; returns when they are gone.
    pub async fn stop_all(&self) {
        *self.0.stopping.lock().await = true;
        self.0.supervisor.stop_all().await;
    }

    /// All services, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Service>> {
        self.services().values().cloned().collect()
    }

    fn services(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Service>>> {
        self.0
            .services
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, service: Service) {
        let mut services = self
            .0
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        services.insert(service.spec.name.clone(), Arc::new(service));
    }

    fn drop_kept(&self, name: &str) {
        let mut services = self
            .0
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        services.remove(name);
    }

    /// The service called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Service>> {
        self.services().get(name).cloned()
    }

    /// How a service is, without what it wrote. None when there is no such service, or it has neither a command nor a URL.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ServiceStatus> {
        self.0.supervisor.status(name, 0)
    }

    /// How a managed service is, with the last lines of its output; None for others.
    #[must_use]
    pub fn status_with_output(
        &self,
        granted: &Granted<ReadServiceOutput>,
    ) -> Option<ServiceStatus> {
        let name = granted.subject();
        self.get(name).filter(|service| service.spec.is_managed())?;
        self.0.supervisor.status(name, LOG_LINES)
    }

    /// Names of the services that pages list: they have a web address and are not hidden.
    #[must_use]
    pub fn displayed(&self) -> Vec<ServiceName> {
        self.services()
            .values()
            .filter(|service| service.spec.display && service.url.is_some())
            .map(|service| service.spec.service_name())
            .collect()
    }

    /// Names of the services that know their visitors by a cookie, as in JupyterHub 0.8.
    #[must_use]
    pub fn with_cookies(&self) -> Vec<ServiceName> {
        self.services()
            .values()
            .filter(|service| service.spec.cookie_auth)
            .map(|service| service.spec.service_name())
            .collect()
    }

    /// Whether users enter the service without being asked, because its spec says so.
    #[must_use]
    pub fn needs_no_confirmation(&self, client_id: &str) -> bool {
        self.services()
            .values()
            .any(|service| service.spec.oauth_no_confirm && service.spec.client_id() == client_id)
    }
}
