//! Starting a proxy: its command, its ports of last time, and the wait until it listens.

use std::time::Duration;

use hub_types::env::{self, EnvSource};
use hub_types::secret::Token;
use services::contract;
use services::process::{self, LaunchPlan, ProcessRecord, output};

use super::{
    KIND, NAME, ProxyAddresses, ProxyProcess, ProxyProcessError, STOP_TIMES, Stored, command, ready,
};
use crate::config::BindUrl;
use crate::db::{self, DbError, ProcessRow};
use crate::proxy_client::ProxyClient as _;
use crate::spawner::child::make_private_folder;

/// How long the proxy may take to listen on both ports. Source: JupyterHub waits 10 s for each.
const START_LIMIT: Duration = Duration::from_secs(15);
/// What it gets of the hub's environment beside what servers get: what opens its keys, and what Node is told.
const ENV_KEEP: [&str; 5] = [
    env::CONFIGPROXY_SSL_KEY_PASSPHRASE,
    env::CONFIGPROXY_API_SSL_KEY_PASSPHRASE,
    env::CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE,
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
];

/// Settings that remember what "any free port" turned out to be.
const PUBLIC_PORT: &str = "proxy.public_port";
const API_PORT: &str = "proxy.api_port";

impl ProxyProcess {
    pub(super) async fn launch(
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
    pub(super) async fn remembered(&self) -> Result<Ports, DbError> {
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

/// Ports to use where any free one is configured; 0 for any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) public: u16,
    pub(super) api: u16,
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
