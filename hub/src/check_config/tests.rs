use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use hub_types::socket_url;
use services::spec::ServiceSpec;

use super::*;
use crate::config::SpawnerClass;

fn env() -> BTreeMap<String, String> {
    BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])
}

/// A configuration in which everything is there, with its files in `folder`.
fn good(folder: &Path) -> Config {
    let mut config = Config::default();
    let hub = &mut config.jupyterhub;
    hub.spawner_class = SpawnerClass::Simple;
    hub.bind_url = BindUrl::new("127.0.0.1", 8000);
    hub.cookie_secret_file = folder.join("secret");
    hub.db_url = DbUrl::Sqlite(folder.join("hub.sqlite"));
    config.spawner.cmd = vec!["sh".into()];
    config
}

fn found(config: &Config) -> Findings {
    look(config, &env(), Path::new("/usr/bin/hub"))
}

#[test]
fn nothing_is_said_of_what_is_in_order_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(found(&good(folder.path())), Findings::default());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn folders_of_sockets_and_events_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    let hub = &mut config.jupyterhub;
    let url = |name: &str| socket_url::origin(&folder.path().join(name));
    hub.hub_bind_url = url("hub.sock").parse().unwrap();
    hub.bind_url = url("public").parse().unwrap();
    assert_eq!(found(&config), Findings::default());
    let hub = &mut config.jupyterhub;
    hub.bind_url = "http+unix://%2Fnowhere%2Fpublic".parse().unwrap();
    config.own.event_log = Some("/nowhere/events".into());
    let problems = found(&config).problems;
    for start in [
        "[JupyterHub] bind_url /nowhere/public: its folder",
        "[hub] event_log /nowhere/events: its folder",
    ] {
        let said = problems.iter().any(|line| line.starts_with(start));
        assert!(said, "{start}: {problems:?}");
    }
    // Somebody else makes it.
    config.proxy.should_start = false;
    let problems = found(&config).problems;
    assert!(
        !problems.iter().any(|line| line.contains("bind_url")),
        "{problems:?}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    let hub = &mut config.jupyterhub;
    hub.ssl_cert = Some(folder.path().join("no.pem"));
    hub.template_paths = vec!["/nowhere/at/all".into()];
    hub.logo_file = Some("/nowhere/logo.png".into());
    hub.pid_file = Some("/nowhere/hub.pid".into());
    hub.db_url = DbUrl::Sqlite("/nowhere/hub.sqlite".into());
    hub.services = vec![ServiceSpec {
        command: vec!["sh".into()],
        user: Some("no-such-user".into()),
        ..ServiceSpec::new("shared")
    }];
    config.proxy.command = Some(vec!["no-such-proxy".into()]);
    config.spawner.cmd = vec!["no-such-server".into()];
    let found = found(&config);
    for (lines, starts) in [
        (
            &found.problems,
            &[
                "[JupyterHub] services: service \"shared\": user: system user \"no-such-user\" does not exist",
                "[ConfigurableHTTPProxy] command: ",
                "[JupyterHub] ssl_cert ",
                "[JupyterHub] template_paths names /nowhere/at/all, which is no folder",
                "[JupyterHub] pid_file /nowhere/hub.pid: its folder cannot be written: No such file",
                "[JupyterHub] db_url /nowhere/hub.sqlite: its folder cannot be written: ",
            ][..],
        ),
        (
            &found.warnings,
            &[
                "[Spawner] cmd: no server can start: ",
                "[JupyterHub] logo_file /nowhere/logo.png cannot be read: ",
            ],
        ),
    ] {
        assert_eq!(lines.len(), starts.len(), "{lines:#?}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{lines:#?}");
        }
    }
}

