//! What tests about shares have in common.

use hub::config::RoleSpec;
use serde_json::{Value, json};

use crate::harness::{Browser, Hub, Reply};

/// What somebody needs who shares with whom they like.
pub(crate) const SHARER: &str = "shares,read:users:name,read:groups:name";

/// A hub where alice may share her servers with anybody.
pub(crate) async fn hub() -> Hub {
    Hub::with(|config| {
        let scopes = ["shares!user", "read:users:name", "read:groups:name"];
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "sharer".into(),
            scopes: Some(scopes.map(|scope| scope.parse().unwrap()).to_vec()),
            users: Some(vec!["alice".into()]),
            ..RoleSpec::default()
        });
    })
    .await
}

/// Shares the server `at` (`alice/`) and returns the share.
pub(crate) async fn share(hub: &Hub, token: &str, at: &str, body: Value) -> Value {
    let call = hub.call(token, "POST", &format!("/hub/api/shares/{at}"));
    call.json(&body).send().await.expect(200).json()
}

/// Makes a share code for the server `at` with these scopes, and returns its model and the code.
pub(crate) async fn code(hub: &Hub, token: &str, at: &str, scopes: &[&str]) -> (Value, String) {
    let call = hub.call(token, "POST", &format!("/hub/api/share-codes/{at}"));
    let model = call.json(&json!({"scopes": scopes})).send().await;
    let model = model.expect(200).json();
    let code = model["code"].as_str().unwrap().to_owned();
    (model, code)
}

/// The page of a code.
pub(crate) async fn look(hub: &Hub, browser: &Browser, code: &str) -> Reply {
    let path = format!("/hub/accept-share?code={code}");
    hub.request("GET", &path).browser(browser).send().await
}

/// Accepts a code as the page's form does.
pub(crate) async fn accept(hub: &Hub, browser: &Browser, code: &str) -> Reply {
    let form = [("_xsrf", browser.xsrf.as_str()), ("code", code)];
    let call = hub.request("POST", "/hub/accept-share").browser(browser);
    call.form(&form).send().await
}

/// What whoever holds the token may do.
pub(crate) async fn scopes_of(hub: &Hub, token: &str) -> Vec<String> {
    let call = hub.call(token, "GET", "/hub/api/user");
    let model = call.send().await.expect(200).json();
    serde_json::from_value(model["scopes"].clone()).unwrap()
}

/// The same without what says whose token it is, which every token has.
pub(crate) async fn more_than_identity(hub: &Hub, token: &str) -> Vec<String> {
    let identity = ["read:users:name!user=", "read:users:groups!user="];
    let mut scopes = scopes_of(hub, token).await;
    scopes.retain(|scope| !identity.iter().any(|known| scope.starts_with(known)));
    scopes
}

/// Whether the token lets somebody into a server that does not run: 424 says so, 404 does not even say that it is there.
pub(crate) async fn can_enter(hub: &Hub, token: &str, at: &str) -> bool {
    let path = format!("/hub/user/{at}");
    let status = hub.call(token, "GET", &path).send().await.status.as_u16();
    assert!(matches!(status, 404 | 424), "{status}");
    status == 424
}
