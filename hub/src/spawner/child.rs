//! Servers that are processes of this machine: what the spawners `local` and `simple` have in common.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hub_types::env::EnvSource;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use services::contract::{self, Account, Listen};
use services::process::{
    self, Exit, Failure, LaunchError, LaunchPlan, Liveness, ProcessRecord, RunAs, Running,
    StopReport, StopTimes, output,
};
use tokio::sync::watch;

use super::cgroup::{self, Cgroups, Limits};
use super::log_file::{log_file, previous, rename};
use super::port::Ports;
use super::{Placed, Poll, SpawnError, StartContext};
use crate::config::{BindUrl, Config, PerServer};
use crate::domain::server::ServerRef;
use crate::failpoint;

/// Longest output file of a server, in bytes.
const MAX_OUTPUT: u64 = 4 << 20;

/// What other people may not do with new files of a system user's server: write to them, as after a login. Not what the hub has:
/// a service of systemd, a shell and a container each start it with another one, and a user's files would depend on that.
const UMASK: u32 = 0o022;

/// What processes of this machine are started with.
#[derive(Debug, Clone)]
pub struct ChildDeps {
    /// What the hub was told.
    pub config: Arc<Config>,
    /// The hub's environment, of which `env_keep` is copied.
    pub env: Arc<dyn DebugEnv>,
    /// The hub's own binary: the launcher, and its folder on the PATH of servers.
    pub launcher: PathBuf,
    /// The folder for outputs; made with mode 0700.
    pub logs: PathBuf,
}

/// An [`EnvSource`] that can be part of a value with `Debug`.
pub trait DebugEnv: EnvSource + std::fmt::Debug {}
impl<T: EnvSource + std::fmt::Debug> DebugEnv for T {}

/// Who a process runs as, and where.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) account: Account,
    pub(super) home: PathBuf,
    pub(super) run_as: Option<RunAs>,
}

/// What is stored of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ChildState {
    #[serde(flatten)]
    record: ProcessRecord,
    output: PathBuf,
    /// The cgroup that holds it to its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cgroup: Option<PathBuf>,
}

fn read(state: &Value) -> Option<ChildState> {
    serde_json::from_value(state.clone())
        .inspect_err(|error| tracing::warn!(%error, "the stored state of a server cannot be read; taken as not running"))
        .ok()
}

/// What is shown of the stored state: the process id, as in JupyterHub.
pub(super) fn shown_state(state: &Value) -> Value {
    let pid = state.get("pid").map(|pid| ("pid".to_owned(), pid.clone()));
    Value::Object(pid.into_iter().collect())
}

type Key = (u32, u64);
type Exits = HashMap<Key, watch::Receiver<Option<Exit>>>;

fn key(record: &ProcessRecord) -> Key {
    (record.pid, record.start_ticks)
}

/// Starts, watches and stops processes.
#[derive(Debug)]
pub(super) struct Children {
    deps: ChildDeps,
    ports: Ports,
    cgroups: Cgroups,
    /// How our own children end. Only a convenience: their exit codes are known to nobody else.
    exits: Mutex<Exits>,
}