#[test]
fn commands_that_users_would_miss_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    let none = |name: &str| Some(vec![name.to_owned()]);
    config.local_spawner.shell_cmd = none("no-such-shell");
    config.spawner.cmd = vec!["/nowhere/server".into()];
    config.spawner.auth_state_hook = none("no-such-state");
    config.spawner.pre_spawn_hook = none("no-such-pre");
    config.spawner.post_stop_hook = none("/nowhere/post");
    config.local_users.create_system_users = true;
    config.local_users.add_user_cmd = none("no-such-adduser");
    let found = found(&config);
    assert_eq!(found.problems, [""; 0]);
    let starts = [
        "[LocalProcessSpawner] shell_cmd: no server can start: command not found: \"no-such-shell\"",
        "[Spawner] cmd: no server can start: there is no program \"/nowhere/server\"",
        "[Spawner] auth_state_hook: no server can start: command not found: \"no-such-state\"",
        "[Spawner] pre_spawn_hook: no server can start: command not found: \"no-such-pre\"",
        "[Spawner] post_stop_hook: nothing runs after a stop: there is no program \"/nowhere/post\"",
        "[LocalAuthenticator] add_user_cmd: no system user can be made: command not found: \"no-such-adduser\"",
    ];
    assert_eq!(found.warnings.len(), starts.len(), "{found:#?}");
    for (line, start) in found.warnings.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_certificate_goes_with_its_key_which_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let [(cert, key), (_, other)] = ["a", "b"].map(|name| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (
            folder.path().join(format!("{name}.crt")),
            folder.path().join(format!("{name}.key")),
        );
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        (cert, key)
    });
    let mut config = good(folder.path());
    config.jupyterhub.ssl_cert = Some(cert);
    config.jupyterhub.ssl_key = Some(key.clone());
    assert_eq!(found(&config), Findings::default());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = found(&config).warnings;
    assert!(
        warnings[0].contains("can be read by others on this machine: chmod o-rwx"),
        "{warnings:?}"
    );
    config.jupyterhub.ssl_key = Some(other);
    let problems = found(&config).problems;
    assert!(
        problems[0].contains("b.key does not go with"),
        "{problems:?}"
    );
}

#[test]
fn what_protects_little_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    config.jupyterhub.bind_url = BindUrl::new("", 8000);
    config.jupyterhub.authenticate_prometheus = false;
    config.proxy.api_url.first = BindUrl::new("10.0.0.1", 8001);
    let found = found(&config);
    assert_eq!(found.problems, [""; 0]);
    for (index, start) in [
        "[JupyterHub] bind_url is plain http for the network",
        "[ConfigurableHTTPProxy] api_url http://10.0.0.1:8001",
        "[JupyterHub] authenticate_prometheus = false",
        "[JupyterHub] trusted_downstream_ips does not name the proxy's address, of which the API is at 10.0.0.1:",
    ]
    .iter()
    .enumerate()
    {
        assert!(found.warnings[index].starts_with(start), "{found:#?}");
    }
    config.jupyterhub.public_url = Some("https://hub.example.org/".parse().unwrap());
    assert_eq!(
        look(&config, &env(), Path::new("/usr/bin/hub"))
            .warnings
            .len(),
        3
    );
    config.jupyterhub.trusted_downstream_ips = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(
        look(&config, &env(), Path::new("/usr/bin/hub"))
            .warnings
            .len(),
        2
    );
}

#[test]
fn a_path_of_servers_that_means_different_folders_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let env = BTreeMap::from([("PATH".to_owned(), ".:/usr/bin:/bin".to_owned())]);
    let found = look(&good(folder.path()), &env, Path::new("/usr/bin/hub"));
    assert_eq!(found.problems, [""; 0]);
    let start = "[Spawner] env_keep: PATH of servers holds \".\", which is relative";
    let warnings = &found.warnings;
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(start),
        "{warnings:?}"
    );
}

#[test]
fn a_proxy_in_front_on_this_machine_is_to_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = good(folder.path());
    config.jupyterhub.public_url = Some("https://hub.example.org/".parse().unwrap());
    let warnings = found(&config).warnings;
    let start = "[JupyterHub] trusted_downstream_ips does not name 127.0.0.1";
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(start),
        "{warnings:?}"
    );
    config.jupyterhub.trusted_downstream_ips = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(found(&config), Findings::default());
}
