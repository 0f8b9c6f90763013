//! What files, flags and environment come to, and what is said of mistakes.

mod access;
mod examples;
mod services;
mod sockets;
mod tls;
mod tornado;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::traits::CLASSES;
use crate::config::{AuthenticatorClass, DbUrl, SpawnerClass};

type Env = BTreeMap<String, String>;

const DUMMY: &str = "[JupyterHub]\nauthenticator_class = 'dummy'\n";

fn toml(text: &str) -> Result<Loaded, ConfigError> {
    with(text, &[], &Env::new())
}

fn with(text: &str, flags: &[&str], env: &Env) -> Result<Loaded, ConfigError> {
    let flags: Vec<Flag> = flags
        .iter()
        .map(|flag| {
            let (name, value) = flag.split_once('=').unwrap();
            let (class, name) = name.split_once('.').unwrap();
            Flag::new(class, name, value, &format!("--{class}.{name}"))
        })
        .collect();
    assemble(
        Some((Path::new("hub.toml"), text)),
        &flags,
        Path::new("/srv"),
        env,
        &OwnClasses::default(),
    )
}

fn problems(text: &str) -> Vec<String> {
    match toml(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn one_problem_one_line() {
    for (text, expected) in [
        (
            "bind_ulr = 1",
            "hub.toml:3: [JupyterHub] bind_ulr is not a setting; did you mean bind_url?",
        ),
        (
            "port = \"x\"",
            "hub.toml:3: [JupyterHub] port must be a port from 0 to 65535 (0 means any free one), not a text",
        ),
        (
            "cmd = []",
            "hub.toml:3: [JupyterHub] cmd is not a setting; cmd belongs under [Spawner]",
        ),
        (
            "db_url = 'oracle://h/d'",
            "hub.toml:3: [JupyterHub] db_url is wrong: 'oracle' databases are not supported; sqlite, postgresql, mysql \
             and mariadb are",
        ),
        (
            "internal_ssl = true",
            "hub.toml:3: [JupyterHub] internal_ssl is known but not supported yet; remove it for now (Whether hub, proxy, \
             servers and services talk TLS to each other.)",
        ),
        (
            "subdomain_host = 'x'\npublic_url = 'https://y'",
            "hub.toml:3: [JupyterHub] subdomain_host must be the host of public_url, https://y: hosts of users are below the \
             one where they log in",
        ),
        (
            "hub_routespec = '/hub/'\nsubdomain_host = 'x'",
            "hub.toml:3: [JupyterHub] hub_routespec = \"/hub/\" must begin with a host, as subdomain_host is set",
        ),
        (
            "[Proxy]\nextra_routes = { 'docs/' = 'http://127.0.0.1:1' }",
            "hub.toml:4: [Proxy] extra_routes holds 'docs/': a path must begin with /",
        ),
        (
            "subdomain_host = 'x'\n[Proxy]\nextra_routes = { '/docs/' = 'http://127.0.0.1:1' }",
            "hub.toml:5: [Proxy] extra_routes holds '/docs/': as subdomain_host is set, it must begin with a host, e.g. \
             \"docs.example.org/\"",
        ),
        (
            "subdomain_host = 'x.y'\n[Proxy]\nextra_routes = { 'X.y/user/' = 'http://127.0.0.1:1' }",
            "hub.toml:5: [Proxy] extra_routes holds 'x.y/user/', which belongs to the hub, to users or to services",
        ),
        (
            "ssl_key = 'x'",
            "hub.toml:3: [JupyterHub] ssl_key needs a certificate: give its file as ssl_cert",
        ),
        (
            "[LocalAuthenticator]\ncreate_system_users = true",
            "hub.toml:4: [LocalAuthenticator] create_system_users needs an authenticator of system users: \"pam\", or a \
             provider's for them (\"local-github\", …); with this one nobody would be made",
        ),
        (
            "proxy_class = 'haproxi'",
            "hub.toml:3: [JupyterHub] proxy_class = \"haproxi\" is not known; this hub has \"configurable-http-proxy\"",
        ),
        (
            "[Proxy]\nextra_routes = { '/user/mal' = 'http://127.0.0.1:1' }",
            "hub.toml:4: [Proxy] extra_routes holds '/user/mal/', which belongs to the hub, to users or to services",
        ),
        (
            "[ConfigurableHTTPProxy]\napi_url = ['http://a:1', 'http://b:1']",
            "hub.toml:4: [ConfigurableHTTPProxy] api_url names several proxies, and the hub can start only one: start them \
             yourself, and write should_start = false",
        ),
        (
            "statsd_port = 1",
            "hub.toml:3: [JupyterHub] statsd_port cannot be set here: JupyterHub 6 has no statsd; metrics are at /hub/metrics",
        ),
        (
            "[Spawnr]\ncmd = 1",
            "hub.toml:3: [Spawnr] is not a section; did you mean [Spawner]?",
        ),
        (
            "[DockerSpawner]\nimage = 'x'",
            "hub.toml:3: [DockerSpawner] is known but not supported yet; remove the section for now",
        ),
        (
            "[Authenticator]\n\nallowed_users = 'mal'",
            "hub.toml:5: [Authenticator] allowed_users must be a list of user names, e.g. [\"mal\", \"zoe\"], not a text",
        ),
        (
            "[[JupyterHub.services]]\nname = 'a'\ncomand = ['x']",
            "hub.toml:5: [JupyterHub] services service 'a': comand is not a setting; did you mean command?",
        ),
        (
            "[[JupyterHub.load_roles]]\nname = 'rr'\n[[JupyterHub.load_roles]]\nname = 'abc'\nservices = ['x']",
            "hub.toml:4: [JupyterHub] load_roles role 'rr': name: must be 3 to 255 of a-z, 0-9, '-', '_', '~', '.', \
             start with a letter and end with a letter or digit|hub.toml:7: [JupyterHub] load_roles role 'abc': \
             services: there is no service 'x' in [[JupyterHub.services]]",
        ),
        (
            "[[JupyterHub.services]]\nname = 'a b'\nurl = 'http://127.0.0.1:1'",
            "hub.toml:4: service \"a b\": name: name contains characters that need escaping in a URL; use letters, \
             digits, '-', '_', '.' and '~'",
        ),
        (
            "hub_bind_url = 'http://127.0.0.1:8001'",
            "[ConfigurableHTTPProxy] api_url and hub_bind_url both are port 8001; give each its own",
        ),
        (
            "[Proxy]\nshould_start = false",
            "hub.toml:4: [Proxy] should_start = false means that a proxy runs already: give its token as \
             [ConfigurableHTTPProxy] auth_token or $CONFIGPROXY_AUTH_TOKEN",
        ),
        (
            "cookie_secret = 'abcd'",
            "hub.toml:3: [JupyterHub] cookie_secret must be at least 32 bytes",
        ),
        (
            "public_url = 'https://h/x/'\nbase_url = '/y/'",
            "hub.toml:3: [JupyterHub] public_url must end with the base URL '/y/' and have no other path before it, or have \
             no path: what a proxy in front takes away belongs into base_url",
        ),
    ] {
        let found = problems(&format!("{DUMMY}{text}")).join("|");
        assert!(
            found.starts_with(expected),
            "{text}:\n  {found}\n  {expected}"
        );
    }
}

#[test]
fn files_that_are_not_toml() {
    assert_eq!(
        problems("[JupyterHub]\nport = \nip = 'a"),
        [
            "hub.toml:2: this is not TOML: string values must be quoted, expected literal string",
            "hub.toml:3: this is not TOML: invalid literal string, expected `'`"
        ]
    );
    assert_eq!(
        problems("port = 1\n"),
        ["hub.toml:1: port stands outside of a section; write it under [JupyterHub]"]
    );
    assert!(
        problems("[A]\nx=1\nx=2")[0].starts_with("hub.toml:3: this is not TOML: duplicate key")
    );
}

#[test]
fn all_problems_are_told_in_the_order_of_lines() {
    let text = "[Spawner]\nport = -1\n[JupyterHub]\nport = 70000\nfoo = 1\n[SharedPasswordAuthenticator]\n\
                user_password = 'short'\n[Nonsense]\n";
    let lines: Vec<String> = problems(text)
        .iter()
        .map(|problem| problem.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "hub.toml:2",
            "hub.toml:4",
            "hub.toml:5",
            "hub.toml:7",
            "hub.toml:8"
        ]
    );
}

#[test]
fn passwords_follow_the_rules_of_6_1() {
    let text = |user: &str, admin: &str| {
        format!(
            "[JupyterHub]\nauthenticator_class = 'shared-password'\n[SharedPasswordAuthenticator]\n\
             user_password = '{user}'\nadmin_password = '{admin}'"
        )
    };
    let long = "0123456789abcdef0123456789abcdef";
    for (user, admin, expected) in [
        ("12345678", long, 0),
        ("", "", 0),
        ("1234567", long, 1),
        ("ünïcödé", long, 1),
        ("12345678", &long[1..], 1),
        (long, long, 1),
        ("x", "y", 2),
    ] {
        let found = problems(&text(user, admin));
        assert_eq!(found.len(), expected, "{user} {admin}: {found:?}");
        assert!(found.iter().all(|line| !line.contains(long)));
    }
}

#[test]
fn addresses_are_put_together_from_their_parts() {
    for (text, bind, hub) in [
        ("", "http://:8000/", "http://127.0.0.1:8081/"),
        (
            "port = 9\nbind_url = 'http://h:1/b'\nip = '::1'",
            "http://[::1]:9/b/",
            "http://127.0.0.1:8081/",
        ),
        (
            "base_url = 'a'\nhub_ip = '*'\nhub_port = 0",
            "http://:8000/a/",
            "http://:0/",
        ),
    ] {
        let config = toml(&format!("{DUMMY}{text}")).unwrap().config;
        assert_eq!(config.jupyterhub.bind_url.to_string(), bind, "{text}");
        assert_eq!(config.jupyterhub.hub_bind_url.to_string(), hub, "{text}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let flags = [
        "JupyterHub.bind_url=http://127.0.0.1:7000/x/",
        "Spawner.cmd=['a', 'b']",
        "Authenticator.admin_users=mal",
        "SharedPasswordAuthenticator.user_password=12345678",
        "JupyterHub.cleanup_servers=False",
    ];
    let text = format!("{DUMMY}port = 9\n[LocalProcessSpawner]\ncmd = ['c']");
    let config = with(&text, &flags, &Env::new()).unwrap().config;
    assert_eq!(
        config.jupyterhub.bind_url.to_string(),
        "http://127.0.0.1:7000/x/"
    );
    assert_eq!(config.spawner.cmd, ["a", "b"]);
    assert!(config.authenticator.admin_users.contains("mal"));
    assert!(!config.jupyterhub.cleanup_servers);
    let password = config.shared_password.user_password.unwrap();
    assert_eq!(password.expose(), "12345678");
    let error = with(DUMMY, &["JupyterHub.port=abc"], &Env::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("--JupyterHub.port: [JupyterHub] port must be"),
        "{error}"
    );
}

#[test]
fn sections_of_subclasses_count_when_their_class_is_in_use() {
    let text = "[Spawner]\nmem_limit = '1G'\n[SimpleLocalProcessSpawner]\nmem_limit = '2G'\n";
    for (class, expected, warnings) in [("simple", 2u64 << 30, 0), ("local", 1 << 30, 1)] {
        let loaded = toml(&format!("{DUMMY}spawner_class = '{class}'\n{text}")).unwrap();
        assert_eq!(loaded.config.spawner.mem_limit, Some(expected), "{class}");
        let found = loaded
            .warnings
            .iter()
            .filter(|problem| problem.message.contains("no effect"))
            .count();
        assert_eq!(found, warnings, "{class}");
    }
    let config = with(
        &format!("{DUMMY}{text}"),
        &["JupyterHub.spawner_class=simple"],
        &Env::new(),
    )
    .unwrap()
    .config;
    assert_eq!(config.jupyterhub.spawner_class, SpawnerClass::Simple);
    assert_eq!(config.spawner.mem_limit, Some(2 << 30));
}

#[test]
fn old_names_work_and_say_the_new_one() {
    let loaded = toml(&format!(
        "{DUMMY}proxy_api_port = 5\nconfirm_no_ssl = true\n[Authenticator]\nwhitelist = ['mal']"
    ))
    .unwrap();
    assert_eq!(
        loaded.config.proxy.api_url.first.to_string(),
        "http://127.0.0.1:5/"
    );
    assert!(loaded.config.authenticator.allowed_users.contains("mal"));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    for expected in [
        "hub.toml:3: [JupyterHub] proxy_api_port is an old name: write [ConfigurableHTTPProxy] api_url",
        "hub.toml:4: [JupyterHub] confirm_no_ssl is ignored: it has no effect since JupyterHub 0.7; remove it",
        "hub.toml:6: [Authenticator] whitelist is an old name: write allowed_users; an empty list no longer means \
         everybody, which is allow_all = true",
    ] {
        assert!(
            warnings.iter().any(|found| found == expected),
            "{expected}\n{warnings:#?}"
        );
    }
}

#[test]
fn what_only_tunes_pythons_driver_is_warned_of() {
    let passed_over = "[JupyterHub] db_url holds what only tunes Python's driver (timeout) and has no effect here; leave it out";
    let a_path = "[JupyterHub] db_url is a path; ";
    let file = || DbUrl::Sqlite("a.sqlite".into());
    for (url, expected, said) in [
        ("sqlite:///a.sqlite", file(), &[][..]),
        ("sqlite:///a.sqlite?timeout=30", file(), &[passed_over]),
        ("a.sqlite?timeout=30", file(), &[passed_over, a_path]),
        (":memory:", DbUrl::Memory, &[]),
    ] {
        let flag = format!("JupyterHub.db_url={url}");
        let loaded = with(DUMMY, &[&flag], &Env::new()).unwrap();
        assert_eq!(loaded.config.jupyterhub.db_url, expected, "{url}");
        let warnings = loaded.warnings.iter().map(|warning| &warning.message);
        let warnings: Vec<_> = warnings.filter(|said| said.contains("db_url")).collect();
        assert_eq!(warnings.len(), said.len(), "{url}: {warnings:?}");
        for (line, start) in warnings.iter().zip(said) {
            assert!(line.starts_with(start), "{url}: {line}");
        }
    }
}

#[test]
fn what_depends_on_the_environment_and_on_other_settings() {
    let secret = "ab".repeat(32);
    let env: Env = [
        ("JPY_COOKIE_SECRET", secret.as_str()),
        ("CONFIGPROXY_AUTH_TOKEN", "tok"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let text = format!(
        "{DUMMY}cookie_max_age_days = 1\napi_page_max_limit = 10\npublic_url = 'https://h'\nbase_url = '/b'\n\
         [SimpleLocalProcessSpawner]\nhome_dir_template = 'homes/{{username}}'"
    );
    let config = with(&text, &[], &env).unwrap().config;
    assert_eq!(config.jupyterhub.cookie_secret.unwrap().expose(), secret);
    assert_eq!(config.proxy.auth_token.unwrap().expose(), "tok");
    assert_eq!(
        config.jupyterhub.oauth_token_expires_in,
        Duration::from_hours(24)
    );
    assert_eq!(config.jupyterhub.api_page_default_limit, 10);
    assert_eq!(
        config.jupyterhub.public_url.unwrap().as_str(),
        "https://h/b/"
    );
    assert_eq!(
        config.simple_spawner.home_dir_template,
        "/srv/homes/{username}"
    );
    let bad: Env = [("JPY_COOKIE_SECRET".to_owned(), "zz".to_owned())].into();
    let error = with(DUMMY, &[], &bad).unwrap_err().to_string();
    assert!(
        error.starts_with("$JPY_COOKIE_SECRET: [JupyterHub] cookie_secret must be"),
        "{error}"
    );
}

#[test]
fn nobody_can_log_in_is_a_warning() {
    let loaded = toml("[JupyterHub]\nauthenticator_class = 'shared-password'").unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(
        warnings
            .iter()
            .all(|warning| warning.ends_with("nobody can log in"))
    );
}

#[test]
fn the_example_of_the_manual() {
    let loaded = toml(
        "[JupyterHub]\nbind_url = 'http://:8000'\nauthenticator_class = 'dummy'\nspawner_class = 'local'\n\
         load_groups = { staff = { users = ['mal', 'zoe'] } }\n[[JupyterHub.services]]\nname = 'cull-idle'\n\
         command = ['hub', 'cull-idle', '--timeout=3600']\n[[JupyterHub.load_roles]]\nname = 'cull-idle'\n\
         services = ['cull-idle']\nscopes = ['list:users', 'read:users:activity', 'read:servers', 'delete:servers']\n\
         [Authenticator]\nadmin_users = ['mal']\nallow_all = true\n[Spawner]\ncmd = ['jupyterhub-singleuser']\n",
    )
    .unwrap();
    let hub = &loaded.config.jupyterhub;
    assert_eq!(hub.authenticator_class, AuthenticatorClass::Dummy);
    assert_eq!(hub.services[0].command[1], "cull-idle");
    assert_eq!(hub.load_roles[0].scopes.as_ref().unwrap().len(), 4);
    assert_eq!(hub.load_groups["staff"].users, ["mal", "zoe"]);
    assert!(loaded.config.allow_all());
    assert_eq!(loaded.config.source.as_deref(), Some(Path::new("hub.toml")));
}

#[test]
fn json_in_the_form_of_traitlets() {
    let json = |text: &str| {
        assemble(
            Some((Path::new("c.json"), text)),
            &[],
            Path::new("/srv"),
            &Env::new(),
            &OwnClasses::default(),
        )
    };
    let text = "{\n \"JupyterHub\": {\"authenticator_class\": \"dummy\",\n  \"port\": 9, \"default_url\": null,\n  \
                \"services\": [{\"name\": \"a\"}]}\n}";
    let loaded = json(text).unwrap();
    assert_eq!(loaded.config.jupyterhub.bind_url.port, 9);
    assert_eq!(loaded.config.jupyterhub.services[0].name, "a");
    for (text, expected) in [
        (
            "{\"JupyterHub\": {\n\"port\": \"x\"}}",
            "c.json:2: [JupyterHub] port must be a port",
        ),
        (
            "{\"JupyterHub\": 3}",
            "c.json:1: JupyterHub must be a table of settings, not a whole number",
        ),
        ("[]", "c.json:1: must hold a table of classes"),
        (
            "{\n",
            "c.json:2: this is not JSON: EOF while parsing an object",
        ),
    ] {
        let error = json(text).unwrap_err().problems[0].to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn relative_homes_count_from_the_working_folder() {
    let flags = vec![
        Flag::new("JupyterHub", "authenticator_class", "dummy", "--x"),
        Flag::new(
            "SimpleLocalProcessSpawner",
            "home_dir_template",
            "homes/{username}",
            "--x",
        ),
    ];
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    let config = load(&sources, Path::new(""), &Env::new()).unwrap().config;
    let expected = std::env::current_dir().unwrap().join("homes/{username}");
    assert_eq!(
        Path::new(&config.simple_spawner.home_dir_template),
        expected
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "(\\[[A-Za-z]{0,12}\\]\n)?([a-z_]{1,12} = ?[ -~]{0,20}\n){0,4}") {
        for name in ["x.toml", "x.json"] {
            let _ = assemble(Some((Path::new(name), &text)), &[], Path::new("/"), &Env::new(), &OwnClasses::default());
        }
    }

    #[test]
    fn no_flag_makes_the_loader_panic(row in 0..234usize, value in "[ -~]{0,20}") {
        let rows: Vec<(&str, &str)> = CLASSES
            .iter()
            .flat_map(|class| class.traits.iter().map(|row| (class.name, row.name)))
            .collect();
        let (class, name) = rows[row];
        let _ = assemble(None, &[Flag::new(class, name, value, "--x")], Path::new("/"), &Env::new(), &OwnClasses::default());
    }
}

#[test]
fn files_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Env::new();
    let at = |file: &str| {
        load(
            &Sources {
                file: Some(file.into()),
                ..Sources::default()
            },
            folder.path(),
            &empty,
        )
    };
    for (file, expected) in [
        (
            "missing.toml",
            "missing.toml: cannot be read: No such file or directory",
        ),
        (".", ".: cannot be read: Is a directory"),
    ] {
        let error = at(file).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    std::fs::write(folder.path().join("latin.toml"), b"# a\n# \xe9\n").unwrap();
    std::fs::write(folder.path().join("hub.ini"), b"").unwrap();
    std::fs::write(folder.path().join("jupyterhub_config.py"), b"c.x = 1").unwrap();
    let place = "jupyterhub_config.py:1: c.x stands outside of a class";
    let error = at("latin.toml").unwrap_err().to_string();
    assert_eq!(error, "latin.toml:2: is not UTF-8; save the file as UTF-8");
    assert!(
        at("hub.ini")
            .unwrap_err()
            .to_string()
            .contains("must end in .toml, .json or .py")
    );
    assert!(
        at("jupyterhub_config.py")
            .unwrap_err()
            .to_string()
            .starts_with(place)
    );
    let found = load(&Sources::default(), folder.path(), &empty)
        .unwrap_err()
        .to_string();
    assert!(found.starts_with(place), "{found}");
    std::fs::write(folder.path().join("hub.toml"), DUMMY).unwrap();
    let loaded = load(&Sources::default(), folder.path(), &empty).unwrap();
    assert_eq!(
        loaded.origin,
        "Configuration: hub.toml (jupyterhub_config.py beside it is not read)"
    );
}

#[test]
fn a_file_with_secrets_that_others_may_read_is_warned_of() {
    let said = |text: &str, mode: u32| {
        let loaded = toml(&format!("{DUMMY}{text}")).unwrap();
        let file = Path::new("hub.toml");
        readable_secrets(file, mode, &loaded, None).map(|problem| problem.to_string())
    };
    for text in [
        "[DummyAuthenticator]\npassword = 'x'",
        "service_tokens = { 'abcdefgh' = 'x' }",
        "services = [{ name = 'x', api_token = 'abcdefgh' }]",
    ] {
        assert_eq!(said(text, 0o600), None, "private");
        let warning = said(text, 0o640).unwrap();
        assert!(warning.ends_with("chmod 600 hub.toml"), "{warning}");
    }
    assert_eq!(said("port = 9000", 0o644), None, "no secrets");
    let env = Env::from([("JPY_COOKIE_SECRET".to_owned(), "ab".repeat(32))]);
    let loaded = with(DUMMY, &["ConfigurableHTTPProxy.auth_token=abcdefgh"], &env).unwrap();
    assert_eq!(
        readable_secrets(Path::new("hub.toml"), 0o644, &loaded, None),
        None,
        "elsewhere"
    );
}

#[test]
fn a_class_of_ones_own_has_a_section_of_its_own() {
    let text = "[JupyterHub]\nauthenticator_class = 'dummy'\nproxy_class = 'haproxy'\n[HAProxy]\nsocket = '/run/h.sock'\n\
                [Proxy]\nshould_start = false\nextra_routes = { '/docs' = 'http://127.0.0.1:4000' }\n";
    let load = |text: &str, classes: &[(&str, &str)]| {
        let proxies = classes
            .iter()
            .map(|(name, section)| ((*name).into(), (*section).into()));
        let classes = OwnClasses {
            proxies: proxies.collect(),
            authenticators: [("roster", "Roster")].into(),
            spawners: [("unshare".to_owned(), "UnshareSpawner".to_owned())].into(),
        };
        let file = Some((Path::new("hub.toml"), text));
        assemble(file, &[], Path::new("/srv"), &Env::new(), &classes)
    };
    let own = "[JupyterHub]\nauthenticator_class = 'roster'\n[Roster]\nfile = 'x'\n[Authenticator]\nallow_all = true\n";
    let roster = load(own, &[]).unwrap();
    assert_eq!(
        roster.config.jupyterhub.authenticator_class,
        AuthenticatorClass::Plugged("roster")
    );
    assert_eq!(roster.config.plugged.0["Roster"]["file"], "x");
    assert!(roster.warnings.is_empty(), "{:?}", roster.warnings);
    let own = "[JupyterHub]\nspawner_class = 'unshare'\nauthenticator_class = 'dummy'\n[UnshareSpawner]\nhomes = '/h'\n[Spawner]\nargs = ['x']\n";
    let unshare = load(own, &[]).unwrap().config;
    assert_eq!(
        unshare.jupyterhub.spawner_class,
        SpawnerClass::Own("unshare".into())
    );
    assert_eq!(unshare.plugged.0["UnshareSpawner"]["homes"], "/h");
    assert_eq!(unshare.spawner.args, ["x"]);
    let proxy = load(
        "[JupyterHub]\nspawner_class = 'haproxy'",
        &[("haproxy", "HAProxy")],
    );
    let proxy = proxy.unwrap_err().to_string();
    assert!(
        proxy.contains("hub.toml:2: [JupyterHub] spawner_class = \"haproxy\" is not known"),
        "{proxy}"
    );
    let loaded = load(text, &[("haproxy", "HAProxy")]).unwrap();
    assert_eq!(loaded.config.plugged.0["HAProxy"]["socket"], "/run/h.sock");
    let shown = format!("{:?}", loaded.config);
    assert!(
        shown.contains("HAProxy") && !shown.contains("/run/h.sock"),
        "may be secret"
    );
    assert_eq!(
        loaded.config.proxy.extra_routes["/docs/"],
        "http://127.0.0.1:4000"
    );
    let warned = loaded.warnings.iter().map(ToString::to_string);
    assert!(
        warned
            .collect::<String>()
            .starts_with("hub.toml:2: [JupyterHub] authenticator_class")
    );
    assert_eq!(loaded.warnings.len(), 1);
    let problems = load(text, &[("traefik", "Traefik")]).unwrap_err().problems;
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "hub.toml:3: [JupyterHub] proxy_class = \"haproxy\" is not known; this hub has \"configurable-http-proxy\", \
             \"traefik\"",
            "hub.toml:4: [HAProxy] is not a section; the main ones are [JupyterHub], [Authenticator], [Spawner], \
             [ConfigurableHTTPProxy]",
        ]
    );
}
