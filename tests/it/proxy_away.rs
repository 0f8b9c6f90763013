//! A proxy whose API refuses, or takes every call and answers none, while routes change and are lost: security case 98.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::{Stack, eventually};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::chp::{External, SECONDS, config, run_by_others};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Open,
    Refusing,
    /// What is asked now is never answered, not even when the gate is open again.
    Silent,
}

/// Stands before the proxy's API.
struct Gate {
    port: u16,
    mode: watch::Sender<Mode>,
}

impl Gate {
    async fn before(api: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (mode, seen) = watch::channel(Mode::Open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, api, seen.clone()));
            }
        });
        Self { port, mode }
    }

    fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn pass(mut here: TcpStream, api: u16, mut mode: watch::Receiver<Mode>) {
    let now = *mode.borrow_and_update();
    if now == Mode::Open {
        let Ok(mut there) = TcpStream::connect(("127.0.0.1", api)).await else {
            return;
        };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut here, &mut there) => return,
            _ = mode.changed() => {}
        }
    }
    let now = *mode.borrow_and_update();
    if now == Mode::Silent {
        let _ = tokio::io::copy(&mut here, &mut tokio::io::sink()).await;
    }
}

struct Scene {
    proxy: External,
    gate: Gate,
    stack: Stack,
}

impl Scene {
    async fn set() -> Self {
        let proxy = External::start().await;
        let gate = Gate::before(proxy.api).await;
        let stack = Stack::builder()
            .config(&config())
            .config(&run_by_others(&[gate.port]))
            .config(&format!(
                "[JupyterHub]\nbind_url = 'http://127.0.0.1:{}/'",
                proxy.public
            ))
            .start()
            .await;
        Self { proxy, gate, stack }
    }

    async fn paths(&self) -> Vec<String> {
        let routes = self.proxy.routes().await;
        let routes = routes.as_object().expect("a table");
        routes.keys().cloned().collect()
    }

    /// One outage: a route is lost, another one is there that nobody wants, a server stops, and one starts near the end.
    /// How long it took after it until the routes were right.
    async fn outage(&self, mode: Mode, length: Duration) -> Duration {
        let api = self.stack.api();
        for user in ["mal", "zoe"] {
            api.start_server(user).await;
        }
        api.ensure_user("ned").await;
        self.gate.set(mode);
        let begin = Instant::now();
        let proxy = self.proxy.api_client();
        proxy.delete("/api/routes/user/mal").await.expect(204);
        let stale = json!({
            "target": "http://127.0.0.1:9", "jupyterhub": true, "user": "ghost", "server_name": ""
        });
        proxy
            .post("/api/routes/user/ghost", &stale)
            .await
            .expect(201);
        // Whoever asks for a stop or a start waits a while for the proxy.
        let other = self.stack.api();
        let stopping = tokio::spawn(async move { other.delete("/users/zoe/server").await });
        // A start waits for the proxy, but not for ever.
        let late = length.saturating_sub(Duration::from_secs(10));
        self.wait_until(begin, late).await;
        let other = self.stack.api();
        let starting =
            tokio::spawn(async move { other.post("/users/ned/server", &json!({})).await });
        self.wait_until(begin, length).await;

        self.gate.set(Mode::Open);
        let begin = Instant::now();
        eventually(SECONDS, "the routes are as they should be", async || {
            self.paths().await == ["/", "/user/mal", "/user/ned"]
        })
        .await;
        let took = begin.elapsed();
        let stopped = stopping.await.expect("an answer");
        assert!([202, 204].contains(&stopped.status), "{stopped:#?}");
        let started = starting.await.expect("an answer");
        assert!([201, 202].contains(&started.status), "{started:#?}");
        api.ready_server("ned").await;
        assert_eq!(api.server("zoe").await, None);
        assert_eq!(self.paths().await.len(), 3, "it was kept");
        for user in ["mal", "ned"] {
            api.stop_server(user).await;
        }
        took
    }

    /// The hub answers meanwhile. Once it has noticed it says that it is not ready, and goes on saying so.
    async fn wait_until(&self, begin: Instant, length: Duration) {
        let client = self.stack.client();
        let noticed = AtomicBool::new(false);
        eventually(length + SECONDS, "the time is over", async || {
            client.get("/hub/health").await.expect(200);
            let ready = client.get("/hub/health?ready").await.status;
            if noticed.load(Ordering::Relaxed) {
                assert_eq!(ready, 503, "{:?}", begin.elapsed());
            }
            noticed.store(ready == 503, Ordering::Relaxed);
            begin.elapsed() >= length
        })
        .await;
    }
}

async fn both_ways(length: Duration) -> Vec<(Mode, Duration)> {
    let scene = Scene::set().await;
    let mut took = Vec::new();
    for mode in [Mode::Refusing, Mode::Silent] {
        took.push((mode, scene.outage(mode, length).await));
    }
    let health = scene.stack.client();
    eventually(SECONDS, "the hub is ready", async || {
        health.get("/hub/health?ready").await.status == 200
    })
    .await;
    let root: Value = scene.proxy.routes().await["/"].clone();
    assert!(root["target"].is_string(), "{root}");
    took
}

#[tokio::test]
async fn case_98_an_api_that_is_away_for_some_seconds() {
    both_ways(Duration::from_secs(3)).await;
}

/// Longer than a call is tried.
#[tokio::test]
#[ignore = "takes two and a half minutes: tests/run --slow"]
async fn case_98_an_api_that_is_away_for_a_minute() {
    for (mode, took) in both_ways(Duration::from_secs(60)).await {
        println!("case 98: {mode:?}: the routes were right after {took:?}");
        assert!(took < Duration::from_secs(5), "{mode:?}: {took:?}");
    }
}
