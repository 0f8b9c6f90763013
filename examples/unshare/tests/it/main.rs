//! The spawner of examples/unshare, held to what every spawner is held to, with real processes.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hub::config::{Config, SpawnerClass};
use hub::spawner::Spawner;
use hub::spawner::child::ChildDeps;
use hub::spawner::contract::{Subject, check};
use hub::spawner::registry::SpawnerClasses;
use hub_types::env::{EnvSource as _, ProcessEnv};
use unshare::CLASS;

/// This crate's own hub: it is the launcher, too.
fn launcher() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_example-unshare")).to_owned()
}

/// What a hub builds of a configuration.
fn spawner(folder: &Path, homes: &str) -> Result<Arc<dyn Spawner>, String> {
    let mut config = Config::default();
    config.jupyterhub.spawner_class = SpawnerClass::Own("unshare".to_owned());
    let section = [("homes".to_owned(), homes.into())].into_iter().collect();
    config.plugged.0.insert(CLASS.section.to_owned(), section);
    let path = ProcessEnv.get("PATH").unwrap();
    let deps = ChildDeps {
        config: Arc::new(config),
        env: Arc::new(BTreeMap::from([("PATH".to_owned(), path)])),
        launcher: launcher(),
        logs: folder.join("logs"),
    };
    let classes = SpawnerClasses::default().with(CLASS);
    classes.build(deps).map_err(|error| error.to_string())
}

/// Not every machine lets somebody make process namespaces: containers, hardened kernels. Says so, with the remedy.
fn require_namespaces() {
    let mut probe = Command::new("unshare");
    probe.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !nix::unistd::geteuid().is_root() {
        probe.args(["--user", "--map-current-user"]);
    }
    let probed = probe.args(["--", "true"]).output();
    let probed = probed.unwrap_or_else(|error| panic!("unshare: {error}; install util-linux"));
    assert!(
        probed.status.success(),
        "this machine lets this test make no process namespaces ({}): run it as root, in a container with --privileged, or \
         where users may make namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0)",
        String::from_utf8_lossy(&probed.stderr).trim()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    require_namespaces();
    let folder = tempfile::tempdir().unwrap();
    let homes = folder.path().display().to_string();
    let (one, again) = (
        spawner(folder.path(), &homes),
        spawner(folder.path(), &homes),
    );
    let (one, again) = (one.unwrap(), again.unwrap());
    let broken = check(&*one, &Subject::of(&*again, "mal/../zoe")).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn errors_say_what_to_do() {
    let error = spawner(Path::new("/"), "homes").unwrap_err();
    assert_eq!(error, "[UnshareSpawner] homes must begin with a slash");
}
