//! What people have: a `jupyterhub_config.py`, a database of JupyterHub, a hub that is not to be restarted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Sandbox, Stack, eventually, peers, programs};
use nix::sys::signal::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const WAIT: Duration = Duration::from_secs(60);

/// A hub that only lets `allowed` in, with what else is said.
fn toml(base: &str, allowed: &str, more: &str) -> String {
    let mut table: toml::Table = base.parse().expect("what the harness wrote");
    let more: toml::Table = more.parse().expect("TOML");
    for (section, value) in more {
        let settings = table.entry(section).or_insert(toml::Table::new().into());
        let settings = settings.as_table_mut().expect("a section");
        settings.extend(value.as_table().expect("a section").clone());
    }
    let authenticator = table["Authenticator"].as_table_mut().expect("a section");
    authenticator.insert("allow_all".into(), false.into());
    let names: Vec<&str> = allowed.split(' ').collect();
    authenticator.insert("allowed_users".into(), names.into());
    table.to_string()
}

/// Writes the file, sends SIGHUP, and waits until the hub has said `answer` once more.
async fn reload(stack: &Stack, text: &str, answer: &str) {
    let before = stack.log().matches(answer).count();
    stack.sandbox().write("hub.toml", text);
    stack.hub().signal(Signal::SIGHUP);
    eventually(WAIT, answer, async || {
        stack.log().matches(answer).count() > before
    })
    .await;
}

#[tokio::test]
async fn sighup_reads_the_configuration_again() {
    let stack = Stack::builder()
        .config("[Authenticator]\nallow_all = false\nallow_existing_users = false\nallowed_users = ['mal']")
        .start()
        .await;
    let base = fs::read_to_string(stack.data("hub.toml")).expect("the harness wrote it");
    stack.visitor().login("mal", "x").await;
    assert_ne!(stack.visitor().try_login("zoe", "x").await.status, 302);
    let token = stack.api().new_token("mal", &[]).await;
    let client = stack.client().token(&token);
    assert_eq!(client.get("hub/api/users").await.status, 403);

    // Another user, a role with its holder, and a setting that cannot change now.
    let more = "[JupyterHub]\nactive_server_limit = 7\nload_groups = { crew = ['mal'] }\n\
                log_level = 'DEBUG'\n";
    reload(
        &stack,
        &toml(&base, "mal zoe", more),
        "SIGHUP: needs a restart of the hub: [JupyterHub] active_server_limit",
    )
    .await;
    let log = stack.log();
    let taken = "SIGHUP: in force now: [JupyterHub] load_groups, [JupyterHub] log_level, [Authenticator] allowed_users";
    assert!(log.contains(taken), "{log}");
    stack.visitor().login("zoe", "x").await;
    let groups = stack.api().user("mal").await["groups"].clone();
    assert_eq!(groups, serde_json::json!(["crew"]));

    // A mistake leaves everything as it was, and says where it is.
    let mistake = format!("{}\n[Spawner2]\nx = 1\n", toml(&base, "mal", ""));
    reload(
        &stack,
        &mistake,
        "SIGHUP: everything is left as it was: hub.toml:",
    )
    .await;
    assert!(stack.log().contains("[Spawner2] is not a section"));
    stack.visitor().login("zoe", "x").await;

    // A user who is no longer allowed cannot log in again; one who is blocked is out at once.
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let blocked = "[Authenticator]\nblocked_users = ['mal']\n";
    reload(
        &stack,
        &toml(&base, "mal", blocked),
        "SIGHUP: in force now: ",
    )
    .await;
    assert_eq!(client.get("hub/api/user").await.status, 403);
    assert_ne!(visitor.get("hub/home").await.status, 200);
    assert_ne!(stack.visitor().try_login("zoe", "x").await.status, 302);
}

