//! What is counted, and who may read it.

use std::time::Duration;

use hub::tasks;
use tokio_util::sync::CancellationToken;

use crate::harness::{Behaviour, CULLER_TOKEN, Hub};

/// The value of a line of the page; `None` when there is no such line.
fn value(page: &str, line: &str) -> Option<f64> {
    page.lines()
        .find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn who_may_read_metrics() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["read:metrics"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let browser = hub.log_in("admin").await;
    for path in ["/hub/metrics", "/hub/api/metrics"] {
        for refused in [
            hub.request("GET", path),
            hub.call(&alice, "GET", path),
            hub.call(CULLER_TOKEN, "GET", path),
        ] {
            let reply = refused.send().await.expect(403);
            assert!(reply.header("content-type").starts_with("text/html"));
            assert!(reply.body.contains("Access to metrics requires scope"));
        }
        let reply = hub.call(&admin, "GET", path).send().await.expect(200);
        let kind = "text/plain; version=1.0.0; charset=utf-8";
        assert_eq!(reply.header("content-type"), kind);
        assert_eq!(value(&reply.body, "jupyterhub_total_users"), Some(3.0));
        hub.request("GET", path)
            .browser(&browser)
            .send()
            .await
            .expect(200);
    }
    let hub = Hub::with(|config| config.jupyterhub.authenticate_prometheus = false).await;
    hub.request("GET", "/hub/metrics").send().await.expect(200);
}

#[tokio::test]
async fn what_happens_is_counted() {
    let hub = Hub::with(|config| config.jupyterhub.authenticate_prometheus = false).await;
    let me = hub.token("alice", &["inherit"]).await;
    let page = async || {
        hub.request("GET", "/hub/metrics")
            .send()
            .await
            .expect(200)
            .body
    };
    let server = |method: &str| hub.call(&me, method, "/hub/api/users/alice/server").send();
    server("POST").await.expect(201);
    let running = page().await;
    server("DELETE").await.expect(204);
    hub.spawner.next(Behaviour::Fails("no".into()));
    server("POST").await.expect(500);
    hub.request("GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(403);
    hub.request("BREW", "/hub/api/users/alice")
        .send()
        .await
        .expect(405);
    let browser = hub.log_in("bob").await;
    hub.request("GET", "/hub/logout")
        .browser(&browser)
        .send()
        .await
        .expect(302);
    let form = [("username", "bob"), ("password", "wrong"), ("_xsrf", "no")];
    hub.request("POST", "/hub/login")
        .form(&form)
        .send()
        .await
        .expect(403);

    assert_eq!(value(&running, "jupyterhub_running_servers"), Some(1.0));
    let page = page().await;
    for (line, count) in [
        ("jupyterhub_running_servers", 0.0),
        (
            "jupyterhub_server_spawn_duration_seconds_count{status=\"success\",reason=\"\"}",
            1.0,
        ),
        (
            "jupyterhub_server_spawn_duration_seconds_count{status=\"failure\",reason=\"\"}",
            1.0,
        ),
        (
            "jupyterhub_server_stop_seconds_count{status=\"success\"}",
            1.0,
        ),
        (
            "jupyterhub_proxy_add_duration_seconds_count{status=\"success\"}",
            1.0,
        ),
        (
            "jupyterhub_proxy_delete_duration_seconds_count{status=\"success\"}",
            1.0,
        ),
        ("jupyterhub_logout_duration_seconds_count", 1.0),
        (
            "jupyterhub_request_duration_seconds_count{method=\"GET\",handler=\"/hub/api/users/{user}\",code=\"403\"}",
            1.0,
        ),
        (
            "jupyterhub_request_duration_seconds_count{method=\"(other)\",handler=\"/hub/api/users/{user}\",code=\"405\"}",
            1.0,
        ),
        (
            "jupyterhub_request_duration_seconds_count{method=\"POST\",handler=\"/hub/api/users/{user}/server\",code=\"201\"}",
            1.0,
        ),
    ] {
        assert_eq!(value(&page, line), Some(count), "{line}\n{page}");
    }
}

#[tokio::test]
async fn active_users_are_counted_by_period() {
    let hub = Hub::with(|config| config.jupyterhub.authenticate_prometheus = false).await;
    let context = context(&hub);
    for (user, days) in [("alice", 17), ("bob", 3), ("admin", 0)] {
        let browser = hub.log_in(user).await;
        let home = hub.request("GET", "/hub/home");
        home.browser(&browser).send().await.expect(200);
        hub.clock.advance(chrono::TimeDelta::days(days));
    }
    hub.state.identities.write_uses().await.unwrap();
    tasks::count_active_users(&context).await.unwrap();
    let page = hub
        .request("GET", "/hub/metrics")
        .send()
        .await
        .expect(200)
        .body;
    for (period, count) in [("24h", 1.0), ("7d", 2.0), ("30d", 3.0)] {
        let line = format!("jupyterhub_active_users{{period=\"{period}\"}}");
        assert_eq!(value(&page, &line), Some(count), "{page}");
    }
}

/// A hub with or without the numbers that cost something all the time, and its tasks under way.
async fn counting(on: bool, shutdown: &CancellationToken) -> Hub {
    let hub = Hub::with(|config| {
        config.jupyterhub.authenticate_prometheus = false;
        config.metrics.active_users_enabled = on;
        config.metrics.event_loop_interval_enabled = on;
        config.metrics.event_loop_interval_resolution = Duration::from_millis(1);
    })
    .await;
    let browser = hub.log_in("alice").await;
    let home = hub.request("GET", "/hub/home");
    home.browser(&browser).send().await.expect(200);
    hub.state.identities.write_uses().await.unwrap();
    tokio::spawn(tasks::run(context(&hub), shutdown.clone()));
    hub
}

fn context(hub: &Hub) -> tasks::Context {
    tasks::Context {
        state: hub.state.clone(),
        hub: hub::spawner::manager::HubProcess::of_this().unwrap(),
        proxy: None,
    }
}

#[tokio::test]
async fn what_is_turned_off_is_not_counted() {
    const TICKS: &str = "jupyterhub_event_loop_interval_seconds_count";
    const ACTIVE: &str = "jupyterhub_active_users{period=\"24h\"}";
    let shutdown = CancellationToken::new();
    let off = counting(false, &shutdown).await;
    let on = counting(true, &shutdown).await;
    let page = async |hub: &Hub| {
        let page = hub.request("GET", "/hub/metrics").send().await;
        page.expect(200).body
    };
    let counted = async {
        loop {
            let page = page(&on).await;
            let ticks = value(&page, TICKS).unwrap_or_default();
            if ticks > 20.0 && value(&page, ACTIVE) == Some(1.0) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted)
        .await
        .expect("what is on is counted");
    tasks::count_active_users(&context(&off)).await.unwrap();
    let page = page(&off).await;
    assert_eq!(value(&page, TICKS), Some(0.0), "{page}");
    assert_ne!(value(&page, ACTIVE), Some(1.0), "{page}");
    shutdown.cancel();
}
