//! The proxy as the hub drives it: over its real API, as a real process, and several at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hub::config::{BindUrl, Config, LogLevel};
use hub::proxy_client::chp::{ChpClient, Endpoint};
use hub::proxy_client::contract;
use hub::proxy_client::process::{ProxyDeps, ProxyProcess};
use hub::proxy_client::several::Several;
use hub::proxy_client::sync::RouteSync;
use hub::proxy_client::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use hub_types::env::{EnvSource as _, ProcessEnv};
use hub_types::names::ServiceName;
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;
use serde_json::{Map, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scene::{Scene, TestProxy, addresses, at, eventually, is_running, kill, launcher};

fn route(name: &str) -> Route {
    Route::of_server(&BaseUrl::default(), &at(name), "http://127.0.0.1:9".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_become_what_the_database_wants() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let client = proxy.client();
    let service = Route::of_service(
        &BaseUrl::default(),
        &ServiceName::stored("whoami"),
        "http://127.0.0.1:7",
    );
    let sync = RouteSync::new(
        scene.db().await,
        vec![client.clone()],
        addresses(),
        vec![service],
    );
    client.add(&route("stale one")).await.unwrap();
    let foreign = reqwest::Client::builder().build().unwrap();
    let authorization = format!("token {}", proxy.endpoint.token.expose());
    foreign
        .post(format!("{}/api/routes/foreign", proxy.endpoint.url))
        .header("authorization", &authorization)
        .json(&json!({"target": "http://127.0.0.1:5"}))
        .send()
        .await
        .unwrap();

    let checked = sync.check().await.unwrap();
    assert_eq!((checked.added, checked.deleted), (2, 1));
    let routes = client.routes().await.unwrap();
    assert_eq!(
        routes.keys().collect::<Vec<_>>(),
        ["/", "/services/whoami/"]
    );
    let foreign = foreign
        .get(format!("{}/api/routes/foreign", proxy.endpoint.url))
        .header("authorization", authorization)
        .send();
    assert_eq!(foreign.await.unwrap().status(), 200, "not ours: left alone");
    let checked = sync.check().await.unwrap();
    assert_eq!((checked.added, checked.deleted), (0, 0));
    client.delete("/no/such/route/").await.unwrap();
    assert!(
        client
            .last_activity("/services/whoami/")
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        client
            .last_activity("/no/such/route/")
            .await
            .unwrap()
            .is_none()
    );
}

/// A proxy that refuses one route and takes the others, or does not answer.
#[derive(Debug, Default)]
pub(crate) struct Picky {
    pub(crate) refusing: AtomicBool,
    pub(crate) away: AtomicBool,
    pub(crate) taken: Mutex<Routes>,
}

impl Picky {
    fn answers(&self, refused: bool) -> Result<(), ProxyError> {
        let url = "http://picky".to_owned();
        if self.away.load(Ordering::SeqCst) {
            let why = "it is away".to_owned();
            return Err(ProxyError::Unreachable { url, why });
        }
        match refused && self.refusing.load(Ordering::SeqCst) {
            true => Err(ProxyError::Refused {
                url,
                status: 400,
                what: "POST /api/routes/".into(),
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl ProxyClient for Picky {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        self.answers(route.routespec == "/")?;
        let known = KnownRoute {
            route: route.clone(),
            last_activity: None,
        };
        let mut taken = self.taken.lock().unwrap();
        taken.insert(route.routespec.clone(), known);
        Ok(())
    }
    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        self.answers(false)?;
        self.taken.lock().unwrap().remove(routespec);
        Ok(())
    }
    async fn routes(&self) -> Result<Routes, ProxyError> {
        self.answers(false)?;
        Ok(self.taken.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn a_route_that_is_refused_holds_up_nothing_and_is_tried_again() {
    let scene = Scene::new("");
    let used: chrono::DateTime<chrono::Utc> = "2026-11-22T03:26:01Z".parse().unwrap();
    let proxy = Arc::new(Picky::default());
    proxy.add(&route("gpu")).await.unwrap();
    for known in proxy.taken.lock().unwrap().values_mut() {
        known.last_activity = Some(used);
    }
    proxy.refusing.store(true, Ordering::SeqCst);
    let service = Route::of_service(
        &BaseUrl::default(),
        &ServiceName::stored("whoami"),
        "http://127.0.0.1:7",
    );
    let sync = RouteSync::new(
        scene.db().await,
        vec![proxy.clone()],
        addresses(),
        vec![service],
    );
    assert!(sync.is_dirty(), "nothing has been checked yet");
    let checked = sync.check().await.unwrap();
    assert_eq!(checked.activity, [(at("gpu"), used)].into());
    assert_eq!((checked.added, checked.deleted), (1, 1));
    assert!(checked.failed.unwrap().to_string().contains("400"));
    assert!(sync.is_dirty());

    proxy.refusing.store(false, Ordering::SeqCst);
    let checked = sync.check().await.unwrap();
    assert!(checked.added == 1 && checked.failed.is_none() && !sync.is_dirty());
    sync.mark_dirty();
    assert!(sync.is_dirty());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_which_proxy_and_what_to_do() {
    let proxy = TestProxy::start().await;
    let wrong = Endpoint {
        token: Token::generate(),
        ..proxy.endpoint.clone()
    };
    let client = ChpClient::new(wrong, Duration::from_secs(5)).unwrap();
    let error = client.routes().await.unwrap_err();
    assert!(
        matches!(error, ProxyError::Forbidden { .. })
            && error.to_string().contains("CONFIGPROXY_AUTH_TOKEN")
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = ChpClient::new(
        Endpoint {
            url: nobody.clone(),
            ..proxy.endpoint.clone()
        },
        Duration::ZERO,
    )
    .unwrap();
    let error = client.add(&route("")).await.unwrap_err().to_string();
    assert!(
        error.contains(&nobody) && error.contains("api_url"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_stumbles_is_asked_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stumbling = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in ["HTTP/1.1 503 Busy", "", "HTTP/1.1 201 Created"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.unwrap();
            requests.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
            if !answer.is_empty() {
                let reply = format!("{answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        }
        requests
    });
    let client = ChpClient::new(
        Endpoint {
            url,
            token: Token::from_config("t0"),
        },
        Duration::from_secs(20),
    )
    .unwrap();
    client.add(&route("")).await.unwrap();
    let requests = stumbling.await.unwrap();
    assert!(
        requests[2].starts_with("POST /api/routes/user/alice HTTP/1.1"),
        "{requests:?}"
    );
    assert!(
        requests[2]
            .to_lowercase()
            .contains("authorization: token t0"),
        "{requests:?}"
    );
}

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
    config.jupyterhub.bind_url = BindUrl::new("127.0.0.1", 0);
    config.proxy.api_url = BindUrl::new("127.0.0.1", 0).into();
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
        env: Arc::new(BTreeMap::from([(
            "PATH".to_owned(),
            ProcessEnv.get("PATH").unwrap(),
        )])),
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

    // The next hub finds it, with its routes.
    let (second, client) = process(&scene, db.clone(), &token);
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
async fn our_own_proxy_keeps_the_contract() {
    let proxy = TestProxy::start().await;
    let broken = contract::check(&*proxy.client(), &proxy.public).await;
    assert_eq!(broken, []);
}

/// A proxy that forwards nothing and forgets what it is told to keep.
#[tokio::test]
async fn the_contract_tells_who_breaks_it() {
    let broken = contract::check(&Picky::default(), "http://127.0.0.1:9").await;
    let clauses: Vec<_> = broken.iter().map(|broken| broken.clause).collect();
    assert_eq!(clauses.len(), 8, "{broken:#?}");
    assert!(!clauses.contains(&"a route comes back as it was given"));
}

async fn several() -> (Scene, [Arc<Picky>; 2], RouteSync, Several) {
    let scene = Scene::new("");
    let both = [Arc::new(Picky::default()), Arc::new(Picky::default())];
    let clients: Vec<Arc<dyn ProxyClient>> = vec![both[0].clone(), both[1].clone()];
    let sync = RouteSync::new(scene.db().await, clients.clone(), addresses(), vec![]);
    let as_one = Several::new(clients, sync.clone(), Duration::ZERO);
    (scene, both, sync, as_one)
}

#[tokio::test]
async fn several_proxies_get_the_same_routes() {
    let (_scene, [one, two], sync, as_one) = several().await;
    let checked = sync.check().await.unwrap();
    assert_eq!((checked.added, sync.is_dirty()), (2, false));
    as_one.add(&route("gpu")).await.unwrap();
    for proxy in [&one, &two] {
        let routes = proxy.routes().await.unwrap();
        assert_eq!(routes.keys().collect::<Vec<_>>(), ["/", "/user/alice/gpu/"]);
    }
    let times = ["2026-11-22T03:26:01Z", "2026-11-22T03:27:02Z"].map(|time| time.parse().unwrap());
    for (proxy, time) in [(&one, times[1]), (&two, times[0])] {
        let mut taken = proxy.taken.lock().unwrap();
        taken.get_mut("/user/alice/gpu/").unwrap().last_activity = Some(time);
    }
    let latest = as_one.last_activity("/user/alice/gpu/").await.unwrap();
    assert_eq!(latest, Some(times[1]));
    let listed = as_one.routes().await.unwrap();
    assert_eq!(listed["/user/alice/gpu/"].last_activity, latest);
    assert!(!sync.is_dirty(), "nobody missed anything");
    as_one.delete("/user/alice/gpu/").await.unwrap();
    assert_eq!(two.routes().await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_of_several_that_is_away_holds_up_nothing_and_catches_up() {
    let (_scene, [one, two], sync, as_one) = several().await;
    sync.check().await.unwrap();
    two.away.store(true, Ordering::SeqCst);
    let gpu = Route::extra("/extra/".into(), "http://127.0.0.1:9".into());
    as_one.add(&gpu).await.unwrap();
    assert!(sync.is_dirty(), "one has missed it");
    assert_eq!(as_one.routes().await.unwrap().len(), 2);
    let checked = sync.check().await.unwrap();
    assert!(checked.failed.unwrap().to_string().contains("away"));
    assert!(sync.is_dirty());
    assert!(
        as_one.last_activity("/").await.is_err(),
        "who is away may know of later use"
    );

    two.away.store(false, Ordering::SeqCst);
    sync.check().await.unwrap();
    assert!(!sync.is_dirty());
    assert_eq!(*one.taken.lock().unwrap(), *two.taken.lock().unwrap());

    for proxy in [&one, &two] {
        proxy.away.store(true, Ordering::SeqCst);
    }
    assert!(as_one.add(&gpu).await.is_err(), "nobody has it");
    assert!(sync.check().await.is_err());
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
    assert!(public.starts_with("https://127.0.0.1:"), "{public}");
    let authority = reqwest::Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]);
    let port = public.rsplit(':').next().unwrap();
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
    proxy.stop().await.unwrap();
}