/// Waits until a user's server is gone.
async fn stops(stack: &Stack, user: &str) {
    let what = format!("{user}'s server has stopped");
    eventually(WAIT, &what, async || {
        stack.api().server(user).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn servers_of_who_is_blocked_stop_at_sighup_and_at_a_start() {
    let mut stack = Stack::builder().start().await;
    let base = fs::read_to_string(stack.data("hub.toml")).expect("the harness wrote it");
    let blocking = |names: &str| {
        let more = format!("[Authenticator]\nblocked_users = [{names}]\n");
        toml(&base, "mal zoe", &more)
    };
    for user in ["mal", "zoe"] {
        stack.api().start_server(user).await;
    }
    reload(&stack, &blocking("'mal'"), "SIGHUP: in force now: ").await;
    stops(&stack, "mal").await;
    assert!(stack.api().server("zoe").await.is_some());

    stack.kill_hub().await;
    let both = blocking("'mal', 'zoe'");
    stack.sandbox().write("hub.toml", &both);
    stack.restart_hub().await;
    stops(&stack, "zoe").await;
    // It had outlived its hub.
    let log = stack.log();
    assert!(
        log.contains("stopping zoe/: its owner is in blocked_users"),
        "{log}"
    );
}

/// Writes a file that only we can read, in the place of an old one.
fn put(folder: &Path, name: &str, text: &str) {
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, text).expect("our own folder");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("our own file");
    fs::rename(new, folder.join(name)).expect("our own file");
}

/// Puts a new certificate with its key where the last one was.
fn new_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.expect("a certificate");
    put(folder, "key.pem", &made.signing_key.serialize_pem());
    put(folder, "cert.pem", &made.cert.pem());
    made.cert.der().clone()
}

/// Whether whoever trusts this certificate alone can come in.
async fn is_shown(stack: &Stack, certificate: &CertificateDer<'static>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let port = stack.client().url("/").port().expect("a port");
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    let stream = stream.expect("the proxy listens");
    connector.connect(name, stream).await.is_ok()
}

/// `certbot renew --deploy-hook "kill -HUP …"`: nobody has to know that there is a proxy.
#[tokio::test]
async fn sighup_reaches_the_proxy_which_reads_its_certificates_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let old = new_certificate(folder.path());
    let stack = Stack::builder()
        .without_python()
        .args(&[
            &format!("--ssl-cert={at}/cert.pem"),
            &format!("--ssl-key={at}/key.pem"),
        ])
        .start()
        .await;
    assert!(stack.url().starts_with("https://"), "{}", stack.url());
    assert!(is_shown(&stack, &old).await);
    let text = fs::read_to_string(stack.data("hub.toml")).expect("the harness wrote it");
    let told = "SIGHUP: the proxy reads its certificates again";

    let new = new_certificate(folder.path());
    assert!(!is_shown(&stack, &new).await);
    reload(&stack, &text, told).await;
    eventually(WAIT, "the new certificate is shown", async || {
        is_shown(&stack, &new).await
    })
    .await;
    assert!(!is_shown(&stack, &old).await);

    // Files that do not fit change nothing.
    put(folder.path(), "cert.pem", "not a certificate");
    reload(&stack, &text, told).await;
    eventually(WAIT, "the proxy says so", async || {
        let log = fs::read_to_string(stack.data("logs/proxy.log")).unwrap_or_default();
        assert!(log.contains("SIGHUP: going on"), "{log}");
        log.contains("going on with the old certificates")
    })
    .await;
    assert!(is_shown(&stack, &new).await);
}

#[tokio::test]
async fn a_jupyterhub_config_py_is_enough() {
    let stack = Stack::builder().python_config().start().await;
    assert!(stack.log().contains("Configuration: jupyterhub_config.py"));
    stack.visitor().login("mal", "x").await;
    stack.api().start_server("mal").await;
}

