//! Groups: made, changed and deleted at run time; nobody gains by it.

use serde_json::{Value, json};

use crate::harness::Hub;

#[tokio::test]
async fn groups_come_and_go() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let call = |method: &str, path: &str, body: Value| {
        let path = format!("/hub/api/groups{path}");
        hub.call(&admin, method, &path).json(&body).send()
    };
    let group = |name: &str, users: Value, properties: Value| json!({"kind": "group", "name": name, "users": users, "roles": [], "properties": properties});
    let made = call(
        "POST",
        "",
        json!({"groups": ["a", "b", "a"], "users": ["Alice"]}),
    )
    .await;
    assert_eq!(
        made.expect(201).json(),
        json!([
            group("a", json!(["alice"]), json!({})),
            group("b", json!(["alice"]), json!({}))
        ])
    );
    let made = call("POST", "/c", json!(null)).await.expect(201).json();
    assert_eq!(made, group("c", json!([]), json!({})));
    let users = json!({"users": ["bob", "alice", "bob"]});
    let grown = call("POST", "/c/users", users.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(grown["users"], json!(["alice", "bob"]));
    let shrunk = call("DELETE", "/c/users", json!({"users": ["alice"]})).await;
    assert_eq!(shrunk.expect(200).json()["users"], json!(["bob"]));
    let set = call("PUT", "/c/properties", json!({"quota": {"gpu": 2}})).await;
    assert_eq!(
        set.expect(200).json(),
        group("c", json!(["bob"]), json!({"quota": {"gpu": 2}}))
    );
    let set = call("PUT", "/c/properties", json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(set["properties"], json!({}));
    let reply = call("DELETE", "/c", json!(null)).await.expect(204);
    assert_eq!(reply.body, "");
    let reply = call("DELETE", "/c", json!(null)).await;
    assert_eq!(reply.error(), (404, Some("No such group: c".into())));
    let bob = hub.call(&admin, "GET", "/hub/api/users/bob").send().await;
    assert_eq!(bob.expect(200).json()["groups"], json!(["lab"]));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for (method, path, body, status, message) in [
        (
            "POST",
            "",
            json!({}),
            400,
            "Must specify at least one group to create",
        ),
        (
            "POST",
            "",
            json!({"groups": []}),
            400,
            "Must specify at least one group to create",
        ),
        (
            "POST",
            "",
            json!([]),
            400,
            "Must specify at least one group to create",
        ),
        (
            "POST",
            "",
            json!({"groups": ["x", "lab"]}),
            409,
            "Group lab already exists",
        ),
        (
            "POST",
            "",
            json!({"groups": ["x", 1]}),
            400,
            "groups must be strings",
        ),
        (
            "POST",
            "",
            json!({"groups": ["x", "a/b"]}),
            400,
            "Invalid group name: a/b (name contains '/')",
        ),
        (
            "POST",
            "",
            json!({"groups": ["x"], "users": ["ghost"]}),
            400,
            "No such user: ghost",
        ),
        (
            "POST",
            "",
            json!({"groups": ["x"], "zzz": 1}),
            400,
            "Invalid JSON keys: {'zzz': 1}",
        ),
        ("POST", "/lab", json!({}), 409, "Group lab already exists"),
        (
            "POST",
            "/x",
            json!({"users": "bob"}),
            400,
            "group.users must be <class 'list'>, not: <class 'str'>",
        ),
        (
            "POST",
            "/x",
            json!({"roles": "admin"}),
            400,
            "group.roles must be <class 'list'>, not: <class 'str'>",
        ),
        ("POST", "/x", json!([]), 400, "Invalid JSON data: []"),
        (
            "POST",
            "/lab/users",
            json!(null),
            400,
            "Invalid JSON data: None",
        ),
        (
            "POST",
            "/lab/users",
            json!({}),
            400,
            "Must specify users to add",
        ),
        (
            "DELETE",
            "/lab/users",
            json!({}),
            400,
            "Must specify users to delete",
        ),
        (
            "POST",
            "/lab/users",
            json!({"users": ["alice", "ghost"]}),
            400,
            "No such user: ghost",
        ),
        (
            "POST",
            "/x/users",
            json!({"users": ["alice"]}),
            404,
            "No such group: x",
        ),
        ("PUT", "/x/properties", json!({}), 404, "No such group: x"),
        (
            "PUT",
            "/lab/properties",
            json!([]),
            400,
            "Must specify properties",
        ),
    ] {
        let path = format!("/hub/api/groups{path}");
        let reply = hub.call(&admin, method, &path).json(&body).send().await;
        assert_eq!(
            reply.error(),
            (status, Some(message.into())),
            "{method} {path} {body}"
        );
    }
    let groups = hub
        .call(&admin, "GET", "/hub/api/groups")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        groups,
        json!([{"kind": "group", "name": "lab", "users": ["bob"], "roles": [], "properties": {"room": 7}}])
    );
}

