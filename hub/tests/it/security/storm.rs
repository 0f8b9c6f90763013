//! Case 123: many starts at once, and starts that meet stops.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use hub::db::servers;
use hub::domain::lifecycle::ServerState;
use hub::domain::server::{Server, ServerRef};
use hub_types::names::{ServerName, Username};
use serde_json::json;

use crate::harness::{Behaviour, Hub, Reply};
use crate::scene::eventually;

/// How many users want a server at once.
const CROWD: usize = 500;
/// How many may start at once.
const LIMIT: usize = 50;

async fn start(hub: &Hub, token: &str, user: &str) -> Reply {
    let path = format!("/hub/api/users/{user}/server");
    hub.call(token, "POST", &path).send().await
}

async fn stop(hub: &Hub, token: &str, user: &str) -> Reply {
    let path = format!("/hub/api/users/{user}/server");
    hub.call(token, "DELETE", &path).send().await
}

async fn row(hub: &Hub, user: &str) -> Option<Server> {
    let at = ServerRef::new(Username::stored(user), ServerName::default_server());
    servers::find(hub.state.db.read(), &at).await.unwrap()
}

async fn crowd(hub: &Hub, admin: &str) -> Vec<String> {
    let users: Vec<String> = (0..CROWD)
        .map(|number| format!("user-{number:03}"))
        .collect();
    let all = json!({ "usernames": users });
    let made = hub.call(admin, "POST", "/hub/api/users").json(&all).send();
    made.await.expect(201);
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn case_123_a_crowd_is_told_to_wait_at_the_limit() {
    let hub = Hub::with(|config| {
        config.jupyterhub.concurrent_spawn_limit = LIMIT as u64;
        config.spawner.http_timeout = Duration::from_secs(600);
    })
    .await;
    let admin = hub.token("admin", &["inherit"]).await;
    let users = crowd(&hub, &admin).await;
    hub.spawner.next(Behaviour::Hangs);
    // Those that are let in wait for their servers; everybody else is told at once.
    let mut replies: FuturesUnordered<_> =
        users.iter().map(|user| start(&hub, &admin, user)).collect();
    let mut refused = 0;
    while refused < CROWD - LIMIT {
        let reply = replies.next().await.unwrap();
        if reply.status == 202 {
            continue;
        }
        assert_eq!(reply.status, 429, "{reply:?}");
        let after: u64 = reply.header("retry-after").parse().unwrap();
        assert!((30..=60).contains(&after));
        refused += 1;
    }
    drop(replies);
    let started = servers::active(hub.state.db.read()).await.unwrap();
    let started: Vec<&str> = started
        .iter()
        .map(|server| server.at.user.as_str())
        .collect();
    assert_eq!(started.len(), LIMIT);
    eventually("all have begun", async || {
        (hub.spawner.starts().len() == LIMIT).then_some(())
    })
    .await;
    assert!(hub.spawner.starts().values().all(|count| *count == 1));

    // Whoever gives up makes room.
    hub.spawner.next(Behaviour::Answers);
    stop(&hub, &admin, started[0]).await.expect(204);
    let waiting = users.iter().find(|user| !started.contains(&user.as_str()));
    start(&hub, &admin, waiting.unwrap()).await.expect(201);
    for user in &users {
        stop(&hub, &admin, user).await.expect(204);
    }
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 0);
}

#[tokio::test]
async fn case_123_a_browser_at_the_limit_is_told_when_to_come_again() {
    let hub = Hub::with(|config| {
        config.jupyterhub.concurrent_spawn_limit = 1;
        config.jupyterhub.tornado_settings.slow_spawn_timeout = Duration::ZERO;
    })
    .await;
    let admin = hub.token("admin", &["inherit"]).await;
    hub.spawner.next(Behaviour::Hangs);
    start(&hub, &admin, "alice").await.expect(202);
    let bob = hub.log_in("bob").await;
    let page = |method| hub.request(method, "/hub/spawn").browser(&bob);
    let form = page("POST").form(&[("_xsrf", &bob.xsrf)]);
    for call in [page("GET"), form] {
        let reply = call.send().await.expect(429);
        let words = "Too many users trying to log in right now.";
        assert!(reply.body.contains(words), "{reply:?}");
        let after: u64 = reply.header("retry-after").parse().unwrap();
        assert!((30..=60).contains(&after));
    }
    stop(&hub, &admin, "alice").await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_123_one_server_that_many_ask_for_is_started_once() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let replies = join_all((0..200).map(|_| start(&hub, &admin, "alice"))).await;
    for reply in replies {
        match reply.status.as_u16() {
            201 | 202 => {}
            400 => assert_eq!(reply.error().1.unwrap(), "alice is already running"),
            _ => panic!("{reply:?}"),
        }
    }
    assert_eq!(hub.spawner.starts().into_values().collect::<Vec<_>>(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_123_starts_that_meet_stops_never_make_two() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for round in 0..30 {
        let starts = join_all((0..4).map(|_| start(&hub, &admin, "alice")));
        let stops = join_all((0..4).map(|_| stop(&hub, &admin, "alice")));
        let (starts, stops) = tokio::join!(starts, stops);
        for reply in starts.iter().chain(&stops) {
            // 500: this one's server was stopped while it started.
            let known = [201, 202, 204, 400, 500].contains(&reply.status.as_u16());
            assert!(known, "round {round}: {reply:?}");
        }
        hub.state.manager.idle().await;
        let state = row(&hub, "alice").await.map(|server| server.state);
        let running = usize::from(state == Some(ServerState::Ready));
        assert_eq!(hub.spawner.running(), running, "round {round}: {state:?}");
    }
    assert!(!hub.spawner.ran_twice(), "two of one server at one time");
}

#[tokio::test]
async fn case_123_a_hub_that_stops_starts_nothing() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    hub.state.manager.close().await;
    let reply = start(&hub, &admin, "alice").await;
    assert_eq!(reply.header("retry-after"), "5");
    let (status, message) = reply.error();
    assert_eq!(status, 503);
    assert!(message.unwrap().contains("stopping"));
    assert!(row(&hub, "alice").await.is_none());
    assert!(hub.spawner.starts().is_empty());
}