impl Children {
    pub(super) fn new(deps: ChildDeps) -> Self {
        Self {
            deps,
            ports: Ports::default(),
            cgroups: Cgroups::default(),
            exits: Mutex::default(),
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.deps.config
    }

    pub(super) async fn start(
        &self,
        mut context: StartContext<'_>,
        identity: Identity,
    ) -> Result<(), SpawnError> {
        let output = self.fresh_output(&context)?;
        let spawner = &context.settings.spawner;
        let port = match spawner.port {
            0 => self.ports.choose(&spawner.ip).map_err(|error| {
                failed(format!("no port is free at {:?}: {error}; Spawner.ip must be an address of this machine", spawner.ip))
            })?,
            port => port,
        };
        let plan = self.plan(&mut context, identity, port, output.clone());
        let held = process::hold(&self.deps.launcher, &plan)
            .await
            .map_err(|error| explain(&error))?;
        failpoint::reached("start.held");
        let record = held.record().clone();
        let limits = Limits::of(spawner);
        let cgroup = limits.and_then(|it| self.cgroups.hold(context.server, record.pid, it));
        let state = ChildState {
            record,
            output,
            cgroup,
        };
        let placed = Placed {
            state: serde_json::to_value(&state).map_err(|error| failed(error.to_string()))?,
            target: BindUrl::new(spawner.ip.clone(), port).local_origin(port),
        };
        if let Err(error) = context.commit.commit(&placed).await {
            drop(held);
            if let Some(cgroup) = &state.cgroup {
                cgroup::remove(cgroup).await;
            }
            return Err(error.into());
        }
        failpoint::reached("start.placed");
        let running = held.release().await.map_err(|error| explain(&error))?;
        failpoint::reached("start.released");
        self.watch(running);
        Ok(())
    }

    fn plan(
        &self,
        context: &mut StartContext<'_>,
        identity: Identity,
        port: u16,
        output: PathBuf,
    ) -> LaunchPlan {
        let PerServer {
            spawner,
            local_spawner,
            ..
        } = context.settings;
        let mut kept = contract::keep(&spawner.env_keep, &*self.deps.env as &dyn EnvSource);
        if let Some(folder) = self.deps.launcher.parent() {
            contract::put_on_path(&mut kept, folder);
        }
        let contract = &mut context.contract;
        contract.listen = Listen {
            ip: spawner.ip.clone(),
            port,
            tls: false,
        };
        contract.kept = kept;
        contract.account = Some(identity.account);
        let command = spawner.cmd.iter().chain(&spawner.args).cloned().collect();
        LaunchPlan {
            argv: local_spawner.through_shell(command),
            env: contract.to_env(context.hub),
            cwd: Some(identity.home),
            // Without a user of their own, servers are the hub's user in this, too.
            umask: identity.run_as.as_ref().map(|_| UMASK),
            run_as: identity.run_as,
            ..LaunchPlan::new(Vec::new(), output)
        }
    }

    /// The file for the output of a new run; that of the run before is kept beside it.
    fn fresh_output(&self, context: &StartContext<'_>) -> Result<PathBuf, SpawnError> {
        make_private_folder(&self.deps.logs).map_err(|error| {
            failed(format!(
                "cannot make the folder for outputs {}: {error}",
                self.deps.logs.display()
            ))
        })?;
        let file = log_file(&self.deps.logs, context.server);
        if file.exists() {
            std::fs::rename(&file, previous(&file)).map_err(|error| {
                failed(format!(
                    "cannot move the old output {}: {error}",
                    file.display()
                ))
            })?;
        }
        Ok(file)
    }

    /// Waits for our own child, so that it leaves no zombie and its exit code is known.
    fn watch(&self, mut running: Running) {
        let (tell, exit) = watch::channel(None);
        self.exits().insert(key(running.record()), exit);
        tokio::spawn(async move {
            let exit = running.wait().await;
            tell.send_replace(Some(exit));
        });
    }

    fn exits(&self) -> std::sync::MutexGuard<'_, Exits> {
        self.exits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_exit(&self, record: &ProcessRecord) -> Option<watch::Receiver<Option<Exit>>> {
        self.exits().get(&key(record)).cloned()
    }

    pub(super) fn poll(&self, state: &Value) -> Poll {
        let Some(state) = read(state) else {
            return Poll::Exited("is not known".to_owned());
        };
        let known = self.known_exit(&state.record);
        if let Some(exit) = known.as_ref().and_then(|exit| *exit.borrow()) {
            return Poll::Exited(exit.to_string());
        }
        // Our own child, which somebody still waits for: it has not ended, whatever can be seen of it.
        if known.is_some_and(|exit| exit.has_changed().is_ok()) {
            return Poll::Running;
        }
        match process::poll(&state.record) {
            Liveness::Alive => Poll::Running,
            Liveness::Exited(code) => Poll::Exited(Exit { code, signal: None }.to_string()),
        }
    }

    pub(super) async fn wait(&self, state: &Value) -> String {
        let Some(state) = read(state) else {
            return "is not known".to_owned();
        };
        if let Some(mut exit) = self.known_exit(&state.record)
            && let Ok(exit) = exit.wait_for(Option::is_some).await
            && let Some(exit) = *exit
        {
            return exit.to_string();
        }
        match process::adopt(&state.record) {
            Some(mut adopted) => adopted.wait().await.to_string(),
            None => Exit::default().to_string(),
        }
    }

    pub(super) async fn stop(&self, state: &Value, times: StopTimes) -> Result<(), SpawnError> {
        let Some(state) = read(state) else {
            return Ok(());
        };
        let report = process::stop(&state.record, times).await;
        if report == StopReport::StillAlive {
            return Err(failed(format!(
                "process {} does not end, not even by SIGKILL (it may hang in a file system), or cannot be looked at (then \
                 the log says why)",
                state.record.pid
            )));
        }
        if let Some(cgroup) = &state.cgroup {
            cgroup::remove(cgroup).await;
        }
        self.exits().remove(&key(&state.record));
        Ok(())
    }

    pub(super) fn output_tail(&self, state: &Value, lines: usize) -> Vec<String> {
        read(state)
            .and_then(|state| output::tail(&state.output, lines).ok())
            .unwrap_or_default()
    }

    pub(super) fn trim_outputs(&self) {
        let Ok(entries) = std::fs::read_dir(&self.deps.logs) else {
            return;
        };
        let logs = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        for file in logs.filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("user-"))
        }) {
            if let Err(error) = output::trim(&file, MAX_OUTPUT) {
                tracing::debug!(file = %file.display(), %error, "cannot shorten an output file");
            }
        }
    }

    /// Removes what a server has written, in its last run and the one before.
    pub(super) fn delete_outputs(&self, server: &ServerRef) -> Result<(), SpawnError> {
        let file = log_file(&self.deps.logs, server);
        for file in [previous(&file), file] {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(format!("{}: {error}", file.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives what a server has written, in its last run and the one before, the server's new name.
    pub(super) fn rename_outputs(
        &self,
        old: &ServerRef,
        new: &ServerRef,
    ) -> Result<(), SpawnError> {
        let [old, new] = [old, new].map(|at| log_file(&self.deps.logs, at));
        let before = [&old, &new].map(|log| previous(log));
        let renamed = rename(&before[0], &before[1]).and_then(|()| {
            rename(&old, &new).inspect_err(|_| {
                // The server keeps its name, and both of its logs.
                let _ = rename(&before[1], &before[0]);
            })
        });
        renamed.map_err(|error| failed(format!("cannot rename {}: {error}", old.display())))
    }

    /// How long a process has after each signal. `now` skips the polite one.
    pub(super) fn stop_times(&self, now: bool) -> StopTimes {
        let times = &self.deps.config.local_spawner;
        StopTimes {
            interrupt: if now {
                std::time::Duration::ZERO
            } else {
                times.interrupt_timeout
            },
            term: times.term_timeout,
            kill: times.kill_timeout,
        }
    }
}

/// Makes a folder that only the hub's user can enter, where there is none.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

pub(super) fn failed(message: impl Into<String>) -> SpawnError {
    SpawnError::Failed(message.into())
}

/// What whoever starts a server can do about a launch that failed.
fn explain(error: &LaunchError) -> SpawnError {
    match error {
        LaunchError::Failed(Failure::NotFound { program, path }) => {
            // The whole PATH is for the log, not for the page of whoever wanted a server.
            tracing::warn!("the servers' command {program:?} is not on PATH={path}");
            failed(format!(
                "command {program:?} not found; install it on the hub's PATH, or set Spawner.cmd to a program that is there"
            ))
        }
        LaunchError::Failed(Failure::EmptyCommand) => {
            failed("Spawner.cmd is empty; set it to the program that is a server")
        }
        LaunchError::Failed(Failure::Cwd { path, why, .. }) => failed(format!(
            "cannot enter the home folder {}: {why}; create it for the user",
            path.display()
        )),
        other => failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
