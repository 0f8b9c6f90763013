//! The spawner of examples/unshare, held to what every spawner is held to, with real processes.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
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
