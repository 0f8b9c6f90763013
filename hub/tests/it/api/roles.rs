//! Roles at run time: made, given and taken; nobody hands out more than they hold.

use hub::config::RoleSpec;
use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub};

#[tokio::test]
async fn roles_come_and_go() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let call = |method: &str, path: &str, body: Value| {
        let path = format!("/hub/api/roles{path}");
        hub.call(&admin, method, &path).json(&body).send()
    };
    let none = || json!(null);
    let body = json!({"description": "Sees routes", "scopes": ["proxy", "list:users"]});
    let made = call("POST", "/router", body).await.expect(201).json();
    let expected = json!({
        "kind": "role", "name": "router", "description": "Sees routes", "origin": "api",
        "scopes": ["proxy", "list:users"], "users": [], "groups": [], "services": [],
    });
    assert_eq!(made, expected);
    // Given to each kind, it works at once.
    hub.call(&alice, "GET", "/hub/api/proxy")
        .send()
        .await
        .expect(403);
    for path in [
        "/router/users/alice",
        "/router/groups/lab",
        "/router/services/culler",
    ] {
        call("PUT", path, none()).await.expect(204);
        call("PUT", path, none()).await.expect(204);
    }
    let bob = hub.token("bob", &["inherit"]).await;
    for token in [&*alice, &*bob, CULLER_TOKEN] {
        hub.call(token, "GET", "/hub/api/proxy")
            .send()
            .await
            .expect(200);
    }
    let held = call("GET", "/router", none()).await.expect(200).json();
    assert_eq!(
        (&held["users"], &held["groups"], &held["services"]),
        (&json!(["alice"]), &json!(["lab"]), &json!(["culler"]))
    );
    // Written anew, it gives something else.
    call("PUT", "/router", json!({"scopes": ["list:users"]}))
        .await
        .expect(200);
    hub.call(&alice, "GET", "/hub/api/proxy")
        .send()
        .await
        .expect(403);
    hub.call(&alice, "GET", "/hub/api/users")
        .send()
        .await
        .expect(200);
    call("DELETE", "/router/users/alice", none())
        .await
        .expect(204);
    hub.call(&alice, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
    // It survives a restart.
    let hub = hub.restart(|_| {}).await;
    hub.call(&bob, "GET", "/hub/api/users")
        .send()
        .await
        .expect(200);
    hub.call(&admin, "DELETE", "/hub/api/roles/router")
        .send()
        .await
        .expect(204);
    hub.call(&bob, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
    let all = hub
        .call(&admin, "GET", "/hub/api/roles")
        .send()
        .await
        .expect(200)
        .json();
    let names: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "admin",
            "cull-idle",
            "server",
            "token",
            "user",
            "whoami-user"
        ]
    );
}

