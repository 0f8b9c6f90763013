//! Keeps managed services running.
//!
//! One task per service: adopt what an earlier run of the hub left, or start it; wait for its end; clean up what it left
//! behind; wait a while, longer after every failure; start it again. Nothing a service does (or fails to do) delays the
//! hub or another service.
//!
//! ```text
//! prepare ─► (adopt | start) ─► running ─► ended by itself ─► back-off ─► start …
//!                                  └─ stop ─► SIGINT, SIGTERM, SIGKILL ─► stopped
//! ```
//!
//! After a killed hub, a service whose spec is unchanged is adopted; otherwise its whole session is ended before anything
//! new starts. What is recorded, and where, is the [`Ledger`]'s business.

pub mod backoff;
mod keeper;
mod ledger;
mod readiness;
mod start;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub_types::clock::Clock;
use hub_types::names::ServiceName;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::contract::{Env, HubAddress};
use crate::process::{Liveness, StopReport, StopTimes, output, poll, stop};
use crate::spec::{AddressError, ServiceSpec};

pub use backoff::Backoff;
pub use ledger::{BoxError, Entry, Ledger, Tokens};
pub use readiness::{Probe, probe, probe_client};
pub use status::{LastFailure, ServiceStatus, State};

/// What the supervisor needs to know. Start from [`Settings::new`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub's own binary; its folder is on the `PATH` of services.
    pub launcher: PathBuf,
    /// Where the output of services goes, one file `NAME.log` each; created with mode 0700.
    pub output_folder: PathBuf,
    /// How services reach the hub.
    pub hub: HubAddress,
    /// What of the hub's environment services get.
    pub kept: Env,
    /// How long services have to stop.
    pub stop_times: StopTimes,
    /// How long to wait before a restart.
    pub backoff: Backoff,
    /// How often a running service with a URL is asked whether it answers, once it has or its time to begin is over; `None`:
    /// not again.
    pub check_interval: Option<Duration>,
    /// How long an output file may become, in bytes.
    pub max_output: u64,
    /// Where the times of a status come from.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// Settings with the usual times: JupyterHub's to stop, checks every minute, back-off from 1 s to 60 s, 1 MiB of output.
    #[must_use]
    pub fn new(
        launcher: PathBuf,
        output_folder: PathBuf,
        hub: HubAddress,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            launcher,
            output_folder,
            hub,
            kept: Env::new(),
            stop_times: StopTimes::default(),
            backoff: Backoff::default(),
            check_interval: Some(Duration::from_secs(60)),
            max_output: 1 << 20,
            clock,
        }
    }

    fn output_of(&self, service: &ServiceName) -> PathBuf {
        self.output_folder.join(format!("{service}.log"))
    }
}

/// A managed service whose address is settled.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its spec.
    pub spec: ServiceSpec,
    /// Where it listens: the configured URL, with port 0 replaced.
    pub url: Option<String>,
}

/// Why a service could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The ledger could not be read.
    #[error("service {service:?}: cannot read what is recorded of it: {source}")]
    Ledger {
        /// The service.
        service: String,
        /// Why.
        source: BoxError,
    },
    /// No port is free.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// Runs the managed services of a hub. Cheap to clone; clones are the same supervisor.
///
/// Dropping it ends nothing: services outlive the hub unless [`Supervisor::stop_all`] is called.
#[derive(Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    tokens: Arc<dyn Tokens>,
    http: reqwest::Client,
    services: Mutex<BTreeMap<String, Kept>>,
}

impl Inner {
    async fn end_unlisted(&self, name: &ServiceName, entry: &Entry) -> Result<(), BoxError> {
        let pid = entry.record.pid;
        tracing::info!(service = %name, pid, "stopping service {name}: it is not configured any more");
        if stop(&entry.record, self.settings.stop_times).await == StopReport::StillAlive {
            tracing::error!(service = %name, pid, "service {name} cannot be killed; the next start of the hub tries again");
            return Ok(());
        }
        self.ledger.forget(name).await
    }

    fn watch(&self, spec: &ServiceSpec, url: String, status: status::Shared) -> readiness::Watch {
        let service = spec.service_name();
        readiness::Watch {
            http: self.http.clone(),
            prefix: self.settings.hub.base_url.service(&service),
            service,
            url,
            timeout: Duration::from_secs(spec.timeout),
            interval: self.settings.check_interval,
            status,
        }
    }
}

