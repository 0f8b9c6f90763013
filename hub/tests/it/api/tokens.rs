//! The life of a token.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub, PASSWORD};

const TOKENS: &str = "/hub/api/users/alice/tokens";

#[tokio::test]
async fn made_seen_used_and_revoked() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let body = json!({"note": "for the lab", "scopes": ["read:users!user"], "expires_in": 60});
    let made = hub
        .call(&me, "POST", TOKENS)
        .json(&body)
        .send()
        .await
        .expect(201)
        .json();
    let secret = made["token"].as_str().unwrap().to_owned();
    assert_eq!(
        (secret.len(), &made["note"], &made["user"]),
        (64, &json!("for the lab"), &json!("alice"))
    );
    assert_eq!(made["expires_at"], "2026-11-22T03:31:07.624000Z");
    assert_eq!(
        (&made["kind"], &made["roles"], &made["oauth_client"]),
        (&json!("api_token"), &json!([]), &json!("JupyterHub"))
    );
    let scopes = [
        "read:users!user=alice",
        "read:users:activity!user=alice",
        "read:users:groups!user=alice",
        "read:users:name!user=alice",
    ];
    assert_eq!(made["scopes"], json!(scopes));

    let one = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
    let seen = hub.call(&me, "GET", &one).send().await.expect(200).json();
    assert_eq!((&seen["id"], seen.get("token")), (&made["id"], None));
    let all = hub.call(&me, "GET", TOKENS).send().await.expect(200).json();
    assert_eq!(all["api_tokens"].as_array().unwrap().len(), 2);

    hub.call(&secret, "GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(200);
    hub.call(&secret, "GET", TOKENS).send().await.expect(403);
    assert_eq!(
        hub.call(&me, "DELETE", &one).send().await.expect(204).body,
        ""
    );
    hub.call(&secret, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    let missing = hub.call(&me, "DELETE", &one).send().await;
    assert_eq!(
        missing.error(),
        (
            404,
            Some(format!(
                "No such token {} for user alice",
                made["id"].as_str().unwrap()
            ))
        )
    );
}

#[tokio::test]
async fn an_expired_token_is_refused_by_the_next_request() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let made = hub
        .call(&me, "POST", TOKENS)
        .json(&json!({"expires_in": 1}))
        .send()
        .await
        .expect(201)
        .json();
    let secret = made["token"].as_str().unwrap();
    hub.call(secret, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    hub.clock.advance(TimeDelta::seconds(1));
    hub.call(secret, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    let all = hub.call(&me, "GET", TOKENS).send().await.expect(200).json();
    assert_eq!(all["api_tokens"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_for() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let not_an_integer =
        |shown: &str| format!("token expires_in must be null or integer, not {shown}");
    for (body, message) in [
        (
            json!({"expires_in": 0}),
            "expires_in must be a positive integer or null, not 0".to_owned(),
        ),
        (
            json!({"expires_in": -1}),
            "expires_in must be a positive integer or null, not -1".to_owned(),
        ),
        (json!({"expires_in": true}), not_an_integer("True")),
        (json!({"expires_in": "10"}), not_an_integer("'10'")),
        (json!({"expires_in": 1.5}), not_an_integer("1.5")),
        (
            json!({"expires_in": i64::MAX}),
            "token expires_in: 9223372036854775807 must not exceed 3153600000".to_owned(),
        ),
        (
            json!({"scopes": ["nope"]}),
            "\"Scope 'nope' for token does not exist\"".to_owned(),
        ),
        (
            json!({"scopes": "read:users"}),
            "token scopes must be null or a list of strings, not 'read:users'".to_owned(),
        ),
        (
            json!({"scopes": [1]}),
            "token scopes must be null or a list of strings, not [1]".to_owned(),
        ),
        (
            json!({"scopes": ["tokens", "proxy"]}),
            "Not assigning requested scopes tokens,read:tokens,proxy not held by User alice"
                .to_owned(),
        ),
        (
            json!({"scopes": ["read:users"]}),
            "Not assigning requested scopes read:users,read:users:name,read:users:groups,read:users:activity not held by User alice".to_owned(),
        ),
        (json!({"roles": ["admin"]}), String::new()),
        (
            json!({"roles": ["nope"]}),
            "\"Role 'nope' does not exist\"".to_owned(),
        ),
        (
            json!({"roles": ["token"], "scopes": ["inherit"]}),
            "Can only assign one of roles or scopes when creating tokens.".to_owned(),
        ),
        (
            json!({"note": "x".repeat(1_001)}),
            "token note must be at most 1000 characters".to_owned(),
        ),
        (
            json!({"note": ["x"]}),
            "token note must be a string, not ['x']".to_owned(),
        ),
        (json!([1]), "Body must be a JSON dict or empty".to_owned()),
    ] {
        let (status, text) = hub
            .call(&me, "POST", TOKENS)
            .json(&body)
            .send()
            .await
            .error();
        assert_eq!(status, 400, "{body:.80}");
        if message.is_empty() {
            assert!(
                text.unwrap().starts_with("Not assigning requested scopes"),
                "{body}"
            );
        } else {
            assert_eq!(text, Some(message), "{body:.80}");
        }
    }
    let huge = hub
        .call(&me, "POST", TOKENS)
        .text(r#"{"expires_in": 1000000000000000000000000000000}"#)
        .send()
        .await;
    huge.expect(400);
    let many: Vec<_> = (0..10_000)
        .map(|n| format!("read:users!user=u{n}"))
        .collect();
    hub.call(&me, "POST", TOKENS)
        .json(&json!({"scopes": many}))
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn a_configured_maximum() {
    let hub = Hub::with(|config| {
        config.jupyterhub.token_expires_in_max_seconds = Some(std::time::Duration::from_secs(100));
    })
    .await;
    let me = hub.token("alice", &["inherit"]).await;
    let make = |body: Value| hub.call(&me, "POST", TOKENS).json(&body);
    make(json!({"expires_in": 101})).send().await.expect(400);
    let never = make(json!({"expires_in": null}))
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(never["expires_at"], "2026-11-22T03:31:47.624000Z");
}

#[tokio::test]
async fn no_token_makes_a_wider_one() {
    let hub = Hub::start().await;
    let narrow = hub
        .token("alice", &["tokens!user", "read:users:name!user"])
        .await;
    // What is cached of the caller is older than what the database says of the owner by now.
    hub.call(&narrow, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    hub.clock.advance(TimeDelta::seconds(1));
    hub.state.identities.write_uses().await.unwrap();
    for scopes in [json!(["inherit"]), json!(["servers!user"]), json!(["self"])] {
        hub.call(&narrow, "POST", TOKENS)
            .json(&json!({"scopes": scopes}))
            .send()
            .await
            .expect(400);
    }
    let made = hub
        .call(&narrow, "POST", TOKENS)
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(
        made["scopes"],
        json!([
            "read:tokens!user=alice",
            "read:users:groups!user=alice",
            "read:users:name!user=alice",
            "tokens!user=alice"
        ])
    );
    // An administrator's token is not the owner's: it may give what the owner holds.
    let admin = hub.token("admin", &["tokens"]).await;
    let made = hub
        .call(&admin, "POST", TOKENS)
        .send()
        .await
        .expect(201)
        .json();
    assert!(
        made["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("servers!user=alice"))
    );
    assert_eq!(made["note"], "Requested via api by user admin");
    hub.call(&admin, "POST", TOKENS)
        .json(&json!({"scopes": ["proxy"]}))
        .send()
        .await
        .expect(400);
    let reply = hub.call(CULLER_TOKEN, "POST", TOKENS).send().await;
    let text = "Service alice not found or no permissions to generate tokens";
    assert_eq!(reply.error(), (403, Some(text.into())));
}

#[tokio::test]
async fn case_48_a_narrow_token_of_an_administrator_gets_no_token_of_another() {
    let hub = Hub::start().await;
    let whole = hub.token("admin", &["inherit"]).await;
    hub.call(&whole, "PATCH", "/hub/api/users/bob")
        .json(&json!({"admin": true}))
        .send()
        .await
        .expect(200);
    let narrow = hub.token("admin", &["tokens"]).await;
    for (token, user, status) in [
        (&narrow, "bob", 403),
        (&narrow, "alice", 201),
        (&narrow, "admin", 201),
        (&whole, "bob", 201),
    ] {
        let path = format!("/hub/api/users/{user}/tokens");
        let reply = hub.call(token, "POST", &path).send().await;
        assert_eq!(reply.status, status, "{user}");
    }
}

#[tokio::test]
async fn a_token_shrinks_with_its_owner() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    hub.call(&admin, "PATCH", "/hub/api/users/bob")
        .json(&json!({"admin": true}))
        .send()
        .await
        .expect(200);
    let bob = hub.token("bob", &["inherit"]).await;
    let lists = hub.token("bob", &["list:users"]).await;
    hub.call(&bob, "GET", "/hub/api/users")
        .send()
        .await
        .expect(200);
    hub.call(&admin, "PATCH", "/hub/api/users/bob")
        .json(&json!({"admin": false}))
        .send()
        .await
        .expect(200);
    hub.call(&bob, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
    hub.call(&lists, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn by_name_and_password() {
    let hub = Hub::start().await;
    let ask = |username: &str, password: &str| {
        let body = json!({"auth": {"username": username, "password": password}});
        hub.request("POST", TOKENS).json(&body)
    };
    let made = ask("Alice ", PASSWORD).send().await.expect(201).json();
    let secret = made["token"].as_str().unwrap();
    assert_eq!(
        hub.call(secret, "GET", "/hub/api/user")
            .send()
            .await
            .expect(200)
            .json()["name"],
        "alice"
    );
    assert_eq!(ask("alice", "wrong").send().await.error(), (403, None));
    assert_eq!(ask("stranger", PASSWORD).send().await.error(), (403, None));
    let admin = hub.token("admin", &["inherit"]).await;
    hub.call(&admin, "GET", "/hub/api/users/stranger")
        .send()
        .await
        .expect(404);
    ask("bob", PASSWORD).send().await.expect(403);
    assert_eq!(
        hub.request("POST", TOKENS)
            .json(&json!({"auth": "x"}))
            .send()
            .await
            .error(),
        (403, None)
    );
}
