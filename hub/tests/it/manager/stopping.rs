//! Stops that do not go as they should, and those that must not happen.

use super::*;

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
