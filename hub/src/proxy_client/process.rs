//! The proxy as a child of the hub: started, found again after a restart, watched, stopped.
//!
//! It outlives the hub: connections through it go on while the hub is away.

mod command;
mod ready;
mod stray;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::env::{self, EnvSource};
use hub_types::secret::Token;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use services::contract;
use services::process::{
    self, LaunchError, LaunchPlan, Liveness, ProcessRecord, StopTimes, output,
};

use super::chp::{ChpClient, Endpoint};
use super::{ProxyClient as _, ProxyError, ProxyRunner, RunningProxy};
use crate::config::{BindUrl, Config};
use crate::db::{self, Db, DbError, ProcessRow};
use crate::spawner::child::{DebugEnv, make_private_folder};

pub use command::fingerprint;

/// Kind and name of the proxy in the table of processes.
const KIND: &str = "proxy";
const NAME: &str = "proxy";
/// Longest output file, in bytes.
const MAX_OUTPUT: u64 = 4 << 20;
/// How long the proxy may take to listen on both ports. Source: JupyterHub waits 10 s for each.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long a proxy that was found running may take to answer: to stop a busy one costs all its connections.
const ADOPT_LIMIT: Duration = Duration::from_secs(30);
/// What it gets of the hub's environment beside what servers get: what opens its keys, and what Node is told.
const ENV_KEEP: [&str; 5] = [
    env::CONFIGPROXY_SSL_KEY_PASSPHRASE,
    env::CONFIGPROXY_API_SSL_KEY_PASSPHRASE,
    env::CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE,
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
];

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

    async fn launch(
        &self,
        fingerprint: String,
        second_try: Ports,
    ) -> Result<ProxyAddresses, ProxyProcessError> {
        let remembered = self.remembered().await?;
        let first = self.launch_at(&fingerprint, remembered).await;
        match first {
            // "Any free port" of last time may be somebody else's by now.
            Err(ProxyProcessError::NotReady { .. }) if remembered != second_try => {
                tracing::warn!(
                    "the proxy did not come up on its ports of last time; trying once more, with any free ones where the \
                     configuration leaves it open"
                );
                self.launch_at(&fingerprint, second_try).await
            }
            other => other,
        }
    }

    async fn launch_at(
        &self,
        fingerprint: &str,
        ports: Ports,
    ) -> Result<ProxyAddresses, ProxyProcessError> {
        let ready_file = self.ready_file();
        let _ = std::fs::remove_file(&ready_file);
        let (plan, guess) = self.plan(ports)?;
        if let Some(guess) = &guess {
            if let Some(taken) = ready::taken(guess).await {
                // Whoever it is would be asked instead of the new one, and might even answer.
                let why = format!("cannot listen at {taken}: something does already; stop it");
                let output = Vec::new();
                return Err(ProxyProcessError::NotReady { why, output });
            }
            ready::remove_dead_sockets(guess).await;
        }
        let held = process::hold(&self.deps.launcher, &plan).await?;
        let record = held.record().clone();
        self.store(&record, fingerprint, None).await?;
        let mut running = held.release().await?;
        let answer = tokio::select! {
            answer = self.answers(record.pid, guess) => answer,
            exit = running.wait() => Err(exit.to_string()),
        };
        // Waited for all its life, so that it leaves no zombie.
        tokio::spawn(async move { running.wait().await });
        match answer {
            Ok(addresses) => {
                self.keep(record.clone());
                self.store(&record, fingerprint, Some(&addresses)).await?;
                self.write_pid_file(record.pid);
                tracing::info!(
                    pid = record.pid,
                    public = addresses.public,
                    "started the proxy"
                );
                Ok(addresses)
            }
            Err(why) => {
                process::stop(&record, STOP_TIMES).await;
                Err(ProxyProcessError::NotReady {
                    why,
                    output: output::tail(&self.output(), 10).unwrap_or_default(),
                })
            }
        }
    }

    /// Waits until the proxy listens and answers us; else why not.
    async fn answers(
        &self,
        pid: u32,
        guess: Option<ProxyAddresses>,
    ) -> Result<ProxyAddresses, String> {
        let limit = format!("does not listen within {} s", START_LIMIT.as_secs());
        let waiting = async {
            let addresses = match guess {
                Some(addresses) => addresses,
                None => ready::wait(&self.ready_file(), pid).await,
            };
            self.point(&addresses);
            ready::connects(&addresses).await;
            self.deps
                .client
                .routes()
                .await
                .map(|_| addresses)
                .map_err(|error| format!("is not usable: {error}"))
        };
        tokio::time::timeout(START_LIMIT, waiting)
            .await
            .unwrap_or(Err(limit))
    }

    fn plan(
        &self,
        ports: Ports,
    ) -> Result<(LaunchPlan, Option<ProxyAddresses>), ProxyProcessError> {
        let logs = self.deps.data.join("logs");
        let folder = |error: std::io::Error| ProxyProcessError::Folder {
            path: logs.clone(),
            why: error.to_string(),
        };
        make_private_folder(&logs).map_err(folder)?;
        if self.output().exists() {
            // The last words in a message must be of this run.
            std::fs::rename(self.output(), logs.join("proxy.log.1")).map_err(folder)?;
        }
        let (argv, guess) = command::argv(&self.deps, ports, &self.ready_file()).map_err(folder)?;
        let mut plan = LaunchPlan::new(argv, self.output());
        let kept = [contract::LOCAL_ENV_KEEP, &ENV_KEEP].concat();
        plan.env = contract::keep(&kept, &*self.deps.env as &dyn EnvSource);
        if let Some(folder) = self.deps.launcher.parent() {
            contract::put_on_path(&mut plan.env, folder);
        }
        plan.env.insert(
            env::CONFIGPROXY_AUTH_TOKEN.to_owned(),
            self.token.expose().to_owned(),
        );
        // By it the hub knows what such a process leaves behind, as it does of servers and services.
        let mark = Token::generate().hash().to_hex();
        let mark = format!("jupyterhub-proxy-{}", &mark[..16]);
        plan.env.insert(env::JUPYTERHUB_CLIENT_ID.to_owned(), mark);
        plan.umask = Some(self.deps.config.proxy.command_umask);
        Ok((plan, guess))
    }

    async fn store(
        &self,
        record: &ProcessRecord,
        fingerprint: &str,
        addresses: Option<&ProxyAddresses>,
    ) -> Result<(), DbError> {
        let inconsistent = |error: serde_json::Error| DbError::Inconsistent {
            table: "processes",
            why: error.to_string(),
        };
        let row = ProcessRow {
            name: NAME.to_owned(),
            record: serde_json::to_value(record).map_err(inconsistent)?,
            fingerprint: fingerprint.to_owned(),
            data: serde_json::to_value(Stored {
                addresses: addresses.cloned(),
            })
            .map_err(inconsistent)?,
        };
        let tx = self.deps.db.write().await?;
        db::processes::put(&tx, KIND, &row).await?;
        for (setting, url) in addresses
            .iter()
            .flat_map(|a| [(PUBLIC_PORT, &a.public), (API_PORT, &a.api)])
        {
            if let Some(port) = port_of(url) {
                db::settings::set(&tx, setting, &port.to_string()).await?;
            }
        }
        tx.commit().await
    }

    /// The ports that "any free port" turned out to be last time.
    async fn remembered(&self) -> Result<Ports, DbError> {
        let config = &self.deps.config;
        let read = async |configured: &BindUrl, setting: &str| -> Result<u16, DbError> {
            if !configured.any_port() {
                return Ok(0);
            }
            let port = db::settings::get(self.deps.db.read(), setting).await?;
            Ok(port.and_then(|port| port.parse().ok()).unwrap_or(0))
        };
        Ok(Ports {
            public: read(&config.jupyterhub.bind_url, PUBLIC_PORT).await?,
            api: read(&config.proxy.api_url.first, API_PORT).await?,
        })
    }

    fn write_pid_file(&self, pid: u32) {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = &self.deps.config.proxy.pid_file;
        let _ = std::fs::remove_file(path);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(pid.to_string().as_bytes()));
        if let Err(error) = written {
            tracing::warn!(file = %path.display(), %error, "the proxy's pid file cannot be written");
        }
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

/// Settings that remember what "any free port" turned out to be.
const PUBLIC_PORT: &str = "proxy.public_port";
const API_PORT: &str = "proxy.api_port";

/// The proxy ends at the first signal, when what is being answered is done.
const STOP_TIMES: StopTimes = StopTimes {
    interrupt: Duration::from_secs(10),
    term: Duration::from_secs(2),
    kill: Duration::from_secs(5),
};

/// Ports to use where any free one is configured; 0 for any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ports {
    public: u16,
    api: u16,
}

fn port_of(url: &str) -> Option<u16> {
    url.trim_end_matches('/').rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_urls() {
        assert_eq!(port_of("http://127.0.0.1:8000"), Some(8000));
        assert_eq!(port_of("http://[::1]:9/"), Some(9));
        assert_eq!(port_of("unix:/x"), None);
    }
}
