//! What is kept of a user's login, in the API. Source: JupyterHub 6.1's `apihandlers/users.py`.

use hub::config::{Config, CryptKey};
use serde_json::{Value, json};

use crate::harness::Hub;

fn with_a_key(config: &mut Config) {
    config.crypt_keeper.keys = vec![CryptKey::parse(&"5a".repeat(32)).unwrap()];
}

#[tokio::test]
async fn whoever_may_read_it_reads_it_of_one_user() {
    let hub = Hub::with(with_a_key).await;
    let admin = hub.token("admin", &["admin:users", "list:users"]).await;
    let state = json!({"access_token": "t0ken", "of": ["a", null]});
    let patch = |body: Value| hub.call(&admin, "PATCH", "/hub/api/users/bob").json(&body);
    let model = patch(json!({"auth_state": state}))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["auth_state"], state);
    // The state is the user's, whatever they are called.
    let model = patch(json!({"name": "robert"}))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["name"], &model["auth_state"]),
        (&json!("robert"), &state)
    );
    let get = async |token: &str, path: &str| {
        let reply = hub.call(token, "GET", path).send().await;
        reply.expect(200).json()
    };
    for (scopes, expected) in [
        (&["admin:auth_state", "read:users:name"][..], Some(&state)),
        (
            &["admin:auth_state!user=robert", "read:users:name"][..],
            Some(&state),
        ),
        (&["admin:users"][..], Some(&state)),
        (&["read:users"][..], None),
        (
            &["admin:auth_state!user=alice", "read:users:name"][..],
            None,
        ),
    ] {
        let token = hub.token("admin", scopes).await;
        let model = get(&token, "/hub/api/users/robert").await;
        assert_eq!(model.get("auth_state"), expected, "{scopes:?}");
    }
    // Lists do not show it.
    let all = get(&admin, "/hub/api/users").await;
    for user in all.as_array().unwrap() {
        assert_eq!(user["auth_state"], Value::Null, "{user}");
    }
    let emptied = hub
        .call(&admin, "PATCH", "/hub/api/users/robert")
        .json(&json!({"auth_state": {}}));
    let model = emptied.send().await.expect(200).json();
    assert_eq!(model["auth_state"], json!({}));
}

#[tokio::test]
async fn nothing_is_kept_without_a_key_or_for_whoever_may_not() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["admin:users"]).await;
    let body = json!({"auth_state": {"a": 1}});
    let reply = hub
        .call(&admin, "PATCH", "/hub/api/users/bob")
        .json(&body)
        .send()
        .await;
    let (status, message) = reply.error();
    assert_eq!(status, 400);
    assert!(message.unwrap().contains("no key to encrypt it with"));
    let hub = hub.restart(with_a_key).await;
    let reader = hub
        .token("admin", &["read:users", "admin:auth_state"])
        .await;
    let reply = hub
        .call(&reader, "PATCH", "/hub/api/users/bob")
        .json(&body)
        .send()
        .await;
    assert!(matches!(reply.status.as_u16(), 403 | 404), "{reply:?}");
    for bad in [
        json!({"auth_state": "x"}),
        json!({"auth_state": null}),
        json!({"auth_state": [1]}),
    ] {
        let reply = hub
            .call(&admin, "PATCH", "/hub/api/users/bob")
            .json(&bad)
            .send()
            .await;
        assert_eq!(reply.error().0, 400, "{bad}");
    }
}