/// Runs the hub's program in a sandbox until it ends.
async fn run(sandbox: &Sandbox, args: &[&str]) -> e2e::Exit {
    let mut command = sandbox.command(programs::path("hub"));
    command.args(args);
    let name = format!("run-{}", args.join("-").replace('/', "_"));
    sandbox.start(&name, command).wait(WAIT).await
}

#[tokio::test]
async fn check_config_says_whether_the_hub_would_start() {
    let sandbox = Sandbox::new(true);
    sandbox.write(
        "jupyterhub_config.py",
        "c.JupyterHub.authenticator_class = 'dummy'\nc.JupyterHub.spawner_class = 'simple'\n",
    );
    let exit = run(&sandbox, &["check-config"]).await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    for said in [
        "warning: jupyterhub_config.py:1: [JupyterHub] authenticator_class = \"dummy\" lets anybody in",
        "warning: [JupyterHub] bind_url is plain http for the network",
        "Configuration: jupyterhub_config.py: in order, 2 warnings",
    ] {
        assert!(exit.output.contains(said), "{said}: {}", exit.output);
    }
    let made: Vec<_> = fs::read_dir(sandbox.data()).expect("a folder").collect();
    assert_eq!(made.len(), 1, "{made:?}");

    let exit = run(
        &sandbox,
        &["check-config", "--JupyterHub.pid_file=/nowhere/pid"],
    )
    .await;
    assert_eq!(exit.status.code(), Some(64), "{}", exit.output);
    assert!(
        exit.output.contains(
            "error: --JupyterHub.pid_file: [JupyterHub] pid_file /nowhere/pid: its folder"
        ),
        "{}",
        exit.output
    );

    let hook = "def hook(spawner):\n    pass\nc.Spawner.pre_spawn_hook = hook\n";
    sandbox.write("hook.py", hook);
    let exit = run(&sandbox, &["check-config", "-f", "hook.py"]).await;
    assert_eq!(exit.status.code(), Some(64), "{}", exit.output);
    assert!(
        exit.output
            .contains("hook.py:3: [Spawner] pre_spawn_hook is the Python function hook"),
        "{}",
        exit.output
    );
}

#[tokio::test]
async fn a_database_of_jupyterhub_is_recognised_and_left_untouched() {
    let sandbox = Sandbox::new(true);
    let mut python = sandbox.command(peers::python("python3"));
    python.args([
        "-c",
        "from jupyterhub import orm; orm.new_session_factory('sqlite:///jupyterhub.sqlite')().commit()",
    ]);
    let made = sandbox.start("python", python).wait(WAIT).await;
    assert!(made.status.success(), "{}", made.output);
    let file = sandbox.data().join("jupyterhub.sqlite");
    let before = fs::read(&file).expect("JupyterHub made it");
    sandbox.write(
        "jupyterhub_config.py",
        "c.JupyterHub.authenticator_class = 'dummy'\nc.JupyterHub.port = 0\nc.JupyterHub.hub_port = 0\n\
         c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:0'\n",
    );
    let exit = run(&sandbox, &["check-config"]).await;
    assert_eq!(exit.status.code(), Some(64), "{}", exit.output);
    assert!(
        exit.output.contains("belongs to a Python JupyterHub"),
        "{}",
        exit.output
    );
    let exit = run(&sandbox, &[]).await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
    assert!(
        exit.output.contains("belongs to a Python JupyterHub"),
        "{}",
        exit.output
    );
    assert!(exit.output.contains("db_url"), "{}", exit.output);
    let exit = run(&sandbox, &["upgrade-db"]).await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
    assert!(
        exit.output.contains("belongs to a Python JupyterHub"),
        "{}",
        exit.output
    );
    let after = fs::read(&file).expect("it is still there");
    assert!(before == after, "the file has changed");
    for beside in ["-wal", "-shm", ".lock"] {
        let beside = format!("jupyterhub.sqlite{beside}");
        assert!(!sandbox.data().join(&beside).exists(), "{beside}");
    }
}
