//! The proxy as a child of the hub: started, found again after a restart, watched, stopped.
//!
//! It outlives the hub: connections through it go on while the hub is away.

mod command;
mod launching;
mod ready;
mod stray;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::secret::Token;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use services::process::{self, LaunchError, Liveness, ProcessRecord, StopTimes, output};

use self::launching::Ports;
use super::chp::{ChpClient, Endpoint};
use super::{ProxyClient as _, ProxyError, ProxyRunner, RunningProxy};
use crate::config::Config;
use crate::db::{self, Db, DbError, ProcessRow};
use crate::spawner::child::DebugEnv;

pub use command::fingerprint;

/// Kind and name of the proxy in the table of processes.
const KIND: &str = "proxy";
const NAME: &str = "proxy";
/// Longest output file, in bytes.
const MAX_OUTPUT: u64 = 4 << 20;
/// How long a proxy that was found running may take to answer: to stop a busy one costs all its connections.
const ADOPT_LIMIT: Duration = Duration::from_secs(30);

/// Where the proxy listens, as seen from this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAddresses {
    /// For everybody, e.g. `http://127.0.0.1:8000`.
    pub public: String,
    /// Its API, e.g. `http://127.0.0.1:8001`.
    pub api: String,
}

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyProcessError {
    /// It could not be launched.
    #[error("cannot start the proxy: {0}")]
    Launch(#[from] LaunchError),
    /// It ended, or does not answer.
    #[error("the proxy {why}{}", tail(.output))]
    NotReady {
        /// What happened.
        why: String,
        /// Its last words.
        output: Vec<String>,
    },
    /// The folder for its files cannot be used.
    #[error("cannot use {path}: {why}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// It runs, but not for us.
    #[error(transparent)]
    Api(#[from] ProxyError),
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A proxy of another kind has reasons of its own.
    #[error("the proxy does not run: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn tail(output: &[String]) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!("; its last output:\n  {}", output.join("\n  "))
    }
}

/// What the proxy is started with.
#[derive(Debug, Clone)]
pub struct ProxyDeps {
    /// Where the process is recorded.
    pub db: Db,
    /// What the hub was told.
    pub config: Arc<Config>,
    /// The hub's environment.
    pub env: Arc<dyn DebugEnv>,
    /// The client to point at the proxy; it also says whether the proxy answers, and holds the token at first.
    pub client: Arc<ChpClient>,
    /// The hub's own binary.
    pub launcher: PathBuf,
    /// The hub's data folder: `logs/proxy.log`, `proxy-ready.json`.
    pub data: PathBuf,
    /// Base of the hub's error pages, e.g. `http://127.0.0.1:8081/hub/error`.
    pub error_target: String,
}

/// What is stored beside the process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Stored {
    addresses: Option<ProxyAddresses>,
}

/// The proxy that this hub runs.
#[derive(Debug)]
pub struct ProxyProcess {
    deps: ProxyDeps,
    /// Of this proxy; the client may be moved to another one with another token.
    token: Token,
    record: Mutex<Option<ProcessRecord>>,
    /// Where the client was pointed.
    pointed: Mutex<Option<String>>,
}

impl ProxyProcess {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(deps: ProxyDeps) -> Self {
        Self {
            token: deps.client.endpoint().token,
            deps,
            record: Mutex::default(),
            pointed: Mutex::default(),
        }
    }

    /// Adopts the proxy of an earlier run if it still runs with the same settings and answers; else starts one, after
    /// what is left of the old one has been stopped. Points the client at it.
    ///
    /// # Errors
    /// [`ProxyProcessError`]; nothing half-made is left then.
    pub async fn start(&self) -> Result<ProxyAddresses, ProxyProcessError> {
        Ok(self.find_or_launch(Ports::default()).await?.0)
    }

    /// The same, and whether it was found. `second_try`: the ports for a proxy that does not come up on those of last time.
    async fn find_or_launch(
        &self,
        second_try: Ports,
    ) -> Result<(ProxyAddresses, bool), ProxyProcessError> {
        let fingerprint = fingerprint(&self.deps, &self.token);
        if let Some(row) = db::processes::find(self.deps.db.read(), KIND, NAME).await?
            && let Ok(record) = serde_json::from_value::<ProcessRecord>(row.record.clone())
        {
            if row.fingerprint == fingerprint
                && let Some(addresses) = self.adopt(&row, &record).await
            {
                tracing::info!(
                    pid = record.pid,
                    public = addresses.public,
                    "found the proxy running"
                );
                self.keep(record);
                return Ok((addresses, true));
            }
            process::stop(&record, STOP_TIMES).await;
        } else if let Some(record) = stray::find(&self.deps.config) {
            tracing::warn!(
                pid = record.pid,
                "a proxy of an earlier hub runs that the database does not know; it is stopped"
            );
            process::stop(&record, STOP_TIMES).await;
        }
        let addresses = self.launch(fingerprint, second_try).await?;
        Ok((addresses, false))
    }

