//! Cases 91, 92 and 94: what people can say of how their servers start, and where secrets of servers are not.

use hub::config::Config;
use serde_json::{Value, json};

use crate::harness::Hub;
use crate::watch::Watched;

const CONFIGURED: &str = r#"
[Spawner]
args = ["--first"]
environment = { SAFE = "1" }
apply_user_options = { args = "args", memory = "mem_limit" }
"#;

async fn hub() -> (Watched, String) {
    let spawner = Config::from_toml(CONFIGURED).unwrap().spawner;
    let hub = Watched::with(|config| config.spawner = spawner).await;
    let token = hub.token("alice", &["inherit"]).await;
    (hub, token)
}

async fn start(hub: &Hub, token: &str, options: &Value) -> u16 {
    let body = json!({"user_options": options});
    let path = "/hub/api/users/alice/server";
    let reply = hub.call(token, "POST", path).json(&body).send().await;
    if reply.status == 201 {
        hub.call(token, "DELETE", path).send().await.expect(204);
    }
    reply.status.as_u16()
}

#[tokio::test]
async fn case_91_options_change_nothing_that_is_not_configured() {
    let (hub, token) = hub().await;
    assert_eq!(start(&hub, &token, &json!({})).await, 201);
    let (_, untouched) = hub.spawner.told();
    for (name, value) in [
        ("cmd", json!(["/bin/sh"])),
        ("shell_cmd", json!(["/bin/sh", "-c"])),
        (
            "environment",
            json!({"LD_PRELOAD": "/tmp/evil.so", "PATH": ".:/tmp"}),
        ),
        ("env", json!({"PATH": "/tmp"})),
        ("env_keep", json!(["CONFIGPROXY_AUTH_TOKEN"])),
        ("notebook_dir", json!("/etc")),
        ("cwd", json!("/etc")),
        ("home_dir_template", json!("/root")),
        ("ip", json!("0.0.0.0")),
        ("hub_connect_url", json!("http://evil.example")),
        ("pre_spawn_hook", json!(["/bin/sh"])),
        ("server_token_scopes", json!(["inherit"])),
        ("spawner_override", json!({"cmd": ["/bin/sh"]})),
        ("profile", json!("admin")),
        ("__class__", json!("x")),
    ] {
        let options = json!({ name: value });
        assert_eq!(start(&hub, &token, &options).await, 201, "{name}");
        assert_eq!(hub.spawner.told(), (options, untouched.clone()), "{name}");
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_92_options_are_data_and_bounded() {
    let (hub, token) = hub().await;
    for word in [
        "{username}",
        "$(id)",
        "`id`",
        "; rm -rf /",
        "a\nb",
        "--x='",
        "\u{202e}",
        "%s",
        "",
    ] {
        let options = json!({ "args": [word] });
        assert_eq!(start(&hub, &token, &options).await, 201, "{word:?}");
        let (kept, settings) = hub.spawner.told();
        assert_eq!(
            (kept, settings.spawner.args),
            (options, vec![word.to_owned()])
        );
    }
    let deep = (0..100).fold(json!("x"), |inner, _| json!([inner]));
    let long = "x".repeat(2 << 20);
    for (options, status) in [
        (json!("text"), 400),
        (json!(["list"]), 400),
        (json!(7), 400),
        (json!({"args": deep}), 400),
        (json!({"args": {"0": "--x"}}), 400),
        (json!({"args": [["--x"]]}), 400),
        (json!({"args": [1]}), 400),
        (json!({"memory": {}}), 400),
        (json!({"memory": "1e999G"}), 400),
        (json!({ "other": long }), 413),
    ] {
        let shown: String = options.to_string().chars().take(60).collect();
        assert_eq!(start(&hub, &token, &options).await, status, "{shown}");
    }
    // The next one is served as ever.
    assert_eq!(start(&hub, &token, &json!({})).await, 201);
    hub.is_well().await;
}

#[tokio::test]
async fn case_94_secrets_of_servers_are_not_in_the_log() {
    let (hub, token) = hub().await;
    let options =
        json!({"args": ["--password=opened-by-arguments"], "password": "opened-by-options"});
    assert_eq!(start(&hub, &token, &options).await, 201);
    hub.secret(hub.spawner.token().expose());
    hub.secret("opened-by-arguments");
    hub.secret("opened-by-options");
    let browser = hub.log_in("alice").await;
    hub.request("GET", "/hub/spawn?opt-password=opened-by-a-link")
        .browser(&browser)
        .header("sec-fetch-site", "none")
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    hub.secret("opened-by-a-link");
    hub.secret(hub.spawner.token().expose());
    hub.is_well().await;
}
