//! Case 118: settings that are missing, malformed or empty refuse to start, or let nobody in; none lets everybody in.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::{Router, routing::get};
use http::Request;
use hubauth::testing::FakeHub;
use hubauth::{ConfigError, HubOAuth};
use tower::ServiceExt as _;

type Env = BTreeMap<String, String>;

/// The status that somebody with every right gets, or why the service does not start.
async fn enter(hub: &FakeHub, env: &Env) -> Result<u16, ConfigError> {
    let auth = HubOAuth::from_env_source(env)?;
    let app = Router::new()
        .route("/services/demo/", get(|| async { "in" }))
        .layer(auth.layer());
    let token = hub.add_user_with("root", &["admins"], &["access:services", "access:servers"]);
    let request = Request::get("/services/demo/")
        .header("authorization", format!("token {}", token.expose()))
        .body(Body::empty())
        .unwrap();
    Ok(app.oneshot(request).await.unwrap().status().as_u16())
}

#[tokio::test]
async fn case_118_settings_that_are_wrong_let_nobody_in() {
    let hub = FakeHub::start().await.unwrap();
    let good = hub.env("demo").unwrap();
    assert_eq!(enter(&hub, &good).await.unwrap(), 200);
    let changed = |name: &str, value: &str| {
        let mut env = good.clone();
        env.insert(name.to_owned(), value.to_owned());
        env
    };
    for (name, value) in [
        ("JUPYTERHUB_API_TOKEN", ""),
        ("JUPYTERHUB_API_TOKEN", " \t"),
        ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "access:services"),
        ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "[\"access:servicez\"]"),
        (
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
            "[\"access:services!grup=x\"]",
        ),
        ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "null"),
        ("JUPYTERHUB_COOKIE_OPTIONS", "{\"samesit\": \"Lax\"}"),
        ("JUPYTERHUB_API_URL", "hub"),
        ("JUPYTERHUB_API_URL", "http://user:pw@hub/hub/api"),
        ("JUPYTERHUB_PUBLIC_URL", "not a url"),
        ("JUPYTERHUB_SSL_KEYFILE", "/missing.pem"),
        ("JUPYTERHUB_CLIENT_ID", "a b;c"),
        ("HUBAUTH_CACHE_MAX_AGE", "for ever"),
    ] {
        let started = enter(&hub, &changed(name, value)).await;
        let error = started.expect_err(name).to_string();
        assert!(!error.contains(&good["JUPYTERHUB_API_TOKEN"]), "{error}");
        assert!(!error.contains("user:pw"), "{error}");
    }
    for name in [
        "JUPYTERHUB_SSL_KEYFILE",
        "JUPYTERHUB_SSL_CERTFILE",
        "JUPYTERHUB_SSL_CLIENT_CA",
    ] {
        assert!(
            enter(&hub, &changed(name, "/file.pem")).await.is_err(),
            "{name} alone"
        );
    }
    // An empty list is not "no list".
    let empty = changed("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "[]");
    assert_eq!(enter(&hub, &empty).await.unwrap(), 403);
    // A single-user server that is told no scopes is nobody's.
    let mut server = changed("JUPYTERHUB_USER", "zoe");
    server.remove("JUPYTERHUB_OAUTH_ACCESS_SCOPES");
    server.remove("JUPYTERHUB_SERVICE_NAME");
    assert_eq!(enter(&hub, &server).await.unwrap(), 403);
    // A client that is told neither its name nor scopes: its id says whose it is, or nobody enters.
    for (id, expected) in [("service-demo", 200), ("service-x", 403), ("other", 403)] {
        let mut client = changed("JUPYTERHUB_CLIENT_ID", id);
        client.remove("JUPYTERHUB_OAUTH_ACCESS_SCOPES");
        client.remove("JUPYTERHUB_SERVICE_NAME");
        let narrow = hub.add_user_with("zoe", &[], &["access:services!service=demo"]);
        let auth = HubOAuth::from_env_source(&client).unwrap();
        let user = auth.auth().user_for_token(&narrow).await.unwrap().unwrap();
        assert_eq!(
            auth.auth().check(&user).is_allowed(),
            expected == 200,
            "{id}"
        );
    }
    // Without a list, the service's own name decides.
    let mut named = good.clone();
    named.remove("JUPYTERHUB_OAUTH_ACCESS_SCOPES");
    named.insert("JUPYTERHUB_SERVICE_NAME".into(), "other".into());
    let narrow = hub.add_user_with("zoe", &[], &["access:services!service=demo"]);
    let auth = HubOAuth::from_env_source(&named).unwrap();
    let user = auth.auth().user_for_token(&narrow).await.unwrap().unwrap();
    assert!(!auth.auth().check(&user).is_allowed());
}
