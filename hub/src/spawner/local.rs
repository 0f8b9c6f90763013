//! The spawner `local`: each server runs as the system user of its owner's name. Needs root, except for the hub's own
//! user. Nobody's server runs as root unless the servers' arguments say so: a hub user of the name `root` would own the
//! machine.

use async_trait::async_trait;
use nix::unistd::geteuid;
use services::contract::Account;
use services::process::users::{self, SystemUser};

use super::child::{Identity, failed};
use super::processes::RunsAs;
use super::{SpawnError, StartContext};
use crate::config::Config;

/// The system user of the owner's name.
#[derive(Debug)]
pub(super) struct SystemUsers;

/// The argument without which Jupyter's servers refuse to run as root; with it in `Spawner.args`, so it was meant.
const ALLOW_ROOT: &str = "--allow-root";

/// The identity for `user`, or why this hub (of user id `euid`, with these arguments for servers) does not assume it.
fn identity(user: SystemUser, euid: u32, args: &[String]) -> Result<Identity, String> {
    if user.uid == 0 && !args.iter().any(|arg| arg == ALLOW_ROOT) {
        return Err(format!(
            "system user {:?} is root, as whom no server is started; if you mean it, add {ALLOW_ROOT:?} to Spawner.args",
            user.name
        ));
    }
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
impl RunsAs for SystemUsers {
    const NAME: &'static str = "local";

    async fn identity(
        &self,
        config: &Config,
        context: &StartContext<'_>,
    ) -> Result<Identity, SpawnError> {
        let name = context.server.user.as_str().to_owned();
        // The answer may come from a directory server.
        let user = tokio::task::spawn_blocking(move || users::lookup(&name))
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))?;
        identity(user, geteuid().as_raw(), &config.spawner.args).map_err(failed)
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
        let root = identity(user(1000, "/home/mal"), 0, &[]).unwrap();
        assert_eq!(root.run_as.unwrap().groups, [100, 7]);
        assert_eq!(
            (root.account.name.as_str(), root.account.home.as_str()),
            ("mal", "/home/mal")
        );
        assert!(identity(user(1000, "/home/mal"), 1000, &[]).is_ok());
        assert!(
            identity(user(1000, "/home/mal"), 1001, &[])
                .unwrap_err()
                .contains("root")
        );
        assert!(
            identity(user(1000, ""), 0, &[])
                .unwrap_err()
                .contains("home")
        );
    }

    #[test]
    fn nobody_runs_as_root_unless_it_was_meant() {
        // Whatever the name: `toor` is root, too.
        let root = || SystemUser {
            name: "toor".into(),
            uid: 0,
            gid: 0,
            groups: vec![0],
            home: "/root".into(),
            shell: "/bin/sh".into(),
        };
        let args = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
        let refused = identity(root(), 0, &args(&["--allow-rooted"])).unwrap_err();
        assert!(refused.contains("Spawner.args"), "{refused}");
        assert!(identity(root(), 0, &args(&["--x", "--allow-root"])).is_ok());
    }
}
