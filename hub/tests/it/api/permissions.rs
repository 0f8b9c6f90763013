//! Who may do what: endpoints against callers.

use serde_json::json;

use crate::harness::{CULLER_TOKEN, Hub};

/// Expected: anonymous, alice (herself), bob (somebody else), the culler (a service with its role), an administrator.
const TABLE: &[(&str, &str, [u16; 5])] = &[
    ("GET", "/hub/api/info", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/user", [403, 200, 200, 200, 200]),
    ("GET", "/hub/api/users", [403, 403, 403, 200, 200]),
    ("GET", "/hub/api/users/alice", [403, 200, 404, 200, 200]),
    ("GET", "/hub/api/users/nobody", [403, 404, 404, 404, 404]),
    ("POST", "/hub/api/users", [403, 403, 403, 403, 400]),
    ("POST", "/hub/api/users/alice", [403, 403, 403, 403, 409]),
    ("PATCH", "/hub/api/users/alice", [403, 403, 403, 403, 200]),
    ("DELETE", "/hub/api/users/nobody", [403, 403, 403, 403, 404]),
    (
        "POST",
        "/hub/api/users/alice/activity",
        [403, 400, 404, 403, 400],
    ),
    (
        "GET",
        "/hub/api/users/alice/tokens",
        [403, 200, 404, 403, 200],
    ),
    (
        "POST",
        "/hub/api/users/alice/tokens",
        [403, 201, 403, 403, 201],
    ),
    (
        "GET",
        "/hub/api/users/alice/tokens/a999",
        [403, 404, 404, 403, 404],
    ),
    (
        "DELETE",
        "/hub/api/users/alice/tokens/a999",
        [403, 404, 404, 403, 404],
    ),
    (
        "GET",
        "/hub/api/users/alice/server",
        [403, 200, 404, 200, 200],
    ),
    (
        "PUT",
        "/hub/api/users/alice/server",
        [403, 409, 404, 403, 409],
    ),
    (
        "PATCH",
        "/hub/api/users/alice/server",
        [403, 400, 404, 403, 400],
    ),
    (
        "DELETE",
        "/hub/api/users/alice/server",
        [403, 204, 404, 204, 204],
    ),
    (
        "DELETE",
        "/hub/api/users/alice/servers/",
        [403, 204, 404, 204, 204],
    ),
    (
        "DELETE",
        "/hub/api/users/alice/servers/gpu",
        [403, 404, 404, 404, 404],
    ),
    (
        "GET",
        "/hub/api/users/alice/server/progress",
        [403, 400, 404, 400, 400],
    ),
    ("GET", "/hub/api/services", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/services/whoami", [403, 403, 403, 403, 200]),
    (
        "POST",
        "/hub/api/services/whoami",
        [403, 403, 403, 403, 409],
    ),
    (
        "DELETE",
        "/hub/api/services/whoami",
        [403, 403, 403, 403, 405],
    ),
    ("POST", "/hub/api/groups", [403, 403, 403, 403, 400]),
    ("POST", "/hub/api/groups/lab", [403, 403, 403, 403, 409]),
    ("DELETE", "/hub/api/groups/nope", [403, 403, 403, 403, 404]),
    (
        "POST",
        "/hub/api/groups/lab/users",
        [403, 403, 403, 403, 400],
    ),
    (
        "DELETE",
        "/hub/api/groups/lab/users",
        [403, 403, 403, 403, 400],
    ),
    (
        "PUT",
        "/hub/api/groups/lab/properties",
        [403, 403, 403, 403, 200],
    ),
    ("GET", "/hub/api/groups", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/groups/lab", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/shares/alice", [403, 200, 404, 403, 200]),
    ("GET", "/hub/api/shares/alice/", [403, 200, 404, 403, 200]),
    ("POST", "/hub/api/shares/alice/", [403, 403, 403, 403, 400]),
    ("PATCH", "/hub/api/shares/alice/", [403, 403, 403, 403, 400]),
    (
        "DELETE",
        "/hub/api/shares/alice/",
        [403, 403, 403, 403, 204],
    ),
    (
        "GET",
        "/hub/api/share-codes/alice",
        [403, 200, 404, 403, 200],
    ),
    (
        "GET",
        "/hub/api/share-codes/alice/",
        [403, 200, 404, 403, 200],
    ),
    (
        "POST",
        "/hub/api/share-codes/alice/",
        [403, 403, 403, 403, 200],
    ),
    (
        "DELETE",
        "/hub/api/share-codes/alice/",
        [403, 403, 403, 403, 204],
    ),
    (
        "GET",
        "/hub/api/users/alice/shared",
        [403, 200, 404, 403, 200],
    ),
    (
        "DELETE",
        "/hub/api/users/alice/shared/bob/",
        [403, 404, 404, 403, 404],
    ),
    (
        "GET",
        "/hub/api/groups/lab/shared",
        [403, 403, 403, 403, 200],
    ),
    (
        "DELETE",
        "/hub/api/groups/lab/shared/bob/",
        [403, 403, 403, 403, 404],
    ),
    ("GET", "/hub/api/roles", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/roles/user", [403, 403, 403, 403, 200]),
    ("GET", "/hub/api/roles/nope", [403, 403, 403, 403, 404]),
    ("POST", "/hub/api/roles/grader", [403, 403, 403, 403, 400]),
    ("PUT", "/hub/api/roles/nope", [403, 403, 403, 403, 404]),
    ("DELETE", "/hub/api/roles/user", [403, 403, 403, 403, 409]),
    (
        "PUT",
        "/hub/api/roles/nope/users/bob",
        [403, 403, 403, 403, 404],
    ),
    (
        "PUT",
        "/hub/api/roles/user/groups/lab",
        [403, 403, 403, 403, 409],
    ),
    (
        "DELETE",
        "/hub/api/roles/user/services/whoami",
        [403, 403, 403, 403, 409],
    ),
    (
        "PUT",
        "/hub/api/roles/user/planets/mars",
        [403, 404, 404, 404, 404],
    ),
    ("GET", "/hub/api/openapi.json", [200, 200, 200, 200, 200]),
    ("GET", "/hub/api/proxy", [403, 403, 403, 403, 200]),
    ("POST", "/hub/api/proxy", [403, 403, 403, 403, 200]),
    ("PATCH", "/hub/api/proxy", [403, 403, 403, 403, 200]),
    (
        "POST",
        "/hub/api/users/alice/admin-access",
        [403, 403, 404, 403, 403],
    ),
    ("POST", "/hub/api/shutdown", [403, 403, 403, 403, 202]),
];

#[tokio::test]
async fn endpoints_against_callers() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let callers = [
        None,
        Some(&*alice),
        Some(&*bob),
        Some(CULLER_TOKEN),
        Some(&*admin),
    ];
    for (method, path, expected) in TABLE {
        let mut statuses = [0; 5];
        for (status, caller) in statuses.iter_mut().zip(callers) {
            let call = match caller {
                Some(token) => hub.call(token, method, path),
                None => hub.request(method, path),
            };
            *status = call.text("{}").send().await.status.as_u16();
        }
        assert_eq!(&statuses, expected, "{method} {path}");
    }
}

/// What became of bob, for alice (herself), bob, the culler (a service with its role), an administrator.
const BULK: &[(&str, [u16; 4])] = &[
    ("create", [403, 403, 403, 409]),
    ("start", [404, 201, 403, 201]),
    ("stop", [404, 204, 204, 204]),
    ("add_to_group", [403, 403, 403, 200]),
    ("remove_from_group", [403, 403, 403, 200]),
    ("delete", [403, 403, 403, 204]),
];

#[tokio::test]
async fn many_users_at_once_need_what_each_would_need() {
    let path = "/hub/api/bulk/users";
    for (action, expected) in BULK {
        // Each caller finds the hub as it was.
        for (number, expected) in expected.iter().enumerate() {
            let hub = Hub::start().await;
            let token = match number {
                0 => hub.token("alice", &["inherit"]).await,
                1 => hub.token("bob", &["inherit"]).await,
                2 => CULLER_TOKEN.to_owned(),
                _ => hub.token("admin", &["inherit"]).await,
            };
            let body = json!({"action": action, "users": ["bob"], "group": "lab"});
            let reply = hub.call(&token, "POST", path).json(&body).send().await;
            let results = reply.expect(200).json();
            let status = &results["results"][0]["status"];
            assert_eq!(status, expected, "{action} by caller {number}: {results}");
        }
    }
    let hub = Hub::start().await;
    let nobody = hub
        .request("POST", path)
        .json(&json!({"action": "stop", "users": []}));
    assert_eq!(nobody.send().await.status, 403);
}

#[tokio::test]
async fn a_filter_is_never_left() {
    let hub = Hub::start().await;
    let lab = hub
        .token(
            "admin",
            &[
                "admin:users!group=lab",
                "delete:users!group=lab",
                "servers!group=lab",
            ],
        )
        .await;
    // Everything that concerns the whole hub, or somebody outside.
    for (method, path, body, status) in [
        ("POST", "/hub/api/users", json!({"usernames": ["eve"]}), 403),
        ("POST", "/hub/api/users/eve", json!({}), 404),
        ("PATCH", "/hub/api/users/alice", json!({"name": "eve"}), 404),
        ("DELETE", "/hub/api/users/alice", json!({}), 404),
        ("DELETE", "/hub/api/users/alice/server", json!({}), 404),
        ("GET", "/hub/api/users/alice", json!({}), 404),
    ] {
        hub.call(&lab, method, path)
            .json(&body)
            .send()
            .await
            .expect(status);
    }
    hub.call(&lab, "GET", "/hub/api/users/bob")
        .send()
        .await
        .expect(200);
    hub.call(&lab, "PATCH", "/hub/api/users/bob")
        .json(&json!({"name": "bobby"}))
        .send()
        .await
        .expect(200);
    let one = hub.token("admin", &["admin:users!user=alice"]).await;
    hub.call(&one, "PATCH", "/hub/api/users/alice")
        .json(&json!({"name": "mallory"}))
        .send()
        .await
        .expect(404);

    let server = hub
        .token(
            "alice",
            &[
                "start:servers!server=alice/gpu",
                "delete:servers!server=alice/gpu",
            ],
        )
        .await;
    hub.call(&server, "PUT", "/hub/api/users/alice/servers/gpu")
        .send()
        .await
        .expect(201);
    hub.call(&server, "PATCH", "/hub/api/users/alice/servers/gpu")
        .json(&json!({"name": "cpu"}))
        .send()
        .await
        .expect(404);
    hub.call(&server, "DELETE", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(404);
    hub.call(&server, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn nobody_promotes_themselves() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "PATCH", "/hub/api/users/alice")
        .json(&json!({"admin": true}))
        .send()
        .await
        .expect(403);
    // Somebody who manages users is no administrator.
    let hub = Hub::with(|config| {
        config.jupyterhub.load_roles.push(hub::config::RoleSpec {
            name: "user-manager".into(),
            scopes: Some(vec!["admin:users".parse().unwrap()]),
            users: Some(vec!["alice".into()]),
            ..hub::config::RoleSpec::default()
        });
    })
    .await;
    let me = hub.token("alice", &["inherit"]).await;
    let only_admins = Some("Only admins can grant admin permissions".to_owned());
    for (method, path, body) in [
        ("PATCH", "/hub/api/users/alice", json!({"admin": true})),
        (
            "POST",
            "/hub/api/users",
            json!({"usernames": ["eve"], "admin": true}),
        ),
        ("POST", "/hub/api/users/eve", json!({"admin": true})),
    ] {
        let reply = hub.call(&me, method, path).json(&body).send().await;
        assert_eq!(reply.error(), (403, only_admins.clone()), "{method} {path}");
    }
    let reply = hub
        .call(&me, "PATCH", "/hub/api/users/admin")
        .json(&json!({"name": "eve"}))
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (403, Some("Only admins can modify other admins".into()))
    );
    let reply = hub
        .call(&me, "PATCH", "/hub/api/users/bob")
        .json(&json!({"name": "admin"}))
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (
            400,
            Some("User admin already exists, username must be unique".into())
        )
    );
}
