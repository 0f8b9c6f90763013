//! A hub that crashed, and the next one.

use super::*;

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
        let server = placed(&manager).await;
        // A hub that dies before it lets the program go takes it along: another case.
        eventually("the program runs", async || {
            (scene.starts().len() == 1).then_some(())
        })
        .await;
        server
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
pub(super) struct Stuck;

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
    async fn delete_forever(&self, _: &ServerRef, _: UserId) -> Result<(), SpawnError> {
        std::future::pending().await
    }
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

/// Whoever asked for the removal, at once or while the server was being stopped, is not asked again.
#[test]
fn a_removal_goes_on_after_the_hub_crashed() {
    for asked in [&[true][..], &[false, true]] {
        let scene = Scene::new("");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let proxy = runtime.block_on(TestProxy::start());
        let clock = FakeClock::at(SystemClock.now());
        crashed(async {
            let manager = scene
                .hub("first", &proxy.client(), Arc::new(clock.clone()))
                .await;
            let started = manager
                .start(may_start(at("gpu")), StartRequest::default(), LONG)
                .await;
            assert_eq!(started.unwrap(), StartOutcome::Ready);
        });
        crashed(async {
            let stuck = Arc::new(Stuck);
            let manager = scene
                .hub_with("second", proxy.client(), Arc::new(clock.clone()), stuck)
                .await;
            for remove in asked {
                let request = StopRequest {
                    remove: *remove,
                    ..StopRequest::default()
                };
                let outcome = manager
                    .stop(may_stop(at("gpu")), request, Duration::ZERO)
                    .await;
                assert_eq!(outcome.unwrap(), StopOutcome::Pending);
            }
        });
        clock.advance(LEASE);
        runtime.block_on(async {
            let manager = scene
                .hub("third", &proxy.client(), Arc::new(clock.clone()))
                .await;
            manager.adopt_all().await.unwrap();
            manager.idle().await;
            assert_eq!(row(&manager, "gpu").await, None, "{asked:?}");
            assert_eq!(scene.running(), 0);
        });
    }
}

/// The spawner is told before the row goes: until then nobody can start it, and the next hub tells it again.
#[test]
fn the_removal_of_a_stopped_server_goes_on_after_the_hub_crashed() {
    let scene = Scene::new("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let clock = FakeClock::at(SystemClock.now());
    let output = scene.path("logs/user-alice+gpu.log");
    let hub = async |name: &str| {
        let client = proxy.client();
        scene.hub(name, &client, Arc::new(clock.clone())).await
    };
    let begin = async |manager: &Manager, wait: Duration| {
        let started = manager.start(may_start(at("gpu")), StartRequest::default(), wait);
        started.await
    };
    crashed(async {
        let manager = hub("first").await;
        begin(&manager, LONG).await.unwrap();
        let stopped = manager.stop(may_stop(at("gpu")), StopRequest::default(), LONG);
        assert_eq!(stopped.await.unwrap(), StopOutcome::Stopped);
        assert!(output.exists());
    });
    crashed(async {
        let stuck = Arc::new(Stuck);
        let manager = scene
            .hub_with("second", proxy.client(), Arc::new(clock.clone()), stuck)
            .await;
        let request = StopRequest {
            remove: true,
            ..StopRequest::default()
        };
        let removed = manager.stop(may_stop(at("gpu")), request, Duration::ZERO);
        assert_eq!(removed.await.unwrap(), StopOutcome::Pending);
        let refused = begin(&manager, Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.to_string(), "alice:gpu is pending stop");
    });
    assert!(output.exists());
    clock.advance(LEASE);
    runtime.block_on(async {
        let manager = hub("third").await;
        manager.adopt_all().await.unwrap();
        manager.idle().await;
        assert_eq!(row(&manager, "gpu").await, None);
    });
    assert!(!output.exists());
}

/// What groups, options and hooks have made of it counts, also for a hub that knows none of that any more.
#[test]
fn a_start_that_goes_on_has_the_time_that_it_began_with() {
    let mut scene = Scene::new("gate");
    let answer = r#"echo '{"spawner_override": {"http_timeout": 299}}'"#;
    scene.config.spawner.pre_spawn_hook = Some(["sh", "-c", answer].map(ToOwned::to_owned).into());
    scene.config.spawner.http_timeout = Duration::from_secs(300);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(TestProxy::start());
    let clock = FakeClock::at(SystemClock.now());
    crashed(async {
        let client = proxy.client();
        let manager = scene.hub("first", &client, Arc::new(clock.clone())).await;
        start_and_leave(&manager).await;
        let server = placed(&manager).await;
        let recorded = db::servers::http_timeout(manager.db.read(), server.id).await;
        assert_eq!(recorded.unwrap(), Some(Duration::from_secs(299)));
        eventually("the program runs", async || {
            (scene.starts().len() == 1).then_some(())
        })
        .await;
        // As if the hook had said so: it is not waited for here.
        let hurry = db::ServerChange {
            http_timeout: Some(Duration::from_secs(1)),
            ..db::ServerChange::default()
        };
        let tx = manager.db.write().await.unwrap();
        let step = db::servers::step(&tx, server.id, server.epoch, &hurry).await;
        assert!(step.unwrap().is_some());
        tx.commit().await.unwrap();
    });
    clock.advance(LEASE);
    runtime.block_on(async {
        let client = proxy.client();
        let manager = scene.hub("second", &client, Arc::new(clock.clone())).await;
        manager.adopt_all().await.unwrap();
        let server = in_state(&manager, ServerState::Stopped).await;
        let why = server.last_failure.unwrap().message;
        assert!(why.contains("within 1 s (Spawner.http_timeout)"), "{why}");
    });
}
