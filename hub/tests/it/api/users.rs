//! Making, changing and deleting users; their activity.

use hub_types::clock::Clock as _;
use serde_json::{Value, json};

use crate::harness::{Behaviour, Hub};
use hub::db::roles::Holder;
use hub::domain::role::Origin;

#[tokio::test]
async fn many_at_once() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let post = |body: Value| hub.call(&admin, "POST", "/hub/api/users").json(&body);
    let reply = post(json!({"usernames": ["Zoe", "alice", "zoe", "wash"]}))
        .send()
        .await
        .expect(201);
    let models = reply.json();
    let names: Vec<&str> = models
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["zoe", "zoe", "wash"]);
    assert_eq!(
        (&models[0]["roles"], &models[0]["admin"]),
        (&json!(["user"]), &json!(false))
    );
    let nobody = "Must specify at least one user to create";
    for (body, status, message) in [
        (
            json!({"usernames": ["zoe"]}),
            409,
            "All 1 users already exist",
        ),
        (json!({"usernames": []}), 400, nobody),
        (json!({}), 400, nobody),
        (json!([]), 400, nobody),
        (json!({"usernames": "zoe"}), 400, nobody),
        (json!({"usernames": [1]}), 400, "usernames must be strings"),
        (json!({"usernames": ["a/b"]}), 400, "Invalid username: a/b"),
        (json!({"usernames": [".."]}), 400, "Invalid username: .."),
        (
            json!({"usernames": ["%2e%2E"]}),
            400,
            "Invalid username: %2e%2e",
        ),
        (
            json!({"usernames": ["a\u{202e}b"]}),
            400,
            "Invalid username: a\\u{202e}b",
        ),
        (
            json!({"usernames": ["x"], "zzz": true}),
            400,
            "Invalid JSON keys: {'zzz': True}",
        ),
        (
            json!({"usernames": ["x"], "admin": 1}),
            400,
            "user.admin must be <class 'bool'>, not: <class 'int'>",
        ),
    ] {
        assert_eq!(
            post(body.clone()).send().await.error(),
            (status, Some(message.into())),
            "{body}"
        );
    }
    let reply = post(json!({"usernames": ["yan"], "admin": true}))
        .send()
        .await
        .expect(201);
    assert_eq!(
        (&reply.json()[0]["admin"], &reply.json()[0]["roles"]),
        (&json!(true), &json!(["user", "admin"]))
    );
}

#[tokio::test]
async fn one_by_one() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let call =
        |method: &str, name: &str| hub.call(&admin, method, &format!("/hub/api/users/{name}"));
    assert_eq!(
        call("POST", "Zo%C3%A9").send().await.expect(201).json()["name"],
        "zoé"
    );
    assert_eq!(
        call("GET", "zo%C3%A9").send().await.expect(200).json()["name"],
        "zoé"
    );
    assert_eq!(
        call("POST", "zo%C3%A9").send().await.error(),
        (409, Some("User zoé already exists".into()))
    );
    assert_eq!(
        call("POST", "%2e%2e").send().await.error(),
        (400, Some("Invalid username: ..".into()))
    );
    call("GET", "%ff").send().await.expect(404);
    assert_eq!(call("GET", "nobody").send().await.error(), (404, None));

    assert_eq!(
        call("DELETE", "admin").send().await.error(),
        (400, Some("Cannot delete yourself!".into()))
    );
    assert_eq!(call("DELETE", "zo%C3%A9").send().await.expect(204).body, "");
    assert_eq!(call("DELETE", "zo%C3%A9").send().await.error(), (404, None));
}