struct Kept {
    status: status::Shared,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor that runs nothing yet.
    ///
    /// # Errors
    /// When the HTTP client for the checks cannot be made.
    pub fn new(
        settings: Settings,
        ledger: Arc<dyn Ledger>,
        tokens: Arc<dyn Tokens>,
    ) -> Result<Self, reqwest::Error> {
        let inner = Inner {
            settings,
            ledger,
            tokens,
            http: probe_client()?,
            services: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Settles the address of a validated, managed service: what the hub needs to route it, before it is started.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub async fn prepare(&self, spec: ServiceSpec) -> Result<Prepared, PrepareError> {
        let name = spec.service_name();
        let entry = self.inner.ledger.load(&name).await;
        let entry = entry.map_err(|source| PrepareError::Ledger {
            service: spec.name.clone(),
            source,
        })?;
        let fingerprint = spec.fingerprint(&self.inner.settings.hub);
        // Of a process that is gone, somebody else may have the port by now.
        let remembered = entry
            .filter(|entry| {
                entry.fingerprint == fingerprint && poll(&entry.record) == Liveness::Alive
            })
            .and_then(|entry| entry.url);
        let url = spec.listen_url(remembered.as_deref())?;
        Ok(Prepared { spec, url })
    }

    /// Adopts or starts a service, in the background. Returns at once; `false` when it is kept already.
    pub fn start(&self, service: Prepared) -> bool {
        let name = service.spec.name.clone();
        let mut services = self.services();
        if services.get(&name).is_some_and(|kept| kept.task.is_some()) {
            return false;
        }
        let status = status::Shared::default();
        let stop = CancellationToken::new();
        let keeper = keeper::Keeper::new(
            Arc::clone(&self.inner),
            service,
            status.clone(),
            stop.clone(),
        );
        let task = Some(tokio::spawn(keeper.run()));
        services.insert(name, Kept { status, stop, task });
        true
    }

    /// Asks an external service with a URL from time to time whether it answers. `false` when it has none, or is kept
    /// already.
    pub fn watch_external(&self, spec: &ServiceSpec) -> bool {
        let Some(url) = spec.url.clone().filter(|_| !spec.is_managed()) else {
            return false;
        };
        let mut services = self.services();
        if services.contains_key(&spec.name) {
            return false;
        }
        let status = status::Shared::default();
        status.update(|status| status.state = State::External);
        let watch = self.inner.watch(spec, url, status.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = Some(tokio::spawn(async move {
            stopped.run_until_cancelled(watch.run()).await;
        }));
        services.insert(spec.name.clone(), Kept { status, stop, task });
        true
    }

    /// Stops a service with everything it started, and keeps it stopped. `false` when it is not kept.
    pub async fn stop(&self, name: &str) -> bool {
        let task = {
            let mut services = self.services();
            let Some(kept) = services.get_mut(name) else {
                return false;
            };
            kept.stop.cancel();
            kept.task.take()
        };
        match task {
            Some(task) => task.await.is_ok(),
            None => false,
        }
    }

    /// Stops a service with everything it started, and forgets it: one of the same name may come later. `false` when it is
    /// not kept. The checks of an external one end.
    pub async fn remove(&self, name: &str) -> bool {
        let kept = self.services().remove(name);
        let Some(kept) = kept else {
            return false;
        };
        kept.stop.cancel();
        match kept.task {
            Some(task) => task.await.is_ok(),
            None => false,
        }
    }

    /// Ends the checks of an external service and forgets it; one of the same name may come later.
    pub fn forget(&self, name: &str) {
        let mut services = self.services();
        let external = |kept: &Kept| kept.status.get().state == State::External;
        if services.get(name).is_some_and(external)
            && let Some(kept) = services.remove(name)
        {
            kept.stop.cancel();
        }
    }

    /// Stops all services at once; returns when all are gone, or cannot be killed.
    pub async fn stop_all(&self) {
        let tasks: Vec<JoinHandle<()>> = {
            let mut services = self.services();
            services.values().for_each(|kept| kept.stop.cancel());
            services
                .values_mut()
                .filter_map(|kept| kept.task.take())
                .collect()
        };
        for task in tasks {
            let _ = task.await;
        }
    }

    /// Ends what is recorded of services that are not configured any more, all at once. Takes as long as they take to
    /// stop: better left to a task of its own. What cannot be ended stays recorded for the next time.
    ///
    /// # Errors
    /// When the ledger cannot be read or written; the others are ended all the same.
    pub async fn stop_unlisted(&self, configured: &BTreeSet<String>) -> Result<(), BoxError> {
        let entries = self.inner.ledger.list().await?;
        let mut stops = tokio::task::JoinSet::new();
        for (name, entry) in entries {
            if !configured.contains(name.as_str()) {
                let inner = Arc::clone(&self.inner);
                stops.spawn(async move { inner.end_unlisted(&name, &entry).await });
            }
        }
        let mut result = Ok(());
        while let Some(ended) = stops.join_next().await {
            result = result.and(ended.map_err(BoxError::from).flatten());
        }
        result
    }

    /// What is known of a service, with the last `log_lines` lines of its output. `None` when it is not kept.
    #[must_use]
    pub fn status(&self, name: &str, log_lines: usize) -> Option<ServiceStatus> {
        let mut status = self.services().get(name)?.status.get();
        if log_lines == 0 {
            return Some(status);
        }
        let path = self
            .inner
            .settings
            .output_of(&ServiceName::stored(name.to_owned()));
        status.log_tail = output::tail(&path, log_lines).unwrap_or_default();
        Some(status)
    }

    fn services(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.inner
            .services
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
