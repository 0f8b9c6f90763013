use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::{AuthenticatorClass, SpawnerClass};

const MACHINE: Machine = Machine {
    user: None,
    root: false,
    singleuser: false,
};

fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_owned(),
        admin: None,
        flags: Vec::new(),
        classes: OwnClasses::default(),
    }
}

fn run(options: &Options, machine: &Machine, taken: &[u16]) -> Result<Prepared, QuickstartError> {
    let env: BTreeMap<String, String> = BTreeMap::new();
    prepare_on(options, &env, machine, &|_, port| !taken.contains(&port))
}

#[test]
fn the_first_run_makes_a_folder_that_the_second_leaves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/hub-data");
    let first = run(&options(&data), &MACHINE, &[]).unwrap();
    let file = data.join("hub.toml");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
    assert_eq!(
        std::fs::read_dir(&data).unwrap().count(),
        1,
        "drafts are left"
    );
    assert!(first.logins.is_some());
    let edited = std::fs::read_to_string(&file)
        .unwrap()
        .replace(":8000", ":8123");
    std::fs::write(&file, &edited).unwrap();
    let second = run(&options(&data), &MACHINE, &[]).unwrap();
    assert_eq!(second.loaded.config.jupyterhub.bind_url.port, 8123);
    assert_eq!(second.logins, None);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), edited);
    assert_eq!(
        second.loaded.config.source,
        Some(data.canonicalize().unwrap().join("hub.toml"))
    );
}

#[test]
fn what_the_first_run_configures() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = run(&options(folder.path()), &MACHINE, &[]).unwrap();
    assert!(
        prepared.loaded.warnings.is_empty(),
        "{:?}",
        prepared.loaded.warnings
    );
    let (config, logins) = (&prepared.loaded.config, prepared.logins.unwrap());
    let hub = &config.jupyterhub;
    assert_eq!(hub.authenticator_class, AuthenticatorClass::SharedPassword);
    assert_eq!(hub.spawner_class, SpawnerClass::Simple);
    assert_eq!(hub.bind_url.to_string(), "http://127.0.0.1:8000/");
    assert_eq!(
        (hub.hub_bind_url.port, config.proxy.api_url.first.port),
        (0, 0)
    );
    assert!(config.allow_all());
    assert!(config.authenticator.admin_users.contains("admin"));
    assert_eq!(
        config.shared_password.user_password,
        Some(logins.user_password)
    );
    assert_eq!(
        config.shared_password.admin_password,
        Some(logins.admin_password)
    );
    let services: Vec<(&str, bool)> = hub
        .services
        .iter()
        .map(|service| (service.name.as_str(), service.is_managed()))
        .collect();
    assert_eq!(services, [("whoami", true), ("cull-idle", true)]);
    let role = hub
        .load_roles
        .iter()
        .find(|role| role.name == "user")
        .unwrap();
    assert!(
        role.scopes
            .as_ref()
            .unwrap()
            .iter()
            .any(|scope| scope.to_string() == "access:services!service=whoami")
    );
    let home = &config.simple_spawner.home_dir_template;
    assert_eq!(
        Path::new(home),
        folder
            .path()
            .canonicalize()
            .unwrap()
            .join("homes/{username}")
    );
}

#[test]
fn the_server_and_the_names_depend_on_the_machine() {
    for (singleuser, root, cmd, args) in [
        (true, false, &["jupyterhub-singleuser"][..], &[][..]),
        (true, true, &["jupyterhub-singleuser"], &["--allow-root"]),
        (false, true, &["hub", "demo-server"], &[]),
    ] {
        let machine = Machine {
            user: None,
            root,
            singleuser,
        };
        let first = FirstRun::new(None, &machine).unwrap();
        assert_eq!((first.cmd, first.args), (cmd, args));
    }
    for (given, user, admin, ordinary) in [
        (None, None, "admin", "alice"),
        (None, Some("root"), "admin", "alice"),
        (None, Some("Alice"), "alice", "bob"),
        (Some(" Zoe "), Some("mal"), "zoe", "alice"),
    ] {
        let machine = Machine {
            user: user.map(str::to_owned),
            ..MACHINE
        };
        let logins = FirstRun::new(given, &machine).unwrap().logins;
        assert_eq!(
            (logins.admin.as_str(), logins.user.as_str()),
            (admin, ordinary)
        );
    }
    let error = FirstRun::new(Some("a/b"), &MACHINE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--admin: 'a/b' cannot be a user: name contains '/'"
    );
    assert_eq!(error.exit_code(), 64);
}

