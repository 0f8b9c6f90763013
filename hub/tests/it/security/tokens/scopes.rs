//! Cases 48-50: what a token may hold.

use super::*;

#[tokio::test]
async fn case_48_scopes_of_new_tokens() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let narrow = hub
        .token("alice", &["tokens!user", "read:users:name!user"])
        .await;
    let before = database(&hub).await;
    let many: Vec<String> = (0..10_000).map(|n| format!("custom:s{n}")).collect();
    for scopes in [
        json!("inherit"),
        json!(5),
        json!(true),
        json!({}),
        json!([1]),
        json!([null]),
        json!([["self"]]),
        json!(["nope"]),
        json!([""]),
        json!(["admin:users"]),
        json!(["list:users"]),
        json!(["read:users!user=bob"]),
        json!(["access:services"]),
        json!(["read:users!group=lab"]),
        json!(["admin"]),
        json!(["user"]),
        json!(["read:users "]),
        json!(["read:users!"]),
        json!(many),
    ] {
        for with in [&me, &narrow] {
            let reply = make(&hub, with, &json!({"scopes": scopes})).await;
            assert_eq!(reply.status, 400, "{scopes:.60}: {reply:?}");
        }
    }
    for body in [
        json!({"roles": ["admin"]}),
        json!({"roles": ["nope"]}),
        json!({"roles": "user"}),
        json!({"roles": [1]}),
        json!({"roles": ["user"], "scopes": ["self"]}),
        json!([1]),
        json!("x"),
    ] {
        make(&hub, &me, &body).await.expect(400);
    }
    // A narrow token makes no wider one; and nobody makes one for somebody else.
    for scopes in [json!(["inherit"]), json!(["self"]), json!(["servers!user"])] {
        make(&hub, &narrow, &json!({"scopes": scopes}))
            .await
            .expect(400);
    }
    make(&hub, &narrow, &json!({"roles": ["user"]}))
        .await
        .expect(400);
    for other in ["bob", "admin", "nobody"] {
        let call = hub.call(&me, "POST", &format!("/hub/api/users/{other}/tokens"));
        call.json(&json!({})).send().await.expect(403);
    }
    assert_eq!(database(&hub).await, before);
    // What is left out, or repeated, is a subset, too.
    let own = ["read:users:groups!user=alice", "read:users:name!user=alice"];
    for scopes in [
        json!([]),
        json!(["read:users:name!user", "read:users:name!user"]),
        json!(["read:users:name!user=alice"]),
    ] {
        let made = make(&hub, &me, &json!({ "scopes": scopes }))
            .await
            .expect(201)
            .json();
        // Who it belongs to is all that any token can read.
        assert_eq!(made["scopes"], json!(own), "{scopes}: {made}");
    }
    let made = make(&hub, &narrow, &json!({})).await.expect(201).json();
    let token = made["token"].as_str().unwrap().to_owned();
    hub.call(&token, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(403);
    hub.is_well().await;
}

#[tokio::test]
async fn case_49_tokens_of_owners_who_lose_a_role() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    let set = |value: bool| {
        let call = hub.call(&root, "PATCH", "/hub/api/users/bob");
        call.json(&json!({"admin": value})).send()
    };
    set(true).await.expect(200);
    let mut tokens = Vec::new();
    for scopes in [
        &["inherit"][..],
        &["read:hub", "list:users", "self"],
        &["admin:users", "read:hub", "tokens"],
    ] {
        let token = hub.token("bob", scopes).await;
        hub.call(&token, "GET", "/hub/api/info")
            .send()
            .await
            .expect(200);
        hub.call(&token, "GET", "/hub/api/users")
            .send()
            .await
            .expect(200);
        tokens.push(token);
    }
    let browser = hub.log_in("bob").await;
    hub.request("GET", "/hub/api/info")
        .browser(&browser)
        .send()
        .await
        .expect(200);
    set(false).await.expect(200);
    for token in &tokens {
        for path in [
            "/hub/api/info",
            "/hub/api/users",
            "/hub/api/users/alice",
            "/hub/api/users/alice/tokens",
        ] {
            let reply = hub.call(token, "GET", path).send().await;
            assert!(
                [403, 404].contains(&reply.status.as_u16()),
                "{path}: {reply:?}"
            );
        }
        let scopes = who(&hub, token).await.expect(200).json()["scopes"].to_string();
        assert!(
            !scopes.contains("admin") && !scopes.contains("\"list:users\""),
            "{scopes}"
        );
    }
    hub.request("GET", "/hub/api/info")
        .browser(&browser)
        .send()
        .await
        .expect(403);
    hub.is_well().await;
}

#[tokio::test]
async fn case_50_a_service_and_a_user_of_one_name() {
    let hub = Watched::with(|config| {
        config.authenticator.allowed_users.insert("culler".into());
        config.jupyterhub.load_roles[0].scopes = Some(vec![
            "tokens!service=culler".parse().unwrap(),
            "read:tokens!service".parse().unwrap(),
            "users!service=culler".parse().unwrap(),
        ]);
    })
    .await;
    let tokens = count(&hub, "SELECT COUNT(*) FROM tokens").await;
    let user = "/hub/api/users/culler";
    hub.call(CULLER_TOKEN, "POST", &format!("{user}/tokens"))
        .json(&json!({}))
        .send()
        .await
        .expect(403);
    for path in [
        format!("{user}/tokens"),
        user.to_owned(),
        format!("{user}/tokens/a1"),
    ] {
        let reply = hub.call(CULLER_TOKEN, "GET", &path).send().await;
        assert!(
            [403, 404].contains(&reply.status.as_u16()),
            "{path}: {reply:?}"
        );
    }
    hub.call(CULLER_TOKEN, "DELETE", &format!("{user}/sessions"))
        .send()
        .await
        .expect(404);
    // Nor the other way round: `!user=culler` is no service.
    let me = hub.token("culler", &["inherit"]).await;
    let reply = hub
        .call(&me, "GET", "/hub/api/services/culler")
        .send()
        .await;
    assert!([403, 404].contains(&reply.status.as_u16()), "{reply:?}");
    assert_eq!(count(&hub, "SELECT COUNT(*) FROM tokens").await, tokens + 1);
    hub.is_well().await;
}
