//! Services that are registered at run time.

use hub::config::{RoleSpec, ServiceSpec};
use hub::db::oauth;
use serde_json::{Value, json};

use crate::harness::{Hub, WHOAMI_TOKEN};

const SECRET: &str = "registered-secret-1";

fn body() -> Value {
    json!({
        "url": "http://127.0.0.1:7777/x",
        "api_token": SECRET,
        "info": {"team": "ops"},
        "display": false,
        "timeout": 5,
        "oauth_no_confirm": true,
        "oauth_client_id": "service-notes-app",
        "oauth_redirect_uri": "https://notes.example/callback",
        "oauth_client_allowed_scopes": ["read:users!user"],
    })
}

#[tokio::test]
async fn a_registered_service_works_at_once_and_after_a_restart() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let made = hub
        .call(&admin, "POST", "/hub/api/services/notes")
        .json(&body())
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(
        (
            &made["kind"],
            &made["name"],
            &made["url"],
            &made["prefix"],
            &made["info"]
        ),
        (
            &json!("service"),
            &json!("notes"),
            &json!("http://127.0.0.1:7777/x"),
            &json!("/services/notes/"),
            &json!({"team": "ops"})
        )
    );
    assert_eq!(
        (
            &made["display"],
            &made["command"],
            &made["pid"],
            &made["admin"],
            &made["roles"]
        ),
        (
            &json!(false),
            &json!([]),
            &json!(0),
            &json!(false),
            &json!([])
        )
    );
    assert!(!made.to_string().contains(SECRET));
    let routes = hub.proxy.0.lock().unwrap().clone();
    assert_eq!(
        routes["/services/notes/"].route.target,
        "http://127.0.0.1:7777"
    );
    assert!(hub.state.managed.needs_no_confirmation("service-notes-app"));

    let hub = check(hub).await;
    let hub = check(hub.restart(|_| {}).await).await;
    // The check of routes knows it too, also when the proxy has lost everything.
    hub.proxy.0.lock().unwrap().clear();
    let checked = hub.state.routes.check().await.unwrap();
    assert!(checked.failed.is_none());
    assert!(hub.proxy.0.lock().unwrap().contains_key("/services/notes/"));

    let admin = hub.token("admin", &["inherit"]).await;
    let reply = hub
        .call(&admin, "DELETE", "/hub/api/services/notes")
        .send()
        .await
        .expect(200);
    assert_eq!(reply.body, "");
    hub.call(SECRET, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    assert!(!hub.proxy.0.lock().unwrap().contains_key("/services/notes/"));
    assert!(
        oauth::find_client(hub.state.db.read(), "service-notes-app")
            .await
            .unwrap()
            .is_none()
    );
    let reply = hub
        .call(&admin, "DELETE", "/hub/api/services/notes")
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (404, Some("Service notes does not exist".into()))
    );
    // The name is free again.
    hub.call(&admin, "POST", "/hub/api/services/notes")
        .json(&body())
        .send()
        .await
        .expect(201);
}

