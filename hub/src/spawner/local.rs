//! The spawner `local`: each server runs as the system user of its owner's name. Needs root, except for the hub's own
//! user.

use async_trait::async_trait;
use nix::unistd::geteuid;
use serde_json::Value;
use services::contract::Account;
use services::process::users::{self, SystemUser};

use super::child::{ChildDeps, Children, Identity, failed, shown_state};
use super::{Poll, SpawnError, Spawner, StartContext};

/// Processes of this machine's users.
#[derive(Debug)]
pub struct LocalSpawner(Children);

impl LocalSpawner {
    /// A spawner that starts processes as system users.
    #[must_use]
    pub fn new(deps: ChildDeps) -> Self {
        Self(Children::new(deps))
    }
}

/// The identity for `name`, or why this hub (of user id `euid`) cannot assume it.
fn identity(user: SystemUser, euid: u32) -> Result<Identity, String> {
    if euid != 0 && user.uid != euid {
        return Err(format!(
            "this hub does not run as root, so it cannot start a server as system user {:?}; start the hub as root, or set \
             JupyterHub.spawner_class = \"simple\"",
            user.name
        ));
    }
    if user.home.as_os_str().is_empty() {
        return Err(format!(
            "system user {:?} has no home folder; give it one (usermod -d)",
            user.name
        ));
    }
    let run_as = user.run_as();
    Ok(Identity {
        account: Account::from(&user),
        home: user.home,
        run_as: Some(run_as),
    })
}

#[async_trait]
impl Spawner for LocalSpawner {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let name = context.server.user.as_str().to_owned();
        // The answer may come from a directory server.
        let user = tokio::task::spawn_blocking(move || users::lookup(&name))
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))?;
        let identity = identity(user, geteuid().as_raw()).map_err(failed)?;
        self.0.start(context, identity).await
    }

    async fn poll(&self, state: &Value) -> Poll {
        self.0.poll(state)
    }

    async fn wait(&self, state: &Value) -> String {
        self.0.wait(state).await
    }

    async fn stop(&self, state: &Value, now: bool) -> Result<(), SpawnError> {
        self.0.stop(state, self.0.stop_times(now)).await
    }

    fn shown_state(&self, state: &Value) -> Value {
        shown_state(state)
    }

    async fn output_tail(&self, state: &Value, lines: usize) -> Vec<String> {
        self.0.output_tail(state, lines)
    }

    async fn trim_outputs(&self) {
        self.0.trim_outputs();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_run_as() {
        let user = |uid: u32, home: &str| SystemUser {
            name: "mal".into(),
            uid,
            gid: 100,
            groups: vec![100, 7],
            home: home.into(),
            shell: "/bin/sh".into(),
        };
        let root = identity(user(1000, "/home/mal"), 0).unwrap();
        assert_eq!(root.run_as.unwrap().groups, [100, 7]);
        assert_eq!(
            (root.account.name.as_str(), root.account.home.as_str()),
            ("mal", "/home/mal")
        );
        assert!(identity(user(1000, "/home/mal"), 1000).is_ok());
        assert!(
            identity(user(1000, "/home/mal"), 1001)
                .unwrap_err()
                .contains("root")
        );
        assert!(identity(user(1000, ""), 0).unwrap_err().contains("home"));
    }
}