#[test]
fn an_odd_name_survives_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let name = "o'neil \"x\" \\ @cmd@ ''' cmd";
    options.admin = Some(name.to_owned());
    let prepared = run(&options, &MACHINE, &[]).unwrap();
    let admins = &prepared.loaded.config.authenticator.admin_users;
    assert_eq!(admins.iter().collect::<Vec<_>>(), [name]);
}

#[test]
fn passwords_are_random_and_easy_to_read() {
    let [one, two] = [(), ()].map(|()| FirstRun::new(None, &MACHINE).unwrap().logins);
    assert_ne!(one.user_password, two.user_password);
    assert_ne!(one.admin_password, two.admin_password);
    let lengths = [&one.user_password, &one.admin_password].map(|password| password.expose().len());
    assert_eq!(lengths, [12, 32]);
    assert!(
        one.admin_password
            .expose()
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
}

#[test]
fn ports() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, taken, expected, warnings) in [
        (None, &[][..], 8000, 0),
        (None, &[8000, 8001], 8002, 1),
        (Some(("port", "8000")), &[8000], 8000, 0),
        (
            Some(("bind_url", "http://127.0.0.1:8000")),
            &[8000],
            8000,
            0,
        ),
        (Some(("port", "0")), &[0], 0, 0),
        (Some(("base_url", "/hub-a/")), &[8000], 8001, 1),
    ] {
        let mut options = options(folder.path());
        options.flags = flag
            .map(|(name, value)| Flag::new("JupyterHub", name, value, "--x"))
            .into_iter()
            .collect();
        let prepared = run(&options, &MACHINE, taken).unwrap();
        assert_eq!(
            prepared.loaded.config.jupyterhub.bind_url.port, expected,
            "{flag:?}"
        );
        assert_eq!(prepared.loaded.warnings.len(), warnings, "{flag:?}");
    }
    let tried = RefCell::new(0);
    let env: BTreeMap<String, String> = BTreeMap::new();
    let error = prepare_on(&options(folder.path()), &env, &MACHINE, &|_, _| {
        *tried.borrow_mut() += 1;
        false
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "no port from 8000 to 8100 is free; choose one with --port"
    );
    assert_eq!(*tried.borrow(), 101);
}

#[test]
fn a_taken_port_is_seen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(!port::is_free("127.0.0.1", port));
    drop(listener);
    assert!(port::is_free("127.0.0.1", port));
}

#[test]
fn the_welcome_shows_passwords_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(&options(folder.path()), &MACHINE, &[]).unwrap();
    let logins = first.logins.clone().unwrap();
    let text = first.welcome("http://127.0.0.1:8000/");
    for words in [
        "http://127.0.0.1:8000/\n",
        &format!("\n    alice  password: {} ", logins.user_password.expose()),
        &format!("\n    admin  password: {} ", logins.admin_password.expose()),
        "http://127.0.0.1:8000/services/whoami/",
        "pip install",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let machine = Machine {
        singleuser: true,
        ..MACHINE
    };
    let second = run(&options(folder.path()), &machine, &[])
        .unwrap()
        .welcome("http://127.0.0.1:8000/");
    assert!(!second.contains(logins.user_password.expose()));
    assert!(
        second.contains("The passwords are in") && second.contains("is there now"),
        "{second}"
    );
}

#[test]
fn what_cannot_be_made_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = run(&options(&file), &MACHINE, &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("choose another folder with --data"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
    std::fs::write(folder.path().join("hub.toml"), "[JupyterHub]\nprot = 1\n").unwrap();
    let error = run(&options(folder.path()), &MACHINE, &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("hub.toml:2: [JupyterHub] prot is not a setting"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 64);
    let mut late = options(folder.path());
    late.admin = Some("zoe".into());
    std::fs::write(
        folder.path().join("hub.toml"),
        "[JupyterHub]\nauthenticator_class = 'dummy'\n",
    )
    .unwrap();
    let prepared = run(&late, &MACHINE, &[]).unwrap();
    assert!(
        prepared
            .loaded
            .warnings
            .iter()
            .any(|warning| warning.to_string().starts_with("--admin: counts on"))
    );
}
