//! Many users in one request.

use serde_json::{Value, json};

use crate::harness::Hub;

#[tokio::test]
async fn every_item_is_its_own_request() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let send = |token: &str, body: Value| {
        hub.call(token, "POST", "/hub/api/bulk/users")
            .json(&body)
            .send()
    };
    let item = |user: &str, status: u16, message: Option<&str>| match message {
        Some(message) => json!({"user": user, "status": status, "message": message}),
        None => json!({"user": user, "status": status}),
    };
    for (body, expected) in [
        (
            json!({"action": "create", "users": ["zoe", "alice", "a/b", "wash"]}),
            [
                item("zoe", 201, None),
                item("alice", 409, Some("User alice already exists")),
                item("a/b", 400, Some("Invalid username: a/b")),
                item("wash", 201, None),
            ],
        ),
        (
            json!({"action": "add_to_group", "group": "lab", "users": ["zoe", "bob", "ghost", "wash"]}),
            [
                item("zoe", 200, None),
                item("bob", 200, None),
                item("ghost", 400, Some("No such user: ghost")),
                item("wash", 200, None),
            ],
        ),
        (
            json!({"action": "start", "users": ["zoe", "bob", "ghost", "zoe"]}),
            [
                item("zoe", 201, None),
                item("bob", 201, None),
                item("ghost", 404, None),
                Value::Null,
            ],
        ),
        (
            json!({"action": "stop", "users": ["zoe", "bob", "wash", "ghost"]}),
            [
                item("zoe", 204, None),
                item("bob", 204, None),
                item("wash", 204, None),
                item("ghost", 404, None),
            ],
        ),
        (
            json!({"action": "remove_from_group", "group": "lab", "users": ["zoe", "bob", "ghost", "wash"]}),
            [
                item("zoe", 200, None),
                item("bob", 200, None),
                item("ghost", 400, Some("No such user: ghost")),
                item("wash", 200, None),
            ],
        ),
        (
            json!({"action": "delete", "users": ["zoe", "wash", "admin", "ghost"]}),
            [
                item("zoe", 204, None),
                item("wash", 204, None),
                item("admin", 400, Some("Cannot delete yourself!")),
                item("ghost", 404, None),
            ],
        ),
    ] {
        let reply = send(&admin, body.clone()).await.expect(200).json();
        let results = reply["results"].as_array().unwrap();
        for (result, expected) in results.iter().zip(&expected) {
            // The second start of one server meets the first one: any of its answers will do.
            assert!(
                result == expected || expected.is_null(),
                "{body}: {result} != {expected}"
            );
        }
        assert_eq!(results.len(), 4);
    }
    // Permission is asked for each.
    let reply = send(
        &alice,
        json!({"action": "start", "users": ["alice", "bob"]}),
    )
    .await;
    let reply = reply.expect(200).json();
    assert_eq!(reply["results"][0], item("alice", 201, None));
    assert_eq!(reply["results"][1]["status"], 404);
    for body in [
        json!(null),
        json!([]),
        json!({"action": "burn", "users": []}),
        json!({"action": "create"}),
        json!({"action": "add_to_group", "users": ["bob"]}),
        json!({"action": "create", "users": vec!["x"; 1_001]}),
    ] {
        send(&admin, body).await.expect(400);
    }
    let body = json!({"action": "create", "users": ["eve"]});
    hub.request("POST", "/hub/api/bulk/users")
        .json(&body)
        .send()
        .await
        .expect(403);
}