/// Its token, its model and its OAuth client.
async fn check(hub: Hub) -> Hub {
    let me = hub
        .call(SECRET, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&me["kind"], &me["name"]),
        (&json!("service"), &json!("notes"))
    );
    let admin = hub.token("admin", &["inherit"]).await;
    let model = hub
        .call(&admin, "GET", "/hub/api/services/notes")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["info"], json!({"team": "ops"}));
    let client = oauth::find_client(hub.state.db.read(), "service-notes-app")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.redirect_uri, "https://notes.example/callback");
    assert!(client.secret_hash.is_some());
    let scopes: Vec<String> = client
        .allowed_scopes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(scopes, ["read:users!user", "access:services!service=notes"]);
    hub
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for (name, body, status, message) in [
        ("whoami", json!({}), 409, "Service whoami already exists"),
        ("x", json!({}), 400, "Invalid service data"),
        ("x", json!([1]), 400, "Invalid service data"),
        (
            "x",
            json!({"command": ["sleep"]}),
            400,
            "Can not create managed service x at runtime",
        ),
        (
            "x",
            json!({"zzz": 1}),
            400,
            "Invalid JSON keys: {'name': 'x', 'zzz': 1}",
        ),
        (
            "x",
            json!({"url": 1}),
            400,
            "service.url must be <class 'str'>, not: <class 'int'>",
        ),
        (
            "x",
            json!({"url": "ftp://a"}),
            400,
            "Failed to create service x: url: \"ftp://a\" must start with http:// or https:// and name a host",
        ),
        (
            "x",
            json!({"cwd": "/tmp"}),
            400,
            "Failed to create service x: cwd: only means something with a command; the hub does not run this service",
        ),
        (
            "x",
            json!({"oauth_client_id": "service-whoami"}),
            400,
            "oauth_client_id \"service-whoami\" belongs to another client; choose another one",
        ),
        (
            "x",
            json!({"api_token": "short"}),
            400,
            "Failed to create service x: api_token: must have 8 to 64 characters, not 5; `openssl rand -hex 32` makes a good one",
        ),
        (
            "x",
            json!({"api_token": WHOAMI_TOKEN}),
            400,
            "api_token is in use already; `openssl rand -hex 32` makes a new one",
        ),
    ] {
        let path = format!("/hub/api/services/{name}");
        let reply = hub.call(&admin, "POST", &path).json(&body).send().await;
        assert_eq!(reply.error(), (status, Some(message.into())), "{body}");
    }
    for bad in ["a%20b", "%2e%2e", "a%2Fb"] {
        let path = format!("/hub/api/services/{bad}");
        let reply = hub
            .call(&admin, "POST", &path)
            .json(&json!({"display": true}))
            .send()
            .await;
        assert_eq!(reply.status, 400, "{bad}: {reply:?}");
    }
    let scopes = json!({"oauth_client_allowed_scopes": ["nope"]});
    let reply = hub
        .call(&admin, "POST", "/hub/api/services/x")
        .json(&scopes)
        .send()
        .await;
    assert_eq!(reply.status, 400);
    let reply = hub
        .call(&admin, "DELETE", "/hub/api/services/whoami")
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (
            405,
            Some("Service whoami is not modifiable at runtime".into())
        )
    );
    let left = hub
        .call(&admin, "GET", "/hub/api/services")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(left.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_hold() {
    let hub = Hub::with(|config| {
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "registrar".into(),
            users: Some(vec!["alice".into()]),
            scopes: Some(
                ["admin:services", "list:users"]
                    .map(|scope| scope.parse().unwrap())
                    .into(),
            ),
            ..RoleSpec::default()
        });
    })
    .await;
    let alice = hub.token("alice", &["inherit"]).await;
    let post = |name: &str, body: Value| {
        let path = format!("/hub/api/services/{name}");
        hub.call(&alice, "POST", &path).json(&body).send()
    };
    for (body, missing) in [
        (json!({"admin": true}), "admin-ui"),
        (
            json!({"oauth_client_allowed_scopes": ["admin:users"]}),
            "admin:users",
        ),
        (
            json!({"oauth_client_allowed_scopes": ["inherit"]}),
            "admin-ui",
        ),
        // The visitor's own servers are not alice's to give.
        (
            json!({"oauth_client_allowed_scopes": ["delete:servers!user"]}),
            "delete:servers",
        ),
    ] {
        let text = format!("Not assigning requested scopes {missing} not held by User alice");
        assert_eq!(
            post("x", body.clone()).await.error(),
            (400, Some(text)),
            "{body}"
        );
    }
    post("x", json!({"oauth_client_allowed_scopes": ["list:users"]}))
        .await
        .expect(201);
    let narrow = hub.token("admin", &["admin:services!service=y"]).await;
    for (name, status) in [("z", 404), ("y", 201)] {
        let path = format!("/hub/api/services/{name}");
        let reply = hub
            .call(&narrow, "POST", &path)
            .json(&json!({"display": true}))
            .send()
            .await;
        reply.expect(status);
    }
    // What `admin` gives is held by whoever registered it.
    let admin = hub.token("admin", &["inherit"]).await;
    let body = json!({"admin": true, "api_token": SECRET});
    hub.call(&admin, "POST", "/hub/api/services/boss")
        .json(&body)
        .send()
        .await
        .expect(201);
    hub.call(SECRET, "GET", "/hub/api/proxy")
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn the_configuration_takes_a_name_with_nothing_of_the_service_before() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let body = json!({"admin": true, "api_token": SECRET, "url": "http://127.0.0.1:7777"});
    hub.call(&admin, "POST", "/hub/api/services/boss")
        .json(&body)
        .send()
        .await
        .expect(201);
    let hub = hub
        .restart(|config| config.jupyterhub.services.push(ServiceSpec::new("boss")))
        .await;
    hub.call(SECRET, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    let admin = hub.token("admin", &["inherit"]).await;
    let model = hub
        .call(&admin, "GET", "/hub/api/services/boss")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["admin"], &model["url"]),
        (&json!(false), &json!(""))
    );
    hub.call(&admin, "DELETE", "/hub/api/services/boss")
        .send()
        .await
        .expect(405);
}
