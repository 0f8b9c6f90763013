//! How long requests wait for servers, and after how long who came at a limit shall come again:
//! `JupyterHub.tornado_settings`. Time stands still but for what the tests let pass.

use std::time::Duration;

use hub::config::{Config, TornadoSettings};
use hub::domain::lifecycle::ServerState;
use hub_types::names::ServerName;
use tokio::time::Instant;

use crate::harness::{Behaviour, Browser, Call, Hub, Reply};
use crate::home_pages::row;

const SERVER: &str = "/hub/api/users/alice/server";

/// What passes at once.
const TICK: Duration = Duration::from_millis(200);

/// Somebody who waits for a task of this process reads so often meanwhile: it has got as far as it can.
const LOOKS: usize = 20;

/// A hub with these settings, an administrator's token, and alice with a browser.
async fn scene(change: impl FnOnce(&mut TornadoSettings)) -> (Hub, String, Browser) {
    let hub = Hub::with(|config: &mut Config| {
        change(&mut config.jupyterhub.tornado_settings);
        // No start fails while it is waited for.
        config.spawner.http_timeout = Duration::from_secs(600);
    })
    .await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.log_in("alice").await;
    (hub, admin, alice)
}

fn seconds(number: f64) -> Duration {
    Duration::from_secs_f64(number)
}

async fn has_come_to(hub: &Hub, state: ServerState) -> bool {
    let name = ServerName::default_server();
    row(hub, "alice", name.as_str())
        .await
        .is_some_and(|row| row.state == state)
}

/// Lets time pass as soon as alice's server has come to `state`: who waits for it has begun to then.
async fn time_passes(hub: &Hub, state: ServerState) {
    while !has_come_to(hub, state).await {
        tokio::task::yield_now().await;
    }
    loop {
        for _ in 0..LOOKS {
            has_come_to(hub, state).await;
            tokio::task::yield_now().await;
        }
        tokio::time::advance(TICK).await;
    }
}

/// Sends, and says how much time has passed before there was an answer.
async fn timed(hub: &Hub, call: Call<'_>, state: ServerState) -> (Reply, Duration) {
    tokio::time::pause();
    // While something blocks, time does not run ahead by itself.
    let (blocks, blocked) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || blocked.recv());
    let begin = Instant::now();
    let reply = tokio::select! {
        reply = call.send() => reply,
        () = time_passes(hub, state) => unreachable!("time passes for ever"),
    };
    let took = begin.elapsed();
    drop(blocks);
    assert!(blocking.await.unwrap().is_err());
    tokio::time::resume();
    (reply, took)
}

/// An answer takes a few ticks more than what it waits for.
#[track_caller]
fn assert_waited(took: Duration, expected: Duration, what: &str) {
    assert!(
        expected <= took && took < expected + 4 * TICK,
        "{what}: waited {took:?} instead of {expected:?}"
    );
}

#[tokio::test]
async fn a_start_that_takes_long_is_answered_202_when_the_setting_says() {
    for set in [None, Some(0.0), Some(2.5), Some(12.0)] {
        let (hub, admin, _) = scene(|settings| {
            if let Some(set) = set {
                settings.slow_spawn_timeout = seconds(set);
            }
        })
        .await;
        hub.spawner.next(Behaviour::Hangs);
        let call = hub.call(&admin, "POST", SERVER);
        let (reply, took) = timed(&hub, call, ServerState::Spawning).await;
        reply.expect(202);
        assert_waited(took, seconds(set.unwrap_or(10.0)), &format!("{set:?}"));
    }
}

#[tokio::test]
async fn the_spawn_page_waits_no_longer_than_the_setting_says() {
    for (set, expected) in [(10.0, 1.0), (0.0, 0.0)] {
        let (hub, _, alice) = scene(|settings| settings.slow_spawn_timeout = seconds(set)).await;
        hub.spawner.next(Behaviour::Hangs);
        let call = hub.request("GET", "/hub/spawn").browser(&alice);
        let (reply, took) = timed(&hub, call, ServerState::Spawning).await;
        assert_eq!(
            reply.expect(302).header("location"),
            "/hub/spawn-pending/alice"
        );
        assert_waited(took, seconds(expected), &format!("{set:?}"));
    }
}