    /// Starts the proxy again if it has ended: true when it did. Its routes are gone then. Where it is for everybody stays;
    /// links to there are out in the world.
    ///
    /// # Errors
    /// [`ProxyProcessError`].
    pub async fn check(&self) -> Result<bool, ProxyProcessError> {
        if let Some(record) = self.record()
            && process::poll(&record) == Liveness::Alive
        {
            return Ok(false);
        }
        // The hub drives another one; this one is nobody's.
        if self.is_elsewhere() {
            return Ok(false);
        }
        tracing::error!("the proxy has ended; starting it again");
        let second_try = Ports {
            api: 0,
            ..self.remembered().await?
        };
        self.find_or_launch(second_try).await.map(|_| true)
    }

    /// Whether the client was moved to a proxy that is not ours.
    fn is_elsewhere(&self) -> bool {
        let pointed = self.pointed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.deps.client.endpoint().url;
        pointed.as_ref().is_some_and(|ours| *ours != now)
    }

    /// Stops the proxy.
    ///
    /// # Errors
    /// When the database refuses or is gone; the proxy is stopped all the same.
    pub async fn stop(&self) -> Result<(), DbError> {
        self.forget();
        // The row, not what this object knows: a start that was cut short has written it as well.
        if let Some(row) = db::processes::find(self.deps.db.read(), KIND, NAME).await?
            && let Ok(record) = serde_json::from_value::<ProcessRecord>(row.record)
        {
            process::stop(&record, STOP_TIMES).await;
        }
        let _ = std::fs::remove_file(&self.deps.config.proxy.pid_file);
        let tx = self.deps.db.write().await?;
        db::processes::remove(&tx, KIND, NAME).await?;
        tx.commit().await
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.record().map(|record| record.pid)
    }

    fn record(&self) -> Option<ProcessRecord> {
        self.record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, record: ProcessRecord) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }

    fn forget(&self) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn output(&self) -> PathBuf {
        self.deps.data.join("logs").join("proxy.log")
    }

    /// The addresses of a recorded proxy that runs and answers.
    async fn adopt(&self, row: &ProcessRow, record: &ProcessRecord) -> Option<ProxyAddresses> {
        if process::poll(record) != Liveness::Alive {
            return None;
        }
        let stored: Stored = serde_json::from_value(row.data.clone()).unwrap_or_default();
        let addresses = stored
            .addresses
            .or_else(|| ready::read(&self.ready_file(), record.pid))?;
        self.point(&addresses);
        let answer = tokio::time::timeout(ADOPT_LIMIT, self.deps.client.routes()).await;
        matches!(answer, Ok(Ok(_))).then_some(addresses)
    }

    fn point(&self, addresses: &ProxyAddresses) {
        let mut pointed = self.pointed.lock().unwrap_or_else(PoisonError::into_inner);
        *pointed = Some(addresses.api.clone());
        self.deps.client.point_at(Endpoint {
            url: addresses.api.clone(),
            token: self.token.clone(),
        });
    }

    fn ready_file(&self) -> PathBuf {
        self.deps.data.join("proxy-ready.json")
    }
}

#[async_trait]
impl ProxyRunner for ProxyProcess {
    async fn start(&self) -> Result<RunningProxy, ProxyProcessError> {
        let (addresses, found) = self.find_or_launch(Ports::default()).await?;
        let public = addresses.public;
        Ok(RunningProxy { public, found })
    }

    async fn check(&self) -> Result<bool, ProxyProcessError> {
        Self::check(self).await
    }

    async fn stop(&self) -> Result<(), ProxyProcessError> {
        Ok(Self::stop(self).await?)
    }

    fn tidy(&self) {
        let _ = output::trim(&self.output(), MAX_OUTPUT);
    }

    /// Ours does at SIGHUP; another might end.
    fn read_certificates(&self) -> bool {
        let ours = self.deps.config.proxy.command.is_none();
        let record = self.record().filter(|_| ours);
        record.is_some_and(|record| process::signal_group(&record, Signal::SIGHUP))
    }
}

/// The proxy ends at the first signal, when what is being answered is done.
const STOP_TIMES: StopTimes = StopTimes {
    interrupt: Duration::from_secs(10),
    term: Duration::from_secs(2),
    kill: Duration::from_secs(5),
};