#[tokio::test]
async fn changes() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let patch = |name: &str, body: Value| {
        hub.call(&admin, "PATCH", &format!("/hub/api/users/{name}"))
            .json(&body)
    };
    let bob = hub.token("bob", &["inherit"]).await;
    let model = patch("bob", json!({"name": "bob", "admin": true}))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["name"], &model["admin"], &model["auth_state"]),
        (&json!("bob"), &json!(true), &json!(null))
    );
    hub.call(&bob, "GET", "/hub/api/info")
        .send()
        .await
        .expect(200);
    patch("bob", json!({"admin": false}))
        .send()
        .await
        .expect(200);
    hub.call(&bob, "GET", "/hub/api/info")
        .send()
        .await
        .expect(403);

    let model = patch("bob", json!({"name": "Robert"}))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["name"], "robert");
    // Nothing of the old name goes on: security case 29.
    hub.call(&bob, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    hub.call(&admin, "GET", "/hub/api/users/bob")
        .send()
        .await
        .expect(404);
    for (body, message) in [
        (
            json!({"name": "alice"}),
            "User alice already exists, username must be unique",
        ),
        (json!({"name": "a/b"}), "Invalid username: a/b"),
        (json!({"zzz": 1}), "Invalid JSON keys: {'zzz': 1}"),
        (
            json!({"name": 1}),
            "user.name must be <class 'str'>, not: <class 'int'>",
        ),
    ] {
        assert_eq!(
            patch("robert", body.clone()).send().await.error(),
            (400, Some(message.into())),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_user_goes_with_all_servers() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    for path in ["server", "servers/gpu"] {
        hub.call(&alice, "POST", &format!("/hub/api/users/alice/{path}"))
            .send()
            .await
            .expect(201);
    }
    let rename = hub
        .call(&admin, "PATCH", "/hub/api/users/alice")
        .json(&json!({"name": "eve"}))
        .send()
        .await;
    assert_eq!(rename.error().0, 400);
    assert_eq!(hub.proxy.0.lock().unwrap().len(), 2);
    hub.call(&admin, "DELETE", "/hub/api/users/alice")
        .send()
        .await
        .expect(204);
    assert_eq!(hub.proxy.0.lock().unwrap().len(), 0);
    let deleted = hub.spawner.deleted.lock().unwrap().clone();
    assert_eq!(deleted, ["alice/", "alice/gpu"]);
    hub.call(&alice, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    // Somebody new of that name has nothing of the old one.
    hub.call(&admin, "POST", "/hub/api/users/alice")
        .send()
        .await
        .expect(201);
    hub.call(&alice, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn activity_only_moves_forward() {
    let hub = Hub::start().await;
    hub.spawner.next(Behaviour::Answers);
    let me = hub.token("alice", &["inherit"]).await;
    // Somebody else: a user's own requests are activity too.
    let admin = hub.token("admin", &["inherit"]).await;
    let post = |body: Value| {
        hub.call(&admin, "POST", "/hub/api/users/alice/activity")
            .json(&body)
    };
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    hub.clock.advance(chrono::TimeDelta::hours(1));
    let report =
        |time: &str| json!({"servers": {"": {"last_activity": time}}, "last_activity": time});
    for (time, expected) in [
        ("2026-11-22T04:00:00Z", "2026-11-22T04:00:00Z"),
        ("2026-11-22T03:59:59.5Z", "2026-11-22T04:00:00Z"),
        ("2026-11-22 04:10:00.000001", "2026-11-22T04:10:00.000001Z"),
        ("2026-11-22T05:20:00+01:00", "2026-11-22T04:20:00Z"),
    ] {
        let reply = post(report(time)).send().await.expect(200);
        assert_eq!(reply.body, "");
        let model = hub
            .call(&admin, "GET", "/hub/api/users/alice")
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(model["servers"][""]["last_activity"], expected, "{time}");
        assert_eq!(model["last_activity"], expected, "{time}");
    }
    let shape = "servers must be a dict of the form {server_name: {last_activity: timestamp}}";
    let neither = "body must contain at least one of `last_activity` or `servers`";
    let future = "Rejecting activity from more than an hour in the future: 2026-11-22T05:30:08Z";
    for (body, message) in [
        (json!({}), neither),
        (json!({"servers": {}}), neither),
        (json!([]), "body must be a json dict"),
        (
            json!({"last_activity": "junk"}),
            "Not a valid timestamp: 'junk'",
        ),
        (json!({"last_activity": 12}), "Not a valid timestamp: 12"),
        (json!({"last_activity": "2026-11-22T05:30:08Z"}), future),
        (json!({"servers": []}), shape),
        (json!({"servers": {"": 1}}), shape),
        (json!({"servers": {"": {}}}), shape),
        (
            json!({"servers": {"x": {"last_activity": "2026-11-22"}}}),
            "No such server 'x' for user alice",
        ),
    ] {
        assert_eq!(
            post(body.clone()).send().await.error(),
            (400, Some(message.into())),
            "{body}"
        );
    }
    // Servers' times are checked before anything is stored.
    let mixed = json!({"last_activity": "2026-11-22T04:25:00Z", "servers": {"x": {"last_activity": "2026-11-22"}}});
    post(mixed).send().await.expect(400);
    let model = hub
        .call(&admin, "GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["last_activity"], "2026-11-22T04:20:00Z");
}

#[tokio::test]
async fn first_reports_at_the_same_time() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let report = json!({"servers": {"": {"last_activity": "2026-11-22T03:30:00Z"}}});
    for number in 0..8 {
        let user = format!("/hub/api/users/u{number}");
        hub.call(&admin, "POST", &user).send().await.expect(201);
        let path = format!("{user}/activity");
        let post = || hub.call(&admin, "POST", &path).json(&report).send();
        let replies = tokio::join!(post(), post(), post(), post());
        for reply in [replies.0, replies.1, replies.2, replies.3] {
            reply.expect(200);
        }
        let user = hub.call(&admin, "GET", &format!("{user}?include_stopped_servers"));
        let model = user.send().await.expect(200).json();
        assert_eq!(
            model["servers"][""]["last_activity"],
            "2026-11-22T03:30:00Z"
        );
    }
}

#[tokio::test]
async fn only_administrators_delete_administrators() {
    let hub = Hub::start().await;
    // May manage users, but is no administrator.
    let tx = hub.state.db.write().await.unwrap();
    let role = hub::domain::role::Role {
        name: "manager".into(),
        description: String::new(),
        scopes: vec!["admin:users".parse().unwrap()],
        origin: Origin::Api,
    };
    hub::db::roles::put(&tx, &role).await.unwrap();
    hub::db::roles::grant(&tx, "manager", Holder::User, "alice", Origin::Api)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let manager = hub.token("alice", &["admin:users"]).await;
    let call = hub.call(&manager, "DELETE", "/hub/api/users/admin");
    let error = call.send().await.error();
    assert_eq!(
        error,
        (403, Some("Only admins can delete other admins".into()))
    );
    // The rest of the managing still works.
    let call = hub.call(&manager, "POST", "/hub/api/users/newcomer");
    call.json(&json!({})).send().await.expect(201);
}

#[tokio::test]
async fn a_user_who_came_back_is_not_deleted() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let delete = |since: &str| {
        hub.call(&admin, "DELETE", "/hub/api/users/alice")
            .header("x-jupyterhub-if-inactive-since", since)
            .send()
    };
    let (status, message) = delete("yesterday").await.error();
    assert_eq!(status, 400);
    assert!(message.unwrap().contains("'yesterday'"));
    // A use that is noted and not written yet counts.
    let before = "2026-11-22T03:30:07.000000Z";
    hub.call(&alice, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    let text = "alice was active in the meantime".to_owned();
    assert_eq!(delete(before).await.error(), (412, Some(text)));

    // A running server is only stopped if it was not used either; its stop does not save the user.
    hub.call(&alice, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let started = "2026-11-22T03:30:07.624000Z";
    hub.clock.advance(chrono::TimeDelta::minutes(5));
    hub.call(&alice, "POST", "/hub/api/users/alice/activity")
        .json(&json!({"servers": {"": {"last_activity": "2026-11-22T03:32:00Z"}}}))
        .send()
        .await
        .expect(200);
    let (status, message) = delete(started).await.error();
    assert_eq!(status, 412, "{message:?}");
    let model = hub
        .call(&admin, "GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["servers"][""]["ready"], true);
    let now = hub_types::time::format(hub.clock.now());
    delete(&now).await.expect(204);
}
