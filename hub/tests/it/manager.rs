//! The life of servers, with real processes and a real proxy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashed;
mod failing;
mod hooks;
mod stopping;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use hub::db;
use hub::domain::lifecycle::{LEASE, ServerState};
use hub::domain::server::{Server, ServerRef};
use hub::domain::user::UserId;
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
