//! The proxy as the hub drives it: over its real API, as a real process, and several at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod process;
mod several;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hub::proxy_client::chp::{ChpClient, Endpoint};
use hub::proxy_client::contract;
use hub::proxy_client::sync::RouteSync;
use hub::proxy_client::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use hub_types::names::ServiceName;
use hub_types::secret::Token;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scene::{Scene, TestProxy, addresses, at};

fn route(name: &str) -> Route {
    Route::of_server(&addresses(), &at(name), "http://127.0.0.1:9".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_become_what_the_database_wants() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let client = proxy.client();
    let service = Route::of_service(
        &addresses(),
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
    /// It takes every call and answers none.
    pub(crate) silent: AtomicBool,
    pub(crate) taken: Mutex<Routes>,
}

impl Picky {
    async fn heard(&self) {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

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
        self.heard().await;
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
        self.heard().await;
        self.answers(false)?;
        self.taken.lock().unwrap().remove(routespec);
        Ok(())
    }
    async fn routes(&self) -> Result<Routes, ProxyError> {
        self.heard().await;
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
        &addresses(),
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

#[tokio::test]
async fn a_check_that_is_given_up_leaves_routes_in_doubt() {
    let scene = Scene::new("");
    let proxy = Arc::new(Picky::default());
    let sync = RouteSync::new(scene.db().await, vec![proxy.clone()], addresses(), vec![]);
    sync.check().await.unwrap();
    assert!(!sync.is_dirty());
    proxy.silent.store(true, Ordering::SeqCst);
    sync.mark_dirty();
    let mut given_up = Box::pin(sync.check());
    assert!(futures_util::poll!(&mut given_up).is_pending());
    drop(given_up);
    assert!(sync.is_dirty());
    drop(sync.doubt());
    assert!(sync.is_dirty());
}

#[tokio::test]
async fn a_proxy_that_has_lost_its_routes_is_noticed() {
    let scene = Scene::new("");
    let service = Route::extra("/docs/".into(), "http://127.0.0.1:7".into());
    let proxy = Arc::new(Picky::default());
    let sync = RouteSync::new(
        scene.db().await,
        vec![proxy.clone()],
        addresses(),
        vec![service],
    );
    sync.check().await.unwrap();
    sync.glance().await.unwrap();
    assert!(!sync.is_dirty());
    proxy.taken.lock().unwrap().clear();
    sync.glance().await.unwrap();
    assert!(sync.is_dirty());
    assert_eq!(sync.check().await.unwrap().added, 2);
    proxy.away.store(true, Ordering::SeqCst);
    assert!(sync.glance().await.is_err() && sync.is_dirty());
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

    // Taken, so that nobody else can listen there.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = format!("http://{}", taken.local_addr().unwrap());
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
