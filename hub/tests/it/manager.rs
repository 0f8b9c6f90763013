//! The life of servers, with real processes and a real proxy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use hub::db;
use hub::domain::lifecycle::{LEASE, ServerState};
use hub::domain::server::Server;
use hub::proxy_client::ProxyClient as _;
use hub::spawner::manager::{
    HubProcess, Manager, StartError, StartOutcome, StartRequest, StopError, StopOutcome,
    StopRequest,
};
use hub::spawner::{Placed, Poll, SpawnError, Spawner, StartContext};
use hub_types::clock::{Clock as _, FakeClock, SystemClock};
use hub_types::progress::ProgressEvent;
use hub_types::secret::Token;
use serde_json::Value;

use crate::scene::{
    Scene, TestProxy, alive, at, eventually, is_running, kill, may_start, may_stop, record, row,
};

const LONG: Duration = Duration::from_secs(30);

async fn start(manager: &Manager) -> Result<StartOutcome, StartError> {
    manager
        .start(may_start(at("")), StartRequest::default(), LONG)
        .await
}

async fn start_and_leave(manager: &Manager) {
    let outcome = manager
        .start(may_start(at("")), StartRequest::default(), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(outcome, StartOutcome::Pending);
}

async fn stop(manager: &Manager) -> Result<StopOutcome, StopError> {
    manager
        .stop(may_stop(at("")), StopRequest::default(), LONG)
        .await
}

async fn placed(manager: &Manager) -> Server {
    eventually("the process is recorded", async || {
        row(manager, "")
            .await
            .filter(|server| server.spawner_state.is_some())
    })
    .await
}

async fn in_state(manager: &Manager, state: ServerState) -> Server {
    eventually("the server is in that state", async || {
        row(manager, "").await.filter(|s| s.state == state)
    })
    .await
}

async fn progress(manager: &Manager, server: &Server) -> Vec<ProgressEvent> {
    manager.progress(server.id).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_started_routed_and_stopped() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let client = proxy.client();
    let manager = scene.hub("one", &client, Arc::new(SystemClock)).await;

    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    let server = row(&manager, "").await.unwrap();
    assert_eq!(
        (server.state, server.lease.clone()),
        (ServerState::Ready, None)
    );
    assert!(alive(&server) && server.started.is_some());

    let http = reqwest::Client::builder().build().unwrap();
    let env: Value = http
        .get(format!("{}/user/alice/env", proxy.public))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(env["JUPYTERHUB_SERVICE_PREFIX"], "/user/alice/");
    assert_eq!(env["JUPYTERHUB_API_URL"], "http://127.0.0.1:8081/hub/api");
    assert_eq!(
        (env["USER"].as_str(), env["SHELL"].as_str()),
        (Some("alice"), Some("/bin/bash"))
    );
    assert_eq!(env.get("HUB_SECRET_SENTINEL"), None);

    let secret = Token::parse(env["JUPYTERHUB_API_TOKEN"].as_str().unwrap())
        .unwrap()
        .hash();
    let token = db::tokens::find(manager.db.read(), secret)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (token.server_id, token.note.as_str()),
        (Some(server.id), "Server at /user/alice/")
    );
    let oauth = db::oauth::find_client(manager.db.read(), "jupyterhub-user-alice")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (oauth.secret_hash, oauth.redirect_uri.as_str()),
        (Some(secret), "/user/alice/oauth_callback")
    );

    let again = start(&manager).await.unwrap_err();
    assert_eq!(
        (again.status(), again.to_string().as_str()),
        (400, "alice is already running")
    );
    let only_ready = progress(&manager, &server).await;
    assert_eq!(
        (only_ready.len(), only_ready[0].url.as_deref()),
        (1, Some("/user/alice/"))
    );

    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    let stopped = row(&manager, "").await.unwrap();
    assert_eq!(
        (stopped.state, stopped.started, stopped.target),
        (ServerState::Stopped, None, None)
    );
    assert!(!alive(&server));
    assert_eq!(scene.running(), 0);
    assert!(
        db::tokens::find(manager.db.read(), secret)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        db::oauth::find_client(manager.db.read(), "jupyterhub-user-alice")
            .await
            .unwrap()
            .is_none()
    );
    assert!(!client.routes().await.unwrap().contains_key("/user/alice/"));
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    assert!(progress(&manager, &server).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_tells_the_whole_start_to_whoever_comes_late() {
    let scene = Scene::new("gate");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start_and_leave(&manager).await;
    let server = placed(&manager).await;
    let mut early = std::pin::pin!(manager.progress(server.id));
    assert_eq!(early.next().await.unwrap().message, "Server requested");
    assert_eq!(early.next().await.unwrap().progress, 50);
    std::fs::write(scene.path("gate"), "").unwrap();
    let last = early.next().await.unwrap();
    assert!(last.ready && early.next().await.is_none());
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_start_one_process() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let mut hubs = Vec::new();
    for id in ["one", "two", "three"] {
        hubs.push(scene.hub(id, &proxy.client(), Arc::new(SystemClock)).await);
    }
    let attempts = hubs.iter().flat_map(|hub| [start(hub), start(hub)]);
    for outcome in futures_util::future::join_all(attempts).await {
        // Somebody who comes when it is ready already is told so.
        assert!(
            matches!(
                outcome,
                Ok(StartOutcome::Ready) | Err(StartError::Refused { .. })
            ),
            "{outcome:?}"
        );
    }
    assert_eq!(scene.starts().len(), 1);
    assert_eq!(stop(&hubs[2]).await.unwrap(), StopOutcome::Stopped);
    assert_eq!(scene.running(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_shows_the_last_words_and_leaves_nothing() {
    let scene = Scene::new("exit");
    let proxy = TestProxy::start().await;
    let client = proxy.client();
    let manager = scene.hub("one", &client, Arc::new(SystemClock)).await;
    let error = start(&manager).await.unwrap_err();
    let StartError::Failed(failure) = &error else {
        panic!("{error}")
    };
    assert!(
        failure.message.contains("exited with code 3"),
        "{failure:?}"
    );
    assert_eq!(failure.output, ["last words: no kernel", "first words"]);
    assert_eq!(error.status(), 500);

    let server = row(&manager, "").await.unwrap();
    assert_eq!(
        (
            server.state,
            server.spawner_state.clone(),
            server.lease.clone()
        ),
        (ServerState::Stopped, None, None)
    );
    assert_eq!(server.last_failure.as_ref(), Some(failure));
    let events = progress(&manager, &server).await;
    assert!(
        events.len() == 1 && events[0].failed && events[0].message.starts_with("Spawn failed: "),
        "{events:?}"
    );
    assert!(
        db::oauth::find_client(manager.db.read(), "jupyterhub-user-alice")
            .await
            .unwrap()
            .is_none()
    );
    assert!(!client.routes().await.unwrap().contains_key("/user/alice/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_names_what_to_change() {
    let proxy = TestProxy::start().await;
    let mut scene = Scene::new("silent");
    scene.config.spawner.http_timeout = Duration::from_millis(300);
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let error = start(&manager).await.unwrap_err().to_string();
    assert!(
        error.contains("Spawner.http_timeout") && error.contains("/user/alice/api"),
        "{error}"
    );
    assert_eq!(scene.running(), 0);

    scene.config.spawner.cmd = vec!["no-such-singleuser".into()];
    let manager = scene
        .hub("two", &proxy.client(), Arc::new(SystemClock))
        .await;
    let error = start(&manager).await.unwrap_err().to_string();
    assert!(
        error.contains("\"no-such-singleuser\" not found") && error.contains("Spawner.cmd"),
        "{error}"
    );
    assert_eq!(row(&manager, "").await.unwrap().state, ServerState::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cancels_a_start_from_any_hub() {
    let scene = Scene::new("silent");
    let proxy = TestProxy::start().await;
    let starter = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let stopper = scene
        .hub("two", &proxy.client(), Arc::new(SystemClock))
        .await;
    for hub in [&starter, &stopper] {
        let waiting = tokio::spawn({
            let hub = starter.clone();
            async move { start(&hub).await }
        });
        let server = placed(&starter).await;
        assert!(alive(&server));
        assert_eq!(stop(hub).await.unwrap(), StopOutcome::Stopped);
        assert!(!alive(&server));
        let outcome = waiting.await.unwrap();
        assert!(matches!(outcome, Err(StartError::Failed(_))), "{outcome:?}");
        starter.idle().await;
        let server = row(&starter, "").await.unwrap();
        assert_eq!((server.state, server.lease), (ServerState::Stopped, None));
    }
    assert_eq!(scene.running(), 0);
}

/// Runs `hub` in a runtime of its own, which then ends as if the process were killed: no task goes on.
fn crashed<T>(hub: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let result = runtime.block_on(hub);
    runtime.shutdown_background();
    result
}

#[test]
fn servers_outlive_a_hub_that_crashes() {
    let scene = Scene::new("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let before = crashed(async {
        let manager = scene
            .hub("first", &proxy.client(), Arc::new(SystemClock))
            .await;
        assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
        row(&manager, "").await.unwrap()
    });
    runtime.block_on(async {
        let manager = scene
            .hub("second", &proxy.client(), Arc::new(SystemClock))
            .await;
        manager.adopt_all().await.unwrap();
        assert_eq!(manager.poll_servers().await.unwrap(), 0);
        let after = row(&manager, "").await.unwrap();
        assert_eq!(after, before);
        assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
        assert_eq!((scene.starts().len(), scene.running()), (1, 0));
    });
}

#[test]
fn a_start_goes_on_after_the_hub_crashed() {
    let scene = Scene::new("gate");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let here = HubProcess::of_this().unwrap();
    // A process that was once, on this machine.
    let mut dead = here.clone();
    dead.record.start_ticks += 1;
    let server = crashed(async {
        let manager = scene
            .hub("first", &proxy.client(), Arc::new(SystemClock))
            .await;
        manager.heartbeat(&dead).await.unwrap();
        start_and_leave(&manager).await;
        placed(&manager).await
    });
    std::fs::write(scene.path("gate"), "").unwrap();
    runtime.block_on(async {
        let manager = scene
            .hub("second", &proxy.client(), Arc::new(SystemClock))
            .await;
        manager.heartbeat(&here).await.unwrap();
        manager.adopt_all().await.unwrap();
        assert_eq!(
            row(&manager, "").await.unwrap().lease.unwrap().owner,
            "first",
            "a lease that holds is respected"
        );
        assert_eq!(manager.bury_dead_hubs(&here).await.unwrap(), 1);
        manager.adopt_all().await.unwrap();
        let ready = in_state(&manager, ServerState::Ready).await;
        assert_eq!(record(&ready), record(&server));
        let events = db::events::since(manager.db.read(), ready.id, 1, 0)
            .await
            .unwrap();
        assert_eq!(
            events
                .iter()
                .map(|(_, event)| event.progress)
                .collect::<Vec<_>>(),
            [0, 50, 100]
        );
        assert!(
            manager
                .proxy
                .routes()
                .await
                .unwrap()
                .contains_key("/user/alice/")
        );
        assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
        assert_eq!((scene.starts().len(), scene.running()), (1, 0));
    });
}

#[tokio::test]
async fn hubs_of_other_machines_are_forgotten_after_an_hour() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let clock = FakeClock::at(SystemClock.now());
    let here = HubProcess::of_this().unwrap();
    let elsewhere = HubProcess {
        host: "elsewhere".to_owned(),
        ..here.clone()
    };
    let client = proxy.client();
    let other = scene.hub("other", &client, Arc::new(clock.clone())).await;
    other.heartbeat(&elsewhere).await.unwrap();
    let own = scene.hub("own", &client, Arc::new(clock.clone())).await;
    own.heartbeat(&here).await.unwrap();
    assert_eq!(own.bury_dead_hubs(&here).await.unwrap(), 0);
    clock.advance(TimeDelta::minutes(60));
    assert_eq!(own.bury_dead_hubs(&here).await.unwrap(), 0);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(own.bury_dead_hubs(&here).await.unwrap(), 1);
    let left = db::hubs::list(own.db.read()).await.unwrap();
    let left: Vec<_> = left.iter().map(|hub| hub.id.as_str()).collect();
    assert_eq!(left, ["own"]);
    // It was only asleep: it comes back.
    other.heartbeat(&elsewhere).await.unwrap();
    assert_eq!(own.bury_dead_hubs(&here).await.unwrap(), 0);
    assert_eq!(db::hubs::list(own.db.read()).await.unwrap().len(), 2);
}

#[test]
fn a_stop_goes_on_after_the_hub_crashed() {
    let scene = Scene::new("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let clock = FakeClock::at(SystemClock.now());
    crashed(async {
        let manager = scene
            .hub("first", &proxy.client(), Arc::new(clock.clone()))
            .await;
        assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    });
    crashed(async {
        let stuck = Arc::new(Stuck);
        let manager = scene
            .hub_with("second", proxy.client(), Arc::new(clock.clone()), stuck)
            .await;
        let outcome = manager
            .stop(may_stop(at("")), StopRequest::default(), Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(outcome, StopOutcome::Pending);
    });
    clock.advance(LEASE);
    runtime.block_on(async {
        let manager = scene
            .hub("third", &proxy.client(), Arc::new(clock.clone()))
            .await;
        assert_eq!(scene.running(), 1);
        manager.adopt_all().await.unwrap();
        in_state(&manager, ServerState::Stopped).await;
        assert_eq!(scene.running(), 0);
    });
}

/// A spawner whose every step takes for ever.
#[derive(Debug)]
struct Stuck;

#[async_trait]
impl Spawner for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }
    async fn start(&self, _: StartContext<'_>) -> Result<(), SpawnError> {
        std::future::pending().await
    }
    async fn poll(&self, _: &Value) -> Poll {
        Poll::Running
    }
    async fn wait(&self, _: &Value) -> String {
        std::future::pending().await
    }
    async fn stop(&self, _: &Value, _: bool) -> Result<(), SpawnError> {
        std::future::pending().await
    }
    async fn output_tail(&self, _: &Value, _: usize) -> Vec<String> {
        Vec::new()
    }
}

/// A spawner whose servers never answer, and cannot be stopped before they are let go.
#[derive(Debug, Default)]
struct Clinging {
    let_go: AtomicBool,
}

#[async_trait]
impl Spawner for Clinging {
    fn name(&self) -> &'static str {
        "clinging"
    }
    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let placed = Placed {
            state: serde_json::json!({"pid": 1}),
            target: "http://127.0.0.1:9".into(),
        };
        Ok(context.commit.commit(&placed).await?)
    }
    async fn poll(&self, _: &Value) -> Poll {
        Poll::Exited("is half gone".into())
    }
    async fn wait(&self, _: &Value) -> String {
        "ended".into()
    }
    async fn stop(&self, _: &Value, _: bool) -> Result<(), SpawnError> {
        if self.let_go.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(SpawnError::Failed("it hangs in a file system".into()))
    }
    async fn output_tail(&self, _: &Value, _: usize) -> Vec<String> {
        Vec::new()
    }
}

/// A failed server of which something is left: known, and stopped again later.
async fn left_behind(manager: &Manager, spawner: &Clinging, why: &str) {
    let server = row(manager, "").await.unwrap();
    assert_eq!(
        (server.state, server.lease.clone()),
        (ServerState::Stopping, None)
    );
    assert!(server.spawner_state.is_some());
    let failure = server.last_failure.unwrap();
    assert!(failure.message.contains(why), "{failure:?}");
    let refused = start(manager).await.unwrap_err();
    assert_eq!(refused.to_string(), "alice is pending stop");
    let client = || db::oauth::find_client(manager.db.read(), "jupyterhub-user-alice");
    assert!(client().await.unwrap().is_some());

    manager.adopt_all().await.unwrap();
    manager.idle().await;
    assert!(row(manager, "").await.unwrap().spawner_state.is_some());
    spawner.let_go.store(true, Ordering::SeqCst);
    manager.adopt_all().await.unwrap();
    let stopped = in_state(manager, ServerState::Stopped).await;
    assert_eq!(stopped.spawner_state, None);
    assert!(stopped.last_failure.unwrap().message.contains(why));
    assert!(client().await.unwrap().is_none());
    spawner.let_go.store(false, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stopped_is_not_forgotten() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let spawner = Arc::new(Clinging::default());
    let manager = scene
        .hub_with(
            "one",
            proxy.client(),
            Arc::new(SystemClock),
            spawner.clone(),
        )
        .await;
    assert_eq!(start(&manager).await.unwrap_err().status(), 500);
    left_behind(&manager, &spawner, "before it answered").await;

    let runs = db::ServerChange {
        state: Some(ServerState::Ready),
        spawner_state: Some(Some(serde_json::json!({"pid": 1}))),
        ..db::ServerChange::default()
    };
    assert_eq!(start(&manager).await.unwrap_err().status(), 500);
    let server = row(&manager, "").await.unwrap();
    let tx = manager.db.write().await.unwrap();
    db::servers::step(&tx, server.id, server.epoch, &runs)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(manager.poll_servers().await.unwrap(), 1);
    left_behind(&manager, &spawner, "is half gone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_during_a_stop_waits_for_it() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let spawner = Arc::new(Clinging::default());
    let manager = scene
        .hub_with(
            "one",
            proxy.client(),
            Arc::new(SystemClock),
            spawner.clone(),
        )
        .await;
    let started = manager
        .start(may_start(at("gpu")), StartRequest::default(), LONG)
        .await;
    assert!(started.is_err());
    let remove = StopRequest {
        remove: true,
        ..StopRequest::default()
    };
    let outcome = manager
        .stop(may_stop(at("gpu")), remove, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(outcome, StopOutcome::Pending);
    spawner.let_go.store(true, Ordering::SeqCst);
    manager.adopt_all().await.unwrap();
    eventually("the server is removed", async || {
        row(&manager, "gpu").await.is_none().then_some(())
    })
    .await;
}

async fn cull(
    manager: &Manager,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<StopOutcome, StopError> {
    let request = StopRequest {
        unless_active_since: Some(since),
        ..StopRequest::default()
    };
    manager.stop(may_stop(at("")), request, LONG).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_refused_leaves_the_start_alone() {
    let scene = Scene::new("gate");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start_and_leave(&manager).await;
    let server = placed(&manager).await;
    let before = SystemClock.now() - TimeDelta::hours(1);
    assert_eq!(cull(&manager, before).await.unwrap_err().status(), 412);
    // It is still worked on: nobody begins a second time.
    manager.adopt_all().await.unwrap();
    assert_eq!(row(&manager, "").await.unwrap().epoch, server.epoch);
    std::fs::write(scene.path("gate"), "").unwrap();
    let ready = in_state(&manager, ServerState::Ready).await;
    assert_eq!(record(&ready), record(&server));
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_proxys_word_a_culler_stops_nothing() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start(&manager).await.unwrap();
    let before = SystemClock.now() - TimeDelta::hours(1);
    assert_eq!(cull(&manager, before).await.unwrap_err().status(), 412);
    drop(proxy);
    eventually("the proxy is gone", async || {
        let refused = cull(&manager, before).await.unwrap_err();
        (refused.status() == 503).then_some(())
    })
    .await;
    assert_eq!(
        cull(&manager, SystemClock.now())
            .await
            .unwrap_err()
            .status(),
        503
    );
    assert_eq!((scene.running(), manager.take_route_left()), (1, false));
    // A stop without a condition needs no proxy; its route is looked at later.
    manager.hurry();
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    assert_eq!((scene.running(), manager.take_route_left()), (0, true));
}

#[test]
fn a_start_without_a_process_has_failed_when_the_hub_crashed() {
    let scene = Scene::new("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let clock = FakeClock::at(SystemClock.now());
    crashed(async {
        let manager = scene
            .hub_with(
                "first",
                proxy.client(),
                Arc::new(clock.clone()),
                Arc::new(Stuck),
            )
            .await;
        start_and_leave(&manager).await;
    });
    clock.advance(LEASE);
    runtime.block_on(async {
        let manager = scene
            .hub("second", &proxy.client(), Arc::new(clock.clone()))
            .await;
        manager.adopt_all().await.unwrap();
        let server = in_state(&manager, ServerState::Stopped).await;
        assert!(server.last_failure.unwrap().message.contains("restarted"));
        assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
        assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_buried() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let client = proxy.client();
    let manager = scene.hub("one", &client, Arc::new(SystemClock)).await;
    start(&manager).await.unwrap();
    let pid = record(&row(&manager, "").await.unwrap()).pid;
    kill(pid);
    eventually("it is dead", async || (!is_running(pid)).then_some(())).await;
    assert_eq!(manager.poll_servers().await.unwrap(), 1);
    let server = row(&manager, "").await.unwrap();
    assert_eq!((server.state, server.lease), (ServerState::Stopped, None));
    assert!(server.last_failure.unwrap().message.contains("SIGKILL"));
    assert!(!client.routes().await.unwrap().contains_key("/user/alice/"));
    assert!(
        db::oauth::find_client(manager.db.read(), "jupyterhub-user-alice")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(manager.poll_servers().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_culler_does_not_stop_what_was_used_meanwhile() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start(&manager).await.unwrap();
    let read = row(&manager, "").await.unwrap().last_activity.unwrap();
    // The database does not know of this use yet; the proxy does.
    let http = reqwest::Client::builder().build().unwrap();
    http.get(format!("{}/user/alice/api", proxy.public))
        .send()
        .await
        .unwrap();
    let refused = cull(&manager, read).await.unwrap_err();
    assert_eq!((refused.status(), scene.running()), (412, 1));
    assert_eq!(row(&manager, "").await.unwrap().state, ServerState::Ready);
    assert_eq!(
        cull(&manager, SystemClock.now()).await.unwrap(),
        StopOutcome::Stopped
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_moves_forward_only() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let clock = FakeClock::at(SystemClock.now());
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(clock.clone()))
        .await;
    start(&manager).await.unwrap();
    let started = row(&manager, "").await.unwrap().last_activity.unwrap();
    clock.advance(TimeDelta::hours(1));
    let used = started + TimeDelta::minutes(30);
    for (reported, expected) in [
        (used, used),
        (started, used),
        (used + TimeDelta::hours(9), used),
    ] {
        manager
            .report_activity([(at(""), reported), (at("unknown"), reported)].into())
            .await
            .unwrap();
        assert_eq!(
            row(&manager, "").await.unwrap().last_activity,
            Some(expected)
        );
    }
    let owner = db::users::find(manager.db.read(), "alice")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner.last_activity, Some(used));
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    assert_eq!(
        row(&manager, "").await.unwrap().last_activity,
        Some(clock.now())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn named_servers_come_and_go_with_their_rows() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let request = StartRequest {
        display_name: Some("With GPU".into()),
        user_options: Some(serde_json::Map::from_iter([(
            "size".to_owned(),
            Value::from("L"),
        )])),
    };
    assert_eq!(
        manager
            .start(may_start(at("gpu")), request, LONG)
            .await
            .unwrap(),
        StartOutcome::Ready
    );
    let server = row(&manager, "gpu").await.unwrap();
    assert_eq!(
        (server.display_name.as_str(), &server.user_options["size"]),
        ("With GPU", &Value::from("L"))
    );
    let remove = StopRequest {
        remove: true,
        ..StopRequest::default()
    };
    assert_eq!(
        manager
            .stop(may_stop(at("gpu")), remove.clone(), LONG)
            .await
            .unwrap(),
        StopOutcome::Stopped
    );
    assert!(row(&manager, "gpu").await.is_none());
    assert_eq!(
        manager
            .stop(may_stop(at("gpu")), remove.clone(), LONG)
            .await
            .unwrap_err()
            .status(),
        404
    );
    assert_eq!(
        manager
            .stop(may_stop(at("")), remove, LONG)
            .await
            .unwrap_err()
            .status(),
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_spawner_runs_as_the_system_user_or_says_why_not() {
    let proxy = TestProxy::start().await;
    let mut scene = Scene::new("");
    scene.config.jupyterhub.spawner_class = hub::config::SpawnerClass::Local;
    // Ends at once: its last words are in the failure.
    scene.config.spawner.cmd = vec!["id".into()];
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let error = start(&manager).await.unwrap_err().to_string();
    assert!(
        error.contains("\"alice\" does not exist") && error.contains("useradd"),
        "{error}"
    );

    let tx = manager.db.write().await.unwrap();
    let daemon = hub_types::names::Username::stored("daemon");
    db::users::insert(&tx, &daemon, false, chrono::DateTime::UNIX_EPOCH)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let server =
        hub::domain::server::ServerRef::new(daemon, hub_types::names::ServerName::default_server());
    let error = manager
        .start(may_start(server), StartRequest::default(), LONG)
        .await
        .unwrap_err();
    let StartError::Failed(failure) = error else {
        panic!("{error}")
    };
    if nix::unistd::geteuid().is_root() {
        let words = failure.output.join("\n");
        assert!(
            words.starts_with("uid=1(daemon) gid=1(daemon) groups=1(daemon)"),
            "{failure:?}"
        );
    } else {
        assert!(
            failure.message.contains("does not run as root"),
            "{failure:?}"
        );
    }
}
