//! The proxy as a real process: started, found again, watched, stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hub::config::{BindUrl, Config, LogLevel};
use hub::proxy_client::chp::{ChpClient, Endpoint};
use hub::proxy_client::process::{ProxyDeps, ProxyProcess};
use hub::proxy_client::{ProxyClient as _, Route};
use hub_types::env::{EnvSource as _, ProcessEnv};
use hub_types::secret::Token;
use serde_json::Map;

use super::route;
use crate::scene::{Scene, eventually, is_running, kill, launcher, own_address};

fn process(scene: &Scene, db: hub::db::Db, token: &Token) -> (ProxyProcess, Arc<ChpClient>) {
    process_with(scene, db, token, |_| {})
}

fn process_with(
    scene: &Scene,
    db: hub::db::Db,
    token: &Token,
    change: impl FnOnce(&mut Config),
) -> (ProxyProcess, Arc<ChpClient>) {
    let mut config = Config::default();
    let here = own_address().to_string();
    config.jupyterhub.bind_url = BindUrl::new(here.clone(), 0);
    config.proxy.api_url = BindUrl::new(here, 0).into();
    config.proxy.pid_file = scene.path("proxy.pid");
    change(&mut config);
    let endpoint = Endpoint {
        url: "http://127.0.0.1:0".into(),
        token: token.clone(),
    };
    let client = Arc::new(ChpClient::new(endpoint, Duration::from_secs(5)).unwrap());
    let deps = ProxyDeps {
        db,
        config: Arc::new(config),
        env: Arc::new(BTreeMap::from([
            ("PATH".to_owned(), ProcessEnv.get("PATH").unwrap()),
            (
                "CONFIGPROXY_SSL_KEY_PASSPHRASE".to_owned(),
                "open".to_owned(),
            ),
            ("SECRET_OF_THE_HUB".to_owned(), "s3cret".to_owned()),
        ])),
        client: client.clone(),
        launcher: launcher(),
        data: scene.dir.path().to_owned(),
        error_target: "http://127.0.0.1:8081/hub/error".into(),
    };
    (ProxyProcess::new(deps), client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_process_is_adopted_replaced_and_restarted() {
    let scene = Scene::new("");
    let db = scene.db().await;
    let token = Token::generate();
    let (first, client) = process(&scene, db.clone(), &token);
    let addresses = first.start().await.unwrap();
    let pid = first.pid().unwrap();
    client
        .add(&Route {
            data: Map::new(),
            ..route("kept")
        })
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(scene.path("proxy.pid")).unwrap(),
        pid.to_string()
    );
    drop(first);

    // The next hub finds it, with its routes, also when it wants to know more than the one before.
    let (second, client) = process_with(&scene, db.clone(), &token, |config| {
        config.jupyterhub.log_level = LogLevel::Debug;
    });
    assert_eq!(second.start().await.unwrap(), addresses);
    assert_eq!(second.pid(), Some(pid));
    assert!(
        client
            .routes()
            .await
            .unwrap()
            .contains_key("/user/alice/kept/")
    );
    assert!(!second.check().await.unwrap());

    // Killed, it comes back at the same addresses, empty.
    kill(pid);
    eventually("the proxy is dead", async || {
        (!is_running(pid)).then_some(())
    })
    .await;
    assert!(second.check().await.unwrap());
    assert_eq!(client.endpoint().url, addresses.api);
    assert!(client.routes().await.unwrap().is_empty());
    let pid = second.pid().unwrap();

    // With another token the old one is of no use.
    let (third, client) = process(&scene, db, &Token::generate());
    third.start().await.unwrap();
    assert!(!is_running(pid));
    assert!(client.routes().await.unwrap().is_empty());
    let pid = third.pid().unwrap();
    third.stop().await.unwrap();
    assert!(!is_running(pid) && !scene.path("proxy.pid").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_says_of_the_proxy_takes_effect() {
    let scene = Scene::new("");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (scene.path("cert.pem"), scene.path("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).unwrap();
    let db = scene.db().await;
    let token = Token::generate();
    let (proxy, _) = process_with(&scene, db, &token, |config| {
        config.jupyterhub.ssl_cert = Some(cert.clone());
        config.jupyterhub.ssl_key = Some(key);
        config.proxy.log_level = Some(LogLevel::Error);
        config.proxy.command_umask = 0o027;
    });
    let public = proxy.start().await.unwrap().public;
    let here = own_address();
    assert!(public.starts_with(&format!("https://{here}:")), "{public}");
    let authority = reqwest::Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap();
    let port = public.rsplit(':').next().unwrap();
    let at = (here, port.parse().unwrap()).into();
    let client = reqwest::Client::builder().tls_certs_only([authority]);
    let client = client.resolve("localhost", at);
    let answer = client
        .build()
        .unwrap()
        .get(format!("https://localhost:{port}/"));
    assert_eq!(
        answer.send().await.unwrap().status(),
        404,
        "no route, by TLS"
    );
    let pid = proxy.pid().unwrap();
    let of_process = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
    let arguments = String::from_utf8(of_process("cmdline")).unwrap();
    assert!(arguments.contains("--log-level\0error\0"), "{arguments}");
    let status = String::from_utf8(of_process("status")).unwrap();
    assert!(status.contains("Umask:\t0027"), "{status}");
    let environment = String::from_utf8(of_process("environ")).unwrap();
    for (part, is_there) in [
        ("CONFIGPROXY_SSL_KEY_PASSPHRASE=open", true),
        ("JUPYTERHUB_CLIENT_ID=jupyterhub-proxy-", true),
        ("s3cret", false),
    ] {
        assert_eq!(environment.contains(part), is_there, "{part}");
    }
    proxy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_no_row_tells_of_is_stopped() {
    let (scene, other) = (Scene::new(""), Scene::new(""));
    let token = Token::generate();
    let (first, _) = process(&scene, scene.db().await, &token);
    first.start().await.unwrap();
    let pid = first.pid().unwrap();
    drop(first);
    // The database is gone; the pid file is there.
    let (second, _) = process(&scene, other.db().await, &token);
    second.start().await.unwrap();
    assert!(!is_running(pid));
    // A file that names somebody else does no harm.
    second.stop().await.unwrap();
    std::fs::write(scene.path("proxy.pid"), std::process::id().to_string()).unwrap();
    second.start().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_drives_another_proxy_leaves_its_own_alone() {
    let scene = Scene::new("");
    let token = Token::generate();
    let (proxy, client) = process(&scene, scene.db().await, &token);
    let addresses = proxy.start().await.unwrap();
    let pid = proxy.pid().unwrap();
    let elsewhere = "http://127.0.0.1:1".to_owned();
    client.move_to(Some(elsewhere.clone()), Some(Token::generate()));
    kill(pid);
    eventually("the proxy is dead", async || {
        (!is_running(pid)).then_some(())
    })
    .await;
    assert!(!proxy.check().await.unwrap());
    assert_eq!(client.endpoint().url, elsewhere);
    // Back again it is started, with the token that it had.
    client.move_to(Some(addresses.api), None);
    assert!(proxy.check().await.unwrap());
    assert_eq!(client.endpoint().token.expose(), token.expose());
    proxy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_proxy_is_not_started_where_something_listens() {
    let scene = Scene::new("");
    let listener = std::net::TcpListener::bind((own_address(), 0)).unwrap();
    let taken = listener.local_addr().unwrap();
    let (proxy, _) = process_with(&scene, scene.db().await, &Token::generate(), |config| {
        config.proxy.command = Some(vec!["false".to_owned()]);
        config.jupyterhub.bind_url = BindUrl::new(taken.ip().to_string(), taken.port());
    });
    let error = proxy.start().await.unwrap_err().to_string();
    assert!(error.contains(&taken.to_string()), "{error}");
}