/// Security case 51: a filter on groups is not left, and its holder gains nothing.
#[tokio::test]
async fn a_filter_on_groups_is_never_left() {
    let hub = Hub::start().await;
    let lab = hub.token("admin", &["admin:groups!group=lab"]).await;
    let both = hub
        .token("admin", &["admin:groups!group=lab", "servers!group=lab"])
        .await;
    let alice = json!({"users": ["alice"]});
    for (token, method, path, body, status) in [
        (&lab, "POST", "", json!({"groups": ["x"]}), 403),
        (&lab, "POST", "/x", json!({}), 404),
        (&lab, "DELETE", "/x", json!({}), 404),
        (&lab, "POST", "/x/users", alice.clone(), 404),
        (&lab, "DELETE", "/x/users", alice.clone(), 404),
        (&lab, "PUT", "/x/properties", json!({}), 404),
        (&lab, "GET", "/x", json!({}), 404),
        (&lab, "PUT", "/lab/properties", json!({}), 200),
        (&lab, "POST", "/lab/users", alice.clone(), 200),
        (&lab, "DELETE", "/lab/users", alice.clone(), 200),
        // With it the servers of alice would come within reach.
        (&both, "POST", "/lab/users", alice.clone(), 403),
        (&both, "POST", "/lab/users", json!({"users": ["bob"]}), 200),
        (
            &both,
            "DELETE",
            "/lab/users",
            json!({"users": ["bob"]}),
            200,
        ),
        (&lab, "DELETE", "/lab", json!({}), 204),
        // A group that is gone may come back under the same filter, but not with anybody in it.
        (&both, "POST", "/lab", alice, 403),
        (&both, "POST", "/lab", json!({}), 201),
    ] {
        let path = format!("/hub/api/groups{path}");
        let reply = hub.call(token, method, &path).json(&body).send().await;
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{method} {path} {body}: {reply:?}"
        );
    }
}

/// Security case 52: whoever may edit groups does not become an administrator by it.
#[tokio::test]
async fn roles_in_a_body_are_passed_over() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let body = json!({"roles": ["admin"], "users": ["bob"]});
    let call = hub.call(&admin, "POST", "/hub/api/groups/club").json(&body);
    let group = call.send().await.expect(201).json();
    assert_eq!(
        (&group["users"], &group["roles"]),
        (&json!(["bob"]), &json!([]))
    );
    let bob = hub.call(&admin, "GET", "/hub/api/users/bob").send().await;
    assert_eq!(bob.json()["roles"], json!(["user"]));
}

#[tokio::test]
async fn nobody_joins_a_group_for_its_roles() {
    let role = |name: &str, users: &[&str], groups: &[&str], scopes: &[&str]| {
        use hub::config::RoleSpec;
        RoleSpec {
            name: name.into(),
            users: Some(users.iter().map(ToString::to_string).collect()),
            groups: Some(groups.iter().map(ToString::to_string).collect()),
            scopes: Some(scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
            ..RoleSpec::default()
        }
    };
    let hub = Hub::with(|config| {
        config.jupyterhub.load_roles.extend([
            role("staff", &[], &["lab"], &["admin:users", "proxy"]),
            role("manager", &["alice"], &[], &["groups"]),
        ]);
    })
    .await;
    let alice = hub.token("alice", &["inherit"]).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let add = |token: &str, user: &str| {
        hub.call(token, "POST", "/hub/api/groups/lab/users")
            .json(&json!({ "users": [user] }))
            .send()
    };
    let (status, message) = add(&alice, "alice").await.error();
    assert_eq!(status, 403);
    assert!(
        message
            .unwrap()
            .starts_with("Adding alice to group lab would give ")
    );
    add(&alice, "admin").await.expect(200);
    add(&admin, "alice").await.expect(200);
    hub.call(&alice, "GET", "/hub/api/proxy")
        .send()
        .await
        .expect(200);
}
