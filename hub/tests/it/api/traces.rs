//! What can be found again later: the id of a request, and starts and stops of servers.

use serde_json::Value;

use crate::harness::{Behaviour, Hub};

#[tokio::test]
async fn every_answer_has_an_id() {
    let hub = Hub::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for path in [
        "/hub/login",
        "/hub/api/",
        "/hub/api/users",
        "/nowhere",
        "/hub/static/none.css",
    ] {
        let reply = hub.request("GET", path).send().await;
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() >= 12 && seen.insert(id.clone()), "{path}: {id}");
    }
    let asked = |id: &'static str| {
        hub.request("GET", "/hub/api/")
            .header("x-request-id", id)
            .send()
    };
    let given = "of-the-proxy-in-front.1";
    assert_eq!(asked(given).await.header("x-request-id"), given);
    let forged = "x\u{a0}200 GET /";
    assert_ne!(asked(forged).await.header("x-request-id"), forged);
}

#[tokio::test]
async fn starts_and_stops_that_succeed_are_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let hub = Hub::with(|config| config.own.event_log = Some(file.clone())).await;
    let me = hub.token("alice", &["inherit"]).await;
    let server = |method: &str| hub.call(&me, method, "/hub/api/users/alice/server").send();
    server("POST").await.expect(201);
    server("DELETE").await.expect(204);
    hub.spawner.next(Behaviour::Fails("no".into()));
    server("POST").await.expect(500);
    hub.state.manager.idle().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["action"].as_str().unwrap(),
                event["username"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("start", "alice"), ("stop", "alice")]);
    assert_eq!(events[0]["servername"], "");
    assert_eq!(events[0]["__timestamp__"], "2026-11-22T03:30:07.624000Z");
}
