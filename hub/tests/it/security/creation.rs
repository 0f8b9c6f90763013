//! Case 122: what can be made without end. Bounds of tokens and share codes are in `api::bounds`.

use chrono::TimeDelta;
use hub::spawner::manager::HubProcess;
use hub::tasks::{self, Context};
use serde_json::{Value, json};

use super::{count, database};
use crate::watch::Watched;

/// What is not in the API's description: pages, OAuth, and what exists for nobody.
const OTHERS: &[(&str, &str)] = &[
    ("GET", "/hub/"),
    ("GET", "/hub/login?next=%2Fhub%2Fhome"),
    ("GET", "/hub/logout"),
    ("GET", "/hub/home"),
    ("GET", "/hub/spawn"),
    ("GET", "/hub/spawn/alice"),
    ("GET", "/hub/spawn-pending/alice"),
    ("GET", "/hub/token"),
    ("GET", "/hub/admin/services"),
    ("GET", "/hub/accept-share?code=abc"),
    ("GET", "/hub/user-redirect/lab"),
    ("GET", "/hub/user/alice/lab"),
    ("GET", "/hub/health"),
    ("GET", "/hub/metrics"),
    ("GET", "/hub/error/503"),
    ("GET", "/hub/no-such-page"),
    ("GET", "/hub/api/no-such-thing"),
    (
        "GET",
        "/hub/api/oauth2/authorize?client_id=service-whoami&response_type=code&state=s",
    ),
    ("POST", "/hub/login"),
    ("POST", "/hub/spawn"),
    ("POST", "/hub/token"),
    ("POST", "/hub/accept-share"),
    ("POST", "/hub/security/csp-report"),
    ("POST", "/hub/user/alice/api/kernels"),
    ("POST", "/hub/api/oauth2/token"),
    ("POST", "/hub/api/oauth2/authorize"),
];

/// Every operation that the API describes, with a value for each parameter in its path.
async fn operations(hub: &Watched) -> Vec<(String, String)> {
    let document = hub
        .request("GET", "/hub/api/openapi.json")
        .send()
        .await
        .json();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled: Vec<&str> = path
            .split('/')
            .map(|part| match part {
                "{user}" | "{name}" => "alice",
                part if part.starts_with('{') => "x",
                part => part,
            })
            .collect();
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            if ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
                found.push((method, format!("/hub/api{}", filled.join("/"))));
            }
        }
    }
    found
}

#[tokio::test]
async fn case_122_who_is_nobody_writes_nothing() {
    let hub = Watched::start().await;
    let mut all = operations(&hub).await;
    assert!(all.len() > 50, "{all:?}");
    all.extend(
        OTHERS
            .iter()
            .map(|(method, path)| ((*method).to_owned(), (*path).to_owned())),
    );
    let before = database(&hub).await;
    for (method, path) in &all {
        for token in ["", "token no-such-token", "Bearer 0123456789abcdef"] {
            let body: Value =
                json!({ "name": "x", "usernames": ["eve"], "username": "alice", "password": "no" });
            let call = hub.request(method, path).json(&body);
            let call = match token {
                "" => call,
                token => call.header("authorization", token),
            };
            let status = call.send().await.status;
            assert!(!status.is_server_error(), "{method} {path}: {status}");
        }
    }
    for (field, value) in [("username", "alice"), ("username", "no-such-user")] {
        let form = [(field, value), ("password", "wrong")];
        let login = hub.request("POST", "/hub/login").form(&form);
        assert_ne!(login.send().await.status, 302);
    }
    hub.state.identities.write_uses().await.unwrap();
    assert!(
        database(&hub).await == before,
        "an anonymous request wrote something"
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_122_what_has_expired_is_forgotten() {
    let hub = Watched::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for _ in 0..5 {
        hub.log_in("alice").await;
        let body = json!({ "expires_in": 60 });
        let made = hub
            .call(&admin, "POST", "/hub/api/users/alice/tokens")
            .json(&body);
        made.send().await.expect(201);
    }
    let rows = async || {
        let tokens = "SELECT count(*) FROM tokens WHERE expires IS NOT NULL";
        (
            count(&hub, tokens).await,
            count(&hub, "SELECT count(*) FROM sessions").await,
        )
    };
    let purge = async || {
        let context = Context {
            state: hub.state.clone(),
            hub: HubProcess::of_this().unwrap(),
            proxy: None,
        };
        tasks::purge(&context).await.unwrap();
    };
    purge().await;
    assert_eq!(rows().await, (5, 5));
    hub.clock.advance(TimeDelta::minutes(2));
    purge().await;
    assert_eq!(rows().await, (0, 5));
    hub.clock.advance(TimeDelta::days(15));
    purge().await;
    assert_eq!(rows().await, (0, 0));
}
