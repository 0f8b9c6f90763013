//! Servers that cannot start, and those that die.

use std::sync::atomic::AtomicUsize;

use hub::proxy_client::chp::ChpClient;
use hub::proxy_client::{ProxyClient, ProxyError, Route, Routes};

use super::*;

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

/// Hooks and the start itself share the time: a start ends when it is over, whoever has used it up.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_start_counts_once() {
    let mut scene = Scene::new("");
    let limit = Duration::from_secs(5);
    scene.config.spawner.start_timeout = limit;
    scene.config.spawner.pre_spawn_hook = Some(["sleep", "4"].map(ToOwned::to_owned).into());
    let proxy = TestProxy::start().await;
    let stuck = Arc::new(crashed::Stuck);
    let manager = scene
        .hub_with("one", proxy.client(), Arc::new(SystemClock), stuck)
        .await;
    let begin = std::time::Instant::now();
    let error = start(&manager).await.unwrap_err().to_string();
    let took = begin.elapsed();
    assert!(
        error.contains("within 5 s (Spawner.start_timeout)"),
        "{error}"
    );
    assert!(
        took >= limit && took < limit + Duration::from_secs(3),
        "{took:?}"
    );
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

/// A proxy that is away for the first calls that give it a route.
#[derive(Debug)]
struct AwayAtFirst {
    proxy: Arc<ChpClient>,
    left: AtomicUsize,
}

#[async_trait]
impl ProxyClient for AwayAtFirst {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return self.proxy.add(route).await;
        }
        self.left.store(left - 1, Ordering::SeqCst);
        Err(ProxyError::Unreachable {
            url: "http://127.0.0.1:8001".into(),
            why: "it is away".into(),
        })
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        self.proxy.delete(routespec).await
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        self.proxy.routes().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_waits_for_a_proxy_that_is_away() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let client = Arc::new(AwayAtFirst {
        proxy: proxy.client(),
        left: AtomicUsize::new(2),
    });
    let manager = scene
        .hub_with(
            "one",
            client.clone(),
            Arc::new(SystemClock),
            scene.spawner(),
        )
        .await;
    start(&manager).await.unwrap();
    assert_eq!(client.left.load(Ordering::SeqCst), 0);
    assert_eq!((scene.running(), scene.starts().len()), (1, 1));
    assert!(client.routes().await.unwrap().contains_key("/user/alice/"));
    stop(&manager).await.unwrap();
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
async fn a_server_that_died_unnoticed_is_started_again() {
    let scene = Scene::new("");
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start(&manager).await.unwrap();
    // One that runs is not touched.
    assert_eq!(start(&manager).await.unwrap_err().status(), 400);
    let first = row(&manager, "").await.unwrap();
    let pid = record(&first).pid;
    kill(pid);
    eventually("it is dead", async || (!is_running(pid)).then_some(())).await;

    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    let again = row(&manager, "").await.unwrap();
    assert_ne!(record(&again).pid, pid);
    assert_eq!((scene.running(), scene.starts().len()), (1, 2));
    assert!(!manager.notice_the_dead(&[first, again]).await);
    stop(&manager).await.unwrap();
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
    let server = ServerRef::new(daemon, hub_types::names::ServerName::default_server());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_spawner_that_takes_too_long_is_given_up() {
    let proxy = TestProxy::start().await;
    let mut scene = Scene::new("");
    scene.config.spawner.start_timeout = Duration::from_millis(300);
    let stuck = Arc::new(crashed::Stuck);
    let manager = scene
        .hub_with("one", proxy.client(), Arc::new(SystemClock), stuck)
        .await;
    let error = start(&manager).await.unwrap_err().to_string();
    assert!(error.contains("Spawner.start_timeout"), "{error}");
    assert_eq!(row(&manager, "").await.unwrap().state, ServerState::Stopped);
}
