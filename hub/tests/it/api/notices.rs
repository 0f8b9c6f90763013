//! Announcements that a server will be stopped: who may make them, who sees them, and when they end.

use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub};

const SERVER: &str = "/hub/api/users/alice/server";
const NOTICE: &str = "/hub/api/users/alice/server/stop-notice";
/// The hub's time when a test begins, which is when the server was started.
const NOW: &str = "2026-11-22T03:30:07.624000Z";

async fn with_server() -> (Hub, String) {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    hub.call(&alice, "POST", SERVER).send().await.expect(201);
    (hub, alice)
}

/// Announces the stop, if the server was not used after `since`.
async fn announce(hub: &Hub, since: Option<&str>, status: u16) -> Value {
    let body = json!({"stop_at": "2026-11-22T03:40:00Z", "reason": "inactive for 55 min"});
    let mut call = hub.call(CULLER_TOKEN, "PUT", NOTICE);
    if let Some(since) = since {
        call = call.header("x-jupyterhub-if-inactive-since", since);
    }
    call.json(&body).send().await.expect(status).json()
}

async fn shown(hub: &Hub, token: &str) -> Value {
    let model = hub.call(token, "GET", SERVER).send().await.expect(200);
    model.json()["stop_notice"].clone()
}

#[tokio::test]
async fn an_announcement_is_seen_until_the_server_is_used() {
    let (hub, alice) = with_server().await;
    assert_eq!(shown(&hub, &alice).await, Value::Null);
    let notice = announce(&hub, Some(NOW), 200).await;
    let expected = json!({
        "stop_at": "2026-11-22T03:40:00Z", "given": NOW,
        "reason": "inactive for 55 min", "unless_used": true
    });
    assert_eq!(notice, expected);
    assert_eq!(shown(&hub, &alice).await, expected);
    let browser = hub.log_in("alice").await;
    let home = hub.request("GET", "/hub/home").browser(&browser);
    let page = home.send().await.expect(200).body;
    assert!(
        page.contains("id=\"stop-notice\"") && page.contains("inactive for 55 min"),
        "{page}"
    );
    let list = hub.call(CULLER_TOKEN, "GET", "/hub/api/users?state=ready");
    let users = list.send().await.expect(200).json();
    assert_eq!(users[0]["servers"][""]["stop_notice"], expected);

    hub.clock.advance(chrono::TimeDelta::minutes(1));
    let used = json!({"servers": {"": {"last_activity": "2026-11-22T03:31:00Z"}}});
    let report = hub.call(&alice, "POST", "/hub/api/users/alice/activity");
    report.json(&used).send().await.expect(200);
    let model = hub.call(&alice, "GET", SERVER).send().await.json();
    assert!(
        model.get("stop_notice").is_none(),
        "absent, not null: {model}"
    );
    announce(&hub, Some(NOW), 412).await;
    assert_eq!(shown(&hub, &alice).await, Value::Null);
}

#[tokio::test]
async fn one_that_no_use_ends_lives_in_the_database_until_the_stop() {
    let (hub, alice) = with_server().await;
    announce(&hub, None, 200).await;
    let hub = hub.restart(|_| {}).await;
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    let used = json!({"servers": {"": {"last_activity": "2026-11-22T03:31:00Z"}}});
    let report = hub.call(&alice, "POST", "/hub/api/users/alice/activity");
    report.json(&used).send().await.expect(200);
    assert_eq!(shown(&hub, &alice).await["unless_used"], false);
    hub.call(&alice, "DELETE", SERVER).send().await.expect(204);
    assert_eq!(shown(&hub, &alice).await, Value::Null);
    announce(&hub, None, 404).await;
    hub.call(&alice, "POST", SERVER).send().await.expect(201);
    assert_eq!(
        shown(&hub, &alice).await,
        Value::Null,
        "that was another run"
    );
}

#[tokio::test]
async fn who_may_stop_may_announce_and_bad_input_is_named() {
    let (hub, alice) = with_server().await;
    let bob = hub.token("bob", &["inherit"]).await;
    let body = json!({"stop_at": "2026-11-22T03:40:00Z"});
    let call = |token: &str| hub.call(token, "PUT", NOTICE).json(&body);
    call(&bob).send().await.expect(404);
    let narrow = hub.token("alice", &["read:servers!user"]).await;
    call(&narrow).send().await.expect(403);
    call(&alice).send().await.expect(200);
    for (body, message) in [
        (json!({}), "stop_at must be a timestamp"),
        (json!({"stop_at": "soon"}), "stop_at must be a timestamp"),
        (
            json!({"stop_at": NOW, "reason": 7}),
            "reason must be one line of at most 255 characters",
        ),
        (
            json!({"stop_at": NOW, "reason": "a\nb"}),
            "reason must be one line of at most 255 characters",
        ),
        (
            json!({"stop_at": NOW, "reason": "x".repeat(256)}),
            "reason must be one line of at most 255 characters",
        ),
        (json!([1]), "Body must be a JSON object"),
    ] {
        let reply = hub.call(&alice, "PUT", NOTICE).json(&body).send().await;
        assert_eq!(reply.error(), (400, Some(message.to_owned())), "{body}");
    }
    let nobody = "/hub/api/users/alice/servers/none/stop-notice";
    let admin = hub.token("admin", &["inherit"]).await;
    let call = hub.call(&admin, "PUT", nobody).json(&body);
    call.send().await.expect(404);
}