#[tokio::test]
async fn what_others_are_in_charge_of_is_not_changed() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let scopes = json!({"scopes": ["proxy"]});
    for (method, path, body, status, message) in [
        (
            "PUT",
            "/cull-idle",
            scopes.clone(),
            409,
            "Role cull-idle stands in the configuration; change it there (JupyterHub.load_roles) and restart the hub",
        ),
        (
            "DELETE",
            "/cull-idle",
            json!(null),
            409,
            "Role cull-idle stands in the configuration; change it there (JupyterHub.load_roles) and restart the hub",
        ),
        (
            "PUT",
            "/cull-idle/users/alice",
            json!(null),
            409,
            "Role cull-idle stands in the configuration; change it there (JupyterHub.load_roles) and restart the hub",
        ),
        (
            "DELETE",
            "/user",
            json!(null),
            409,
            "Role user is built in; make a role of another name",
        ),
        (
            "PUT",
            "/admin/users/alice",
            json!(null),
            409,
            "Role admin is built in; make a role of another name",
        ),
        (
            "POST",
            "/user",
            scopes.clone(),
            409,
            "Role user already exists",
        ),
        ("GET", "/nope", json!(null), 404, "No such role: nope"),
        ("PUT", "/nope", scopes.clone(), 404, "No such role: nope"),
        ("DELETE", "/nope", json!(null), 404, "No such role: nope"),
        (
            "POST",
            "/new-role",
            json!(null),
            400,
            "Body must be a JSON object with scopes, and perhaps a description",
        ),
        (
            "POST",
            "/new-role",
            json!({}),
            400,
            "role.scopes must be given",
        ),
        (
            "POST",
            "/new-role",
            json!({"scopes": [1]}),
            400,
            "role.scopes must be strings",
        ),
        (
            "POST",
            "/new-role",
            json!({"scopes": ["nope"]}),
            400,
            "Scope 'nope' does not exist",
        ),
        (
            "POST",
            "/new-role",
            json!({"scopes": ["custom:nope:x"]}),
            400,
            "Scope 'custom:nope:x' does not exist",
        ),
        (
            "POST",
            "/new-role",
            json!({"scopes": ["inherit"]}),
            400,
            "inherit is for tokens; a role cannot give it",
        ),
        (
            "POST",
            "/new-role",
            json!({"scopes": [], "zzz": 1}),
            400,
            "Invalid JSON keys: {'scopes': [], 'zzz': 1}",
        ),
    ] {
        let path = format!("/hub/api/roles{path}");
        let reply = hub.call(&admin, method, &path).json(&body).send().await;
        assert_eq!(
            reply.error(),
            (status, Some(message.into())),
            "{method} {path} {body}"
        );
    }
    hub.call(&admin, "POST", "/hub/api/roles/UP")
        .json(&scopes)
        .send()
        .await
        .expect(400);
    hub.call(&admin, "POST", "/hub/api/roles/new-role")
        .json(&scopes)
        .send()
        .await
        .expect(201);
    for path in [
        "users/ghost",
        "groups/ghost",
        "services/ghost",
        "planets/mars",
    ] {
        let path = format!("/hub/api/roles/new-role/{path}");
        hub.call(&admin, "PUT", &path).send().await.expect(404);
    }
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_hold() {
    let hub = Hub::with(|config| {
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "manager".into(),
            users: Some(vec!["alice".into()]),
            scopes: Some(
                ["admin:users", "read:roles"]
                    .map(|scope| scope.parse().unwrap())
                    .into(),
            ),
            ..RoleSpec::default()
        });
    })
    .await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let send = |token: &str, method: &str, path: &str, body: Value| {
        let path = format!("/hub/api/roles{path}");
        hub.call(token, method, &path).json(&body).send()
    };
    let none = || json!(null);
    send(&bob, "GET", "", none()).await.expect(403);
    send(&bob, "POST", "/mine", json!({"scopes": []}))
        .await
        .expect(403);
    send(&alice, "GET", "", none()).await.expect(200);
    for scope in ["proxy", "delete:servers!user", "self"] {
        let reply = send(&alice, "POST", "/mine", json!({"scopes": [scope]})).await;
        let (status, message) = reply.error();
        assert_eq!(status, 403, "{scope}");
        assert!(message.unwrap().ends_with("which you do not hold"));
    }
    send(&alice, "POST", "/mine", json!({"scopes": ["list:users"]}))
        .await
        .expect(201);
    send(&alice, "PUT", "/mine/users/bob", none())
        .await
        .expect(204);
    // Groups and services are not hers to administer.
    send(&alice, "PUT", "/mine/groups/lab", none())
        .await
        .expect(403);
    send(&alice, "PUT", "/mine/services/culler", none())
        .await
        .expect(403);
    // A role that gives more is neither given, nor changed, nor deleted by her.
    send(&admin, "POST", "/power", json!({"scopes": ["shutdown"]}))
        .await
        .expect(201);
    send(&alice, "PUT", "/power/users/alice", none())
        .await
        .expect(403);
    send(&alice, "PUT", "/power", json!({"scopes": []}))
        .await
        .expect(403);
    send(&alice, "DELETE", "/power", none()).await.expect(403);
    // A filter is not left.
    let lab = hub
        .token("admin", &["admin:users!group=lab", "list:users"])
        .await;
    send(&lab, "PUT", "/mine/users/alice", none())
        .await
        .expect(404);
    send(&lab, "PUT", "/mine/users/bob", none())
        .await
        .expect(204);
    send(&lab, "POST", "/other", json!({"scopes": []}))
        .await
        .expect(403);
}