#[tokio::test]
async fn a_stop_that_takes_long_is_answered_202_when_the_setting_says() {
    for set in [None, Some(0.0), Some(2.5), Some(12.0)] {
        let (hub, admin, _) = scene(|settings| {
            if let Some(set) = set {
                settings.slow_stop_timeout = seconds(set);
            }
        })
        .await;
        let start = hub.call(&admin, "POST", SERVER);
        start.send().await.expect(201);
        hub.spawner.hold("alice/");
        let call = hub.call(&admin, "DELETE", SERVER);
        let (reply, took) = timed(&hub, call, ServerState::Stopping).await;
        reply.expect(202);
        assert_waited(took, seconds(set.unwrap_or(10.0)), &format!("{set:?}"));
        hub.spawner.let_go("alice/");
        hub.state.manager.idle().await;
    }
}

#[tokio::test]
async fn pages_wait_no_longer_for_a_stop_than_the_setting_says() {
    for (set, order, expected) in [
        (10.0, "stop", 5.0),
        (10.0, "restart", 10.0),
        (1.5, "stop", 1.5),
        (1.5, "restart", 1.5),
    ] {
        let (hub, admin, alice) = scene(|settings| settings.slow_stop_timeout = seconds(set)).await;
        let start = hub.call(&admin, "POST", SERVER);
        start.send().await.expect(201);
        hub.spawner.hold("alice/");
        let fields = [("_xsrf", alice.xsrf.as_str()), ("do", order)];
        let form = hub
            .request("POST", "/hub/manage/alice")
            .browser(&alice)
            .header("sec-fetch-site", "same-origin");
        let (reply, took) = timed(&hub, form.form(&fields), ServerState::Stopping).await;
        reply.expect(302);
        assert_waited(took, seconds(expected), &format!("{order} with {set}"));
        hub.spawner.let_go("alice/");
        hub.state.manager.idle().await;
    }
}

#[tokio::test]
async fn a_user_whose_server_stops_for_longer_than_the_setting_says_is_not_deleted_yet() {
    let (hub, admin, _) = scene(|settings| settings.slow_stop_timeout = seconds(2.0)).await;
    let start = hub.call(&admin, "POST", SERVER);
    start.send().await.expect(201);
    hub.spawner.hold("alice/");
    let call = hub.call(&admin, "DELETE", "/hub/api/users/alice");
    let (reply, took) = timed(&hub, call, ServerState::Stopping).await;
    let text = "alice's server is in the process of stopping, please wait.";
    assert_eq!(reply.error(), (400, Some(text.to_owned())));
    assert_waited(took, seconds(2.0), "the deletion");
    hub.spawner.let_go("alice/");
    hub.state.manager.idle().await;
}

#[tokio::test]
async fn who_comes_at_the_limit_is_told_a_time_of_the_range() {
    let hub = Hub::with(|config: &mut Config| {
        let settings = &mut config.jupyterhub.tornado_settings;
        settings.slow_spawn_timeout = Duration::ZERO;
        settings.spawn_throttle_retry_range = (seconds(101.0), seconds(103.0));
        config.jupyterhub.concurrent_spawn_limit = 1;
    })
    .await;
    let admin = hub.token("admin", &["inherit"]).await;
    let bob = hub.log_in("bob").await;
    hub.spawner.next(Behaviour::Hangs);
    let first = hub.call(&admin, "POST", SERVER).send();
    first.await.expect(202);
    for _ in 0..10 {
        for call in [
            hub.call(&admin, "POST", "/hub/api/users/bob/server"),
            hub.request("GET", "/hub/spawn").browser(&bob),
        ] {
            let reply = call.send().await.expect(429);
            assert!(reply.body.contains("Try again in 2 minutes."), "{reply:?}");
            let after: u64 = reply.header("retry-after").parse().unwrap();
            assert!((101..=103).contains(&after), "{after}");
        }
    }
}
