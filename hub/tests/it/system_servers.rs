//! Servers as real users of this machine, and what the spawners of processes are held to.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::time::Duration;

use hub::config::SpawnerClass;
use hub::db;
use hub::domain::server::{Server, ServerRef};
use hub::spawner::contract::{Subject, check};
use hub::spawner::manager::{Manager, StartRequest, StopRequest};
use hub::spawner::registry::SpawnerClasses;
use hub::spawner::{self, Spawner};
use hub_types::clock::SystemClock;
use hub_types::names::{ServerName, Username};
use nix::sys::stat::{Mode, umask};

use crate::scene::{Scene, TestProxy, eventually, may_start, may_stop, record};
use crate::system_logins::accounts::Accounts;

/// What a hub's environment may hold that is nobody else's.
const SENTINELS: [&str; 20] = [
    "CONFIGPROXY_AUTH_TOKEN",
    "JUPYTERHUB_CRYPT_KEY",
    "JPY_COOKIE_SECRET",
    "JUPYTERHUB_API_TOKEN_OF_THE_HUB",
    "DATABASE_URL",
    "PGPASSWORD",
    "MYSQL_PWD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "OAUTH_CLIENT_SECRET",
    "GITHUB_TOKEN",
    "SSH_AUTH_SOCK",
    "SUDO_USER",
    "LD_PRELOAD",
    "PYTHONSTARTUP",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// A scene whose servers run as system users: these may enter it.
fn scene(mode: &str) -> Scene {
    let mut scene = Scene::new(mode);
    scene.config.jupyterhub.spawner_class = SpawnerClass::Local;
    // However busy this machine is.
    scene.config.spawner.http_timeout = Duration::from_secs(300);
    std::fs::write(scene.path("starts"), "").unwrap();
    for path in [scene.dir.path().to_owned(), scene.path("starts")] {
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(path, open).unwrap();
    }
    scene
}

fn spawner_of(scene: &Scene) -> Arc<dyn Spawner> {
    let mut env: BTreeMap<String, String> = SENTINELS
        .iter()
        .map(|name| ((*name).to_owned(), "sentinel-of-the-hub".to_owned()))
        .collect();
    env.insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    env.insert("LANG".to_owned(), "C.UTF-8".to_owned());
    let deps = spawner::child::ChildDeps {
        env: Arc::new(env),
        ..scene.child_deps()
    };
    SpawnerClasses::default().build(deps).unwrap()
}

fn default_server(user: &str) -> ServerRef {
    ServerRef::new(Username::stored(user), ServerName::default_server())
}

/// Starts the server of `user`, which says nothing, and returns when its program runs.
async fn running(scene: &Scene, manager: &Manager, user: &str) -> Server {
    let at = default_server(user);
    let start = manager.start(
        may_start(at.clone()),
        StartRequest::default(),
        Duration::ZERO,
    );
    start.await.unwrap();
    eventually("the program runs", async || {
        let row = db::servers::find(manager.db.read(), &at).await.unwrap()?;
        row.spawner_state.as_ref()?;
        scene.starts().contains(&record(&row).pid).then_some(row)
    })
    .await
}

/// A line of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap()
        .split_whitespace()
        .map(ToOwned::to_owned)
        .collect()
}

fn id(flag: &str, user: &str) -> Vec<String> {
    let output = std::process::Command::new("id")
        .args([flag, user])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

fn sorted(words: Vec<String>) -> BTreeSet<String> {
    words.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_88_to_90_a_server_is_its_user_and_nothing_of_the_hub() {
    let mut accounts = Accounts::new();
    let users = [accounts.user(&[]), accounts.user(&[])];
    accounts.group(&[users[0].as_str()]);
    let scene = scene("silent");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub_with(
            "one",
            proxy.client(),
            Arc::new(SystemClock),
            spawner_of(&scene),
        )
        .await;
    // Another one than servers shall have, which the hub's own files do not depend on.
    umask(Mode::from_bits_truncate(0o002));
    for user in &users {
        scene.register(user).await;
        let pid = record(&running(&scene, &manager, user).await).pid;
        // 88: exactly this user, in a session of its own, without any privilege.
        assert_eq!(status(pid, "Uid"), vec![id("-u", user)[0].clone(); 4]);
        assert_eq!(status(pid, "Gid"), vec![id("-g", user)[0].clone(); 4]);
        assert_eq!(sorted(status(pid, "Groups")), sorted(id("-G", user)));
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(pid, set), ["0000000000000000"], "{set}");
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        assert_eq!(
            (fields[2], fields[3]),
            (&*pid.to_string(), &*pid.to_string())
        );
        let home = format!("/home/{user}");
        assert_eq!(
            std::fs::read_link(format!("/proc/{pid}/cwd"))
                .unwrap()
                .to_str(),
            Some(&*home)
        );
        assert_eq!(status(pid, "Umask"), ["0022"]);

        // 89: nothing of the hub's environment that was not meant for it.
        let environ =
            String::from_utf8(std::fs::read(format!("/proc/{pid}/environ")).unwrap()).unwrap();
        assert!(!environ.contains("sentinel-of-the-hub"), "{environ}");
        let variables: BTreeMap<&str, &str> = environ
            .split('\0')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        assert_eq!(
            (variables["USER"], variables["HOME"], variables["LANG"]),
            (&**user, &*home, "C.UTF-8")
        );
        for name in variables.keys() {
            let known = name.starts_with("JUPYTERHUB_")
                || [
                    "JPY_API_TOKEN",
                    "USER",
                    "HOME",
                    "SHELL",
                    "PATH",
                    "LANG",
                    "SCENE",
                    "STARTS",
                    "GATE",
                ]
                .contains(name);
            assert!(known, "{name}");
        }

        // 90: no descriptor but input, output and errors.
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let open: BTreeSet<String> = open
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(open, ["0", "1", "2"].map(ToOwned::to_owned).into());

        // 94: its token is in no argument, and its output is the hub's to read.
        let token = variables["JUPYTERHUB_API_TOKEN"].as_bytes();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let arguments =
                std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
            assert!(!arguments.windows(token.len()).any(|part| part == token));
        }
        let output =
            std::fs::metadata(scene.path("logs").join(format!("user-{user}.log"))).unwrap();
        assert_eq!((output.mode() & 0o7777, output.uid()), (0o600, 0));
    }
    for user in &users {
        let stop = manager.stop(
            may_stop(default_server(user)),
            StopRequest::default(),
            Duration::from_secs(60),
        );
        stop.await.unwrap();
    }
    assert_eq!(scene.running(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_system_users_keep_the_contract() {
    let mut accounts = Accounts::new();
    let user = accounts.user(&[]);
    let scene = scene("");
    let (one, again) = (spawner_of(&scene), spawner_of(&scene));
    let broken = check(&*one, &Subject::of(&*again, &user)).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_hubs_own_user_keep_the_contract() {
    let scene = Scene::new("");
    let (one, again) = (scene.spawner(), scene.spawner());
    let mut subject = Subject::of(&*again, "alice");
    subject.settings.simple_spawner = scene.config.simple_spawner.clone();
    let broken = check(&*one, &subject).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
