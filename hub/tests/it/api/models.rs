//! What callers see, field by field.

use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub};

fn keys(model: &Value) -> Vec<&str> {
    model
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn who_is_this() {
    let hub = Hub::start().await;
    let identity = [
        "admin",
        "groups",
        "kind",
        "name",
        "scopes",
        "session_id",
        "token_id",
        "user_info",
    ];
    let nothing = hub.token("bob", &["(no_scope)"]).await;
    let model = hub
        .call(&nothing, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(keys(&model), identity);
    assert_eq!(
        (&model["scopes"], &model["groups"]),
        (
            &json!(["read:users:groups!user=bob", "read:users:name!user=bob"]),
            &json!(["lab"])
        )
    );
    assert!(model["token_id"].as_str().unwrap().starts_with('a'));

    let everything = hub.token("alice", &["inherit"]).await;
    let model = hub
        .call(&everything, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["server"], &model["pending"], &model["servers"]),
        (&json!(null), &json!(null), &json!({}))
    );
    assert_eq!(model["roles"], json!(["user", "whoami-user"]));
    let scopes: Vec<&str> = model["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope.as_str().unwrap())
        .collect();
    assert!(scopes.is_sorted());
    assert!(
        scopes.contains(&"access:servers!user=alice")
            && scopes.contains(&"access:services!service=whoami")
    );

    let narrow = hub
        .token(
            "alice",
            &["access:servers!server=alice/", "read:users:name!user"],
        )
        .await;
    let model = hub
        .call(&narrow, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(keys(&model), identity);
    assert_eq!(
        model["scopes"],
        json!([
            "access:servers!server=alice/",
            "read:users:groups!user=alice",
            "read:users:name!user=alice"
        ])
    );

    let browser = hub.log_in("alice").await;
    let model = hub
        .request("GET", "/hub/api/user")
        .browser(&browser)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["token_id"], &model["session_id"]),
        (&json!(null), &json!(null))
    );

    let model = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["kind"], &model["name"], &model["admin"]),
        (&json!("service"), &json!("culler"), &json!(false))
    );
    assert_eq!(
        keys(&model),
        ["admin", "kind", "name", "scopes", "session_id", "token_id"]
    );
}

#[tokio::test]
async fn a_field_for_each_scope() {
    let hub = Hub::start().await;
    for (scope, expected) in [
        (
            "read:users:name",
            &["admin", "kind", "name", "user_info"][..],
        ),
        ("read:users:groups", &["groups", "kind", "name"]),
        ("read:users:activity", &["kind", "last_activity", "name"]),
        ("read:roles:users", &["admin", "kind", "name", "roles"]),
        (
            "read:servers",
            &["admin", "kind", "name", "servers", "user_info"],
        ),
        (
            "read:users",
            &[
                "admin",
                "created",
                "groups",
                "kind",
                "last_activity",
                "name",
                "pending",
                "roles",
                "server",
                "user_info",
            ],
        ),
    ] {
        let token = hub.token("admin", &[scope]).await;
        let model = hub
            .call(&token, "GET", "/hub/api/users/bob")
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(keys(&model), expected, "{scope}");
    }
    let auth_state = hub
        .token("admin", &["admin:auth_state", "read:users"])
        .await;
    let model = hub
        .call(&auth_state, "GET", "/hub/api/users/bob")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["auth_state"], json!(null));
    assert!(keys(&model).contains(&"auth_state"));
    assert_eq!(model["created"], "2026-11-22T03:30:07.624000Z");
}

#[tokio::test]
async fn services_groups_and_routes() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let services = hub
        .call(&admin, "GET", "/hub/api/services")
        .send()
        .await
        .expect(200)
        .json();
    let whoami = &services["whoami"];
    assert_eq!(
        (
            &whoami["kind"],
            &whoami["url"],
            &whoami["prefix"],
            &whoami["command"],
            &whoami["pid"]
        ),
        (
            &json!("service"),
            &json!("http://127.0.0.1:9"),
            &json!("/services/whoami/"),
            &json!([]),
            &json!(0)
        )
    );
    assert_eq!(
        (&services["culler"]["url"], &services["culler"]["prefix"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(services["culler"]["roles"], json!(["cull-idle"]));
    let names = hub.token("admin", &["list:services"]).await;
    let services = hub
        .call(&names, "GET", "/hub/api/services")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(keys(&services["whoami"]), ["admin", "kind", "name"]);
    let one = hub.token("admin", &["list:services!service=whoami"]).await;
    let services = hub
        .call(&one, "GET", "/hub/api/services")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(keys(&services), ["whoami"]);
    let reply = hub
        .call(&admin, "GET", "/hub/api/services/nope")
        .send()
        .await;
    assert_eq!(reply.error(), (404, Some("No such service: nope".into())));

    let lab = json!({"kind": "group", "name": "lab", "users": ["bob"], "roles": [], "properties": {"room": 7}});
    assert_eq!(
        hub.call(&admin, "GET", "/hub/api/groups")
            .send()
            .await
            .expect(200)
            .json(),
        json!([lab])
    );
    assert_eq!(
        hub.call(&admin, "GET", "/hub/api/groups/lab")
            .send()
            .await
            .expect(200)
            .json(),
        lab
    );
    let reply = hub.call(&admin, "GET", "/hub/api/groups/zz").send().await;
    assert_eq!(reply.error(), (404, Some("No such group: zz".into())));
    let none = hub.token("admin", &["list:groups!group=other"]).await;
    assert_eq!(
        hub.call(&none, "GET", "/hub/api/groups")
            .send()
            .await
            .expect(200)
            .json(),
        json!([])
    );

    assert_eq!(
        hub.call(&admin, "GET", "/hub/api/proxy")
            .send()
            .await
            .expect(200)
            .json(),
        json!({})
    );
    let reply = hub
        .call(&admin, "POST", "/hub/api/proxy")
        .send()
        .await
        .expect(200);
    assert_eq!(reply.body, "");
    let routes = hub
        .call(&admin, "GET", "/hub/api/proxy")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(routes["/services/whoami/"]["target"], "http://127.0.0.1:9");
    assert_eq!(
        routes["/services/whoami/"]["data"],
        json!({"service": "whoami"})
    );
    assert_eq!(routes["/"]["routespec"], "/");

    let info = hub
        .call(&admin, "GET", "/hub/api/info")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(info["version"], "6.1.1");
    assert_eq!(
        info["authenticator"]["class"],
        "jupyterhub.auth.DummyAuthenticator"
    );
    assert!(info["python"].is_string() && info["spawner"]["class"].is_string());
}
