//! A spawner whose servers see no processes but their own: each runs as the hub's user, in a process namespace of its own,
//! which `unshare` of util-linux makes.
//!
//! [`CLASS`] is what a hub is given; [`Unshare`] does the work. What every spawner needs is here in little: a state that is
//! enough to find the server again, a commit before anything runs, the settings of the one server that starts.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hub::spawner::child::ChildDeps;
use hub::spawner::registry::{BuildError, OwnSpawner, SpawnerContext};
use hub::spawner::{Placed, Poll, SpawnError, Spawner, StartContext};
use hub_types::names::escape;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use services::contract::{self, Account, Listen};
use services::process::{self, LaunchPlan, Liveness, ProcessRecord, StopReport, StopTimes, output};

/// `spawner_class = "unshare"`, with its settings under `[UnshareSpawner]`.
pub const CLASS: OwnSpawner = OwnSpawner {
    name: "unshare",
    section: "UnshareSpawner",
    build,
};

/// `[UnshareSpawner]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder that has a home for each user; absolute.
    pub homes: PathBuf,
}

fn build(context: &SpawnerContext) -> Result<Arc<dyn Spawner>, BuildError> {
    let settings = Value::Object(context.settings.clone());
    let settings =
        Settings::deserialize(settings).map_err(|error| format!("[UnshareSpawner] {error}"))?;
    if !settings.homes.is_absolute() {
        return Err("[UnshareSpawner] homes must begin with a slash".into());
    }
    Ok(Arc::new(Unshare::new(context.deps.clone(), settings)))
}

/// What is kept of a server: enough for any hub to find it again.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    record: ProcessRecord,
    output: PathBuf,
}

/// The spawner.
#[derive(Debug)]
pub struct Unshare {
    deps: ChildDeps,
    settings: Settings,
}

fn failed(message: impl std::fmt::Display) -> SpawnError {
    SpawnError::Failed(message.to_string())
}

fn make_private(folder: &Path) -> Result<(), SpawnError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed(format!("cannot make {}: {error}", folder.display())))
}

/// A port on which nothing listens. Another program may be faster: then the server does not answer, and its start fails.
fn free_port(ip: &str) -> Result<u16, SpawnError> {
    let listener = std::net::TcpListener::bind((ip, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

impl Unshare {
    /// Servers of these settings.
    #[must_use]
    pub fn new(deps: ChildDeps, settings: Settings) -> Self {
        Self { deps, settings }
    }

    /// What is run, with which environment, and where.
    fn plan(&self, context: &mut StartContext<'_>, port: u16) -> Result<LaunchPlan, SpawnError> {
        // Names come from people; escaped, they are one part of a path.
        let name = escape(context.server.user.as_str());
        let home = self.settings.homes.join(format!("home-{name}"));
        make_private(&home)?;
        make_private(&self.deps.logs)?;
        let server = escape(context.server.name.as_str());
        let output = self.deps.logs.join(format!("unshare-{name}+{server}.log"));
        let spawner = &context.settings.spawner;
        let contract = &mut context.contract;
        contract.listen = Listen {
            ip: spawner.ip.clone(),
            port,
            tls: false,
        };
        contract.kept = contract::keep(&spawner.env_keep, &*self.deps.env);
        contract.account = Some(Account {
            name: context.server.user.as_str().to_owned(),
            home: home.display().to_string(),
            shell: "/bin/sh".to_owned(),
        });
        let mut argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
            .map(ToOwned::to_owned)
            .to_vec();
        if !nix::unistd::geteuid().is_root() {
            argv.extend(["--user", "--map-current-user"].map(ToOwned::to_owned));
        }
        argv.push("--".to_owned());
        argv.extend(spawner.cmd.iter().chain(&spawner.args).cloned());
        Ok(LaunchPlan {
            argv,
            env: contract.to_env(context.hub),
            cwd: Some(home),
            ..LaunchPlan::new(Vec::new(), output)
        })
    }
}

fn read(state: &Value) -> Option<State> {
    State::deserialize(state).ok()
}

#[async_trait]
impl Spawner for Unshare {
    fn name(&self) -> &'static str {
        CLASS.name
    }

    async fn start(&self, mut context: StartContext<'_>) -> Result<(), SpawnError> {
        let progress = context.progress;
        progress.tell(60, "Preparing a home and a port").await;
        let port = free_port(&context.settings.spawner.ip)?;
        let plan = self.plan(&mut context, port)?;
        // A launcher that waits: if this hub dies now, it goes away and nothing has run.
        let held = process::hold(&self.deps.launcher, &plan)
            .await
            .map_err(failed)?;
        let state = State {
            record: held.record().clone(),
            output: plan.output,
        };
        let placed = Placed {
            state: serde_json::to_value(&state).map_err(failed)?,
            target: format!("http://{}:{port}", context.settings.spawner.ip),
        };
        context.commit.commit(&placed).await?;
        let mut running = held.release().await.map_err(failed)?;
        // Somebody has to wait for a child, or its number is never free again.
        tokio::spawn(async move { running.wait().await });
        Ok(())
    }

    async fn poll(&self, state: &Value) -> Poll {
        let Some(state) = read(state) else {
            return Poll::Exited("is not known".to_owned());
        };
        match process::poll(&state.record) {
            Liveness::Alive => Poll::Running,
            Liveness::Exited(_) => Poll::Exited("has ended".to_owned()),
        }
    }

    async fn wait(&self, state: &Value) -> String {
        if let Some(mut adopted) = read(state).and_then(|state| process::adopt(&state.record)) {
            adopted.wait().await;
        }
        "has ended".to_owned()
    }

    async fn stop(&self, state: &Value, now: bool) -> Result<(), SpawnError> {
        let Some(state) = read(state) else {
            return Ok(());
        };
        let times = StopTimes {
            interrupt: Duration::from_secs(if now { 0 } else { 10 }),
            term: Duration::from_secs(5),
            kill: Duration::from_secs(5),
        };
        match process::stop(&state.record, times).await {
            StopReport::StillAlive => Err(failed("the server does not end")),
            _ => Ok(()),
        }
    }

    async fn output_tail(&self, state: &Value, lines: usize) -> Vec<String> {
        read(state)
            .and_then(|state| output::tail(&state.output, lines).ok())
            .unwrap_or_default()
    }
}
