//! What an authenticator says of people (`user_info`: their names as they write them, pictures, colours): kept from a login on,
//! and told wherever the name is. Source: JupyterHub 6.1's `auth_to_user` and `user_model`.

use hub::auth::LoginForm;
use hub::config::AuthenticatorClass;
use serde_json::{Value, json};

use crate::harness::{Hub, TELLING, WHOAMI_TOKEN};

const ME: &str = "/hub/api/user";

async fn hub() -> Hub {
    Hub::with(|config| {
        config.jupyterhub.authenticator_class = AuthenticatorClass::Plugged(TELLING.name);
    })
    .await
}

/// Logs alice in, of whom this is said.
async fn log_in(hub: &Hub, said: &Value) {
    let form = LoginForm::new("alice", said.to_string());
    hub.state.login.begin(&form, &|_| None).await.unwrap();
}

async fn info(hub: &Hub, token: &str, path: &str) -> Value {
    let reply = hub.call(token, "GET", path).send().await;
    reply.expect(200).json()["user_info"].clone()
}

#[tokio::test]
async fn what_is_said_at_a_login_is_told_until_something_else_is_said() {
    let hub = hub().await;
    let whole = hub.token("alice", &["inherit"]).await;
    // As servers and services have it: they are told who it is, and no more.
    let narrow = hub.token("alice", &["access:servers!user=alice"]).await;
    let told = async || {
        let found = [info(&hub, &whole, ME).await, info(&hub, &narrow, ME).await];
        assert_eq!(found[0], found[1]);
        found[0].clone()
    };
    assert_eq!(told().await, Value::Null, "nobody has said anything");
    let first = json!({"name": "Alice L.", "display_name": "Alice", "initials": "AL",
        "avatar_url": "https://id.example/alice.png", "color": "var(--jp-blue)", "more": [1, null]});
    log_in(&hub, &first).await;
    assert_eq!(told().await, first);
    log_in(&hub, &json!("nothing is said")).await;
    assert_eq!(told().await, first, "it stays");
    let second = json!({"display_name": "Alice in \u{1f43e}"});
    log_in(&hub, &second).await;
    assert_eq!(told().await, second, "at once, and nothing of the first");

    // It outlives the hub, and does not depend on who asks.
    let hub = hub.restart(|_| {}).await;
    let admin = hub.token("admin", &["inherit"]).await;
    assert_eq!(info(&hub, &admin, "/hub/api/users/alice").await, second);
    assert_eq!(info(&hub, &admin, "/hub/api/users/bob").await, Value::Null);
    let browser = hub.log_in("alice").await;
    let me = hub.request("GET", ME).browser(&browser).send().await;
    assert_eq!(me.expect(200).json()["user_info"], second);
}

#[tokio::test]
async fn who_may_not_see_a_name_is_told_nothing_of_the_person() {
    let hub = hub().await;
    log_in(&hub, &json!({"display_name": "Alice"})).await;
    for (scopes, seen) in [
        (&["read:users:name"][..], true),
        (&["read:users"], true),
        (&["read:users:activity"], false),
        (&["read:users:groups"], false),
        // With it goes the name.
        (&["read:servers"], true),
    ] {
        let token = hub.token("admin", scopes).await;
        let path = "/hub/api/users/alice";
        let model = hub.call(&token, "GET", path).send().await;
        let model = model.expect(200).json();
        assert_eq!(model.get("user_info").is_some(), seen, "{scopes:?}");
    }
    let service = hub.call(WHOAMI_TOKEN, "GET", ME).send().await;
    assert_eq!(service.expect(200).json().get("user_info"), None);
}
