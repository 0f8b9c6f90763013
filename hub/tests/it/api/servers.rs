//! Users' servers through the API: start, progress, stop.

use hub::db::servers;
use hub::domain::lifecycle::ServerState;
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};
use serde_json::{Value, json};

use crate::harness::{Behaviour, Hub};
use crate::scene::eventually;

async fn reaches(hub: &Hub, server: &str, state: ServerState) {
    let at = ServerRef::new(Username::stored("alice"), ServerName::stored(server));
    eventually("the server gets there", || async {
        let row = servers::find(hub.state.db.read(), &at).await.unwrap();
        row.filter(|row| row.state == state)
    })
    .await;
}

fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn started_seen_and_stopped() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let call =
        |method: &str, path: &str| hub.call(&me, method, &format!("/hub/api/users/alice/{path}"));
    let reply = call("POST", "server")
        .json(&json!({"profile": "big"}))
        .send()
        .await
        .expect(201);
    assert_eq!(
        (reply.header("content-type"), reply.body.as_str()),
        ("text/plain", "")
    );
    let reply = call("POST", "server").send().await;
    assert_eq!(
        reply.error(),
        (400, Some("alice is already running".into()))
    );

    let model = call("GET", "server").send().await.expect(200).json();
    assert_eq!(
        model,
        json!({
            "name": "", "display_name": "", "full_name": "alice/", "last_activity": "2026-11-22T03:30:07.624000Z",
            "started": "2026-11-22T03:30:07.624000Z", "pending": null, "ready": true, "stopped": false,
            "url": "/user/alice/", "user_options": {"profile": "big"}, "full_url": null,
            "progress_url": "/hub/api/users/alice/server/progress", "full_progress_url": null,
        })
    );
    let user = hub
        .call(&me, "GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&user["server"], &user["servers"][""]),
        (&json!("/user/alice/"), &model)
    );
    let admin = hub.token("admin", &["inherit"]).await;
    let seen = hub
        .call(&admin, "GET", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(seen["state"], json!({"server": "alice/"}));

    let reply = call("GET", "server/progress").send().await.expect(200);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    assert_eq!(
        (
            reply.header("cache-control"),
            reply.header("x-accel-buffering")
        ),
        ("no-cache", "no")
    );
    let ready = events(&reply.body).pop().unwrap();
    assert_eq!(
        (&ready["ready"], &ready["url"]),
        (&json!(true), &json!("/user/alice/"))
    );

    let reply = call("DELETE", "server").send().await.expect(204);
    assert_eq!(
        (reply.header("content-type"), reply.body.as_str()),
        ("", "")
    );
    call("DELETE", "servers/").send().await.expect(204);
    let user = hub
        .call(&me, "GET", "/hub/api/users/alice")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&user["server"], &user["servers"]),
        (&json!(null), &json!({}))
    );
    for (query, shown) in [
        ("include_stopped_servers", true),
        ("include_stopped_servers=1", true),
        ("include_stopped_servers=False", false),
    ] {
        let user = hub
            .call(&me, "GET", &format!("/hub/api/users/alice?{query}"))
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(
            user["servers"][""]["stopped"] == json!(true),
            shown,
            "{query}"
        );
    }
    let reply = call("GET", "server/progress").send().await;
    assert_eq!(
        reply.error(),
        (400, Some("alice is not starting...".into()))
    );
    // Options of the last start are used again.
    call("POST", "server").send().await.expect(201);
    assert_eq!(
        call("GET", "server").send().await.expect(200).json()["user_options"],
        json!({"profile": "big"})
    );
}

#[tokio::test]
async fn named_servers() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let call = |method: &str, name: &str| {
        hub.call(&me, method, &format!("/hub/api/users/alice/servers/{name}"))
    };
    let made = call("PUT", "gpu")
        .json(&json!({"display_name": "G P U", "user_options": {"n": 1}}))
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(
        (
            &made["display_name"],
            &made["stopped"],
            &made["user_options"]
        ),
        (&json!("G P U"), &json!(true), &json!({"n": 1}))
    );
    for (method, name, status, message) in [
        ("PUT", "gpu", 409, "User alice already has server gpu"),
        ("PUT", "", 409, "User alice already has a default server"),
        ("PUT", "G_P", 400, "Invalid server_name: G_P"),
        ("PUT", "..", 400, "Invalid server_name: .."),
        ("POST", "a--b", 400, "Invalid server_name: a--b"),
        ("DELETE", "nope", 404, "alice has no server named 'nope'"),
        (
            "PATCH",
            "nope",
            400,
            "Must specify at least one field to modify.",
        ),
    ] {
        assert_eq!(
            call(method, name).send().await.error(),
            (status, Some(message.into())),
            "{method} {name}"
        );
    }
    assert_eq!(call("GET", "nope").send().await.error(), (404, None));

    let changed = call("PATCH", "gpu")
        .json(&json!({"name": "cpu", "display_name": "C"}))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&changed["name"], &changed["display_name"], &changed["url"]),
        (&json!("cpu"), &json!("C"), &json!("/user/alice/cpu/"))
    );
    // Nobody remembers anything of a server that was renamed and never ran, except its options.
    let admin = hub.token("admin", &["inherit"]).await;
    let seen = async |name: &str| {
        let path = "/hub/api/users/alice?include_stopped_servers";
        let user = hub.call(&admin, "GET", path).send().await.expect(200);
        let server = user.json()["servers"][name].clone();
        (server["state"].clone(), server["user_options"].clone())
    };
    assert_eq!(seen("cpu").await, (json!(null), json!({"n": 1})));
    assert_eq!(seen("").await, (json!({}), json!({})));
    call("PUT", "gpu").send().await.expect(201);
    assert_eq!(seen("gpu").await, (json!({}), json!({})));
    for (body, status, message) in [
        (
            json!({"name": "gpu"}),
            409,
            "User alice already has server 'gpu'",
        ),
        (
            json!({"zzz": 1}),
            400,
            "Unexpected fields: 'zzz', supported fields: name, display_name, user_options",
        ),
        (json!({"name": "N"}), 400, "Invalid server_name: N"),
        (
            json!({"display_name": "x\u{202e}"}),
            400,
            "Invalid display_name: x\\u{202e}",
        ),
        (
            json!({"name": "npu", "display_name": " x"}),
            400,
            "Invalid display_name:  x",
        ),
        (
            json!({"user_options": []}),
            400,
            "user_options must be a dict",
        ),
    ] {
        assert_eq!(
            call("PATCH", "cpu").json(&body).send().await.error(),
            (status, Some(message.into())),
            "{body}"
        );
    }
    // Odd spaces are refused for new servers only.
    let odd = call("PATCH", "cpu").json(&json!({"display_name": " x"}));
    assert_eq!(odd.send().await.expect(200).json()["display_name"], " x");
    call("POST", "cpu").send().await.expect(201);
    assert_eq!(seen("cpu").await.0, json!({"server": "alice/cpu"}));
    let reply = call("PATCH", "cpu")
        .json(&json!({"display_name": "x"}))
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (
            400,
            Some("alice:cpu is active. Please stop it before modifying it.".into())
        )
    );
    call("DELETE", "cpu")
        .json(&json!({"remove": true}))
        .send()
        .await
        .expect(204);
    call("GET", "cpu").send().await.expect(404);
    let reply = call("DELETE", "")
        .json(&json!({"remove": true}))
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (400, Some("Cannot delete the default server".into()))
    );
    call("DELETE", "gpu").text("junk").send().await.expect(400);
    // Who runs servers is told of those that go for good, whether they ran or not; of a stop it is not told.
    let deleted = || hub.spawner.deleted.lock().unwrap().clone();
    assert_eq!(deleted(), ["alice/cpu"]);
    call("POST", "gpu").send().await.expect(201);
    call("DELETE", "gpu").send().await.expect(204);
    assert_eq!(deleted(), ["alice/cpu"]);
    let remove = call("DELETE", "gpu").json(&json!({"remove": true}));
    remove.send().await.expect(204);
    call("GET", "gpu").send().await.expect(404);
    assert_eq!(deleted(), ["alice/cpu", "alice/gpu"]);
}

#[tokio::test]
async fn a_start_that_takes_long_or_fails() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let path = "/hub/api/users/alice/server";
    hub.spawner
        .next(Behaviour::Fails("there is no such command".into()));
    let reply = hub.call(&me, "POST", path).send().await;
    let (status, message) = reply.error();
    assert!(status == 500 && message.unwrap().contains("there is no such command"));
    let events = events(
        &hub.call(&me, "GET", &format!("{path}/progress"))
            .send()
            .await
            .expect(200)
            .body,
    );
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["failed"], json!(true));

    hub.spawner.next(Behaviour::Hangs);
    let first = async { hub.call(&me, "POST", path).send().await };
    let rest = async {
        reaches(&hub, "", ServerState::Spawning).await;
        hub.call(&me, "POST", path).send().await.expect(202);
        let user = hub
            .call(&me, "GET", "/hub/api/users/alice")
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&user["pending"], &user["server"]),
            (&json!("spawn"), &json!(null))
        );
        hub.call(&me, "DELETE", path).send().await.expect(204);
    };
    let (first, ()) = tokio::join!(first, rest);
    assert_eq!(first.error().0, 500);
    let none = hub
        .call(&me, "POST", "/hub/api/users/nobody/server")
        .send()
        .await;
    assert_eq!(none.error().0, 404);
}

#[tokio::test]
async fn a_stop_with_a_precondition() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let path = "/hub/api/users/alice/server";
    hub.call(&me, "POST", path).send().await.expect(201);
    let stop = |since: &str| {
        hub.call(&me, "DELETE", path)
            .header("x-jupyterhub-if-inactive-since", since)
    };
    stop("2026-11-22T03:30:07.623Z").send().await.expect(412);
    stop("junk").send().await.expect(400);
    hub.call(&me, "GET", path).send().await.expect(200);
    stop("2026-11-22T03:30:07.624Z").send().await.expect(204);
}

#[tokio::test]
async fn users_by_what_their_servers_do() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    hub.call(&admin, "POST", "/hub/api/users/bob/server")
        .send()
        .await
        .expect(201);
    hub.spawner.next(Behaviour::Hangs);
    let starting = async {
        hub.call(&admin, "POST", "/hub/api/users/alice/server")
            .send()
            .await
    };
    let looking = async {
        reaches(&hub, "", ServerState::Spawning).await;
        for (state, expected) in [
            ("active", &["alice", "bob"][..]),
            ("ready", &["bob"]),
            ("inactive", &["admin"]),
        ] {
            let users = hub
                .call(
                    &admin,
                    "GET",
                    &format!("/hub/api/users?state={state}&sort=name"),
                )
                .send()
                .await;
            let users = users.expect(200).json();
            let names: Vec<&str> = users
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, expected, "{state}");
        }
        hub.call(&admin, "DELETE", "/hub/api/users/alice/server")
            .send()
            .await
            .expect(204);
    };
    tokio::join!(starting, looking);
}

#[tokio::test]
async fn a_servers_own_token_dies_with_it() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let tokens = hub
        .call(&me, "GET", "/hub/api/users/alice/tokens")
        .send()
        .await
        .expect(200)
        .json();
    let of_server = tokens["api_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| {
            token["note"]
                .as_str()
                .unwrap()
                .starts_with("Server at /user/alice/")
        });
    let scopes = of_server.unwrap()["scopes"].as_array().unwrap();
    assert!(
        scopes.contains(&json!("access:servers!server=alice/")),
        "{scopes:?}"
    );
    hub.call(&me, "DELETE", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(204);
    let tokens = hub
        .call(&me, "GET", "/hub/api/users/alice/tokens")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(tokens["api_tokens"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn named_servers_have_to_be_allowed_and_can_be_limited() {
    let hub = Hub::with(|config| config.jupyterhub.allow_named_servers = false).await;
    let me = hub.token("alice", &["inherit"]).await;
    for (method, body) in [
        ("PUT", json!({})),
        ("POST", json!({})),
        ("PATCH", json!({"display_name": "G"})),
        ("DELETE", json!({})),
    ] {
        let path = "/hub/api/users/alice/servers/gpu";
        let reply = hub.call(&me, method, path).json(&body).send().await;
        let message = "Named servers are not enabled.".to_owned();
        assert_eq!(reply.error(), (400, Some(message)), "{method}");
    }
    let reply = hub
        .call(&me, "POST", "/hub/api/users/alice/servers/")
        .send()
        .await;
    reply.expect(201);

    let hub = Hub::with(|config| config.jupyterhub.named_server_limit_per_user = 1).await;
    let me = hub.token("alice", &["inherit"]).await;
    let call = |method: &str, name: &str| {
        hub.call(&me, method, &format!("/hub/api/users/alice/servers/{name}"))
            .send()
    };
    call("POST", "").await.expect(201);
    call("PUT", "one").await.expect(201);
    let full = "User alice already has the maximum of 1 named servers.  One must be deleted before a new server can be created";
    for method in ["PUT", "POST"] {
        assert_eq!(call(method, "two").await.error(), (400, Some(full.into())));
    }
    call("POST", "one").await.expect(201);
}

#[tokio::test]
async fn starts_are_limited() {
    let hub = Hub::with(|config| config.jupyterhub.active_server_limit = 1).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let start = |user: &str| {
        let path = format!("/hub/api/users/{user}/server");
        hub.call(&admin, "POST", &path).send()
    };
    start("alice").await.expect(201);
    let reply = start("bob").await;
    assert_eq!(reply.header("retry-after"), "");
    let full = "Active user limit exceeded. Try again in a few minutes.";
    assert_eq!(reply.error(), (429, Some(full.into())));

    let hub = Hub::with(|config| config.jupyterhub.concurrent_spawn_limit = 1).await;
    let admin = hub.token("admin", &["inherit"]).await;
    hub.spawner.next(Behaviour::Hangs);
    let first = hub
        .call(&admin, "POST", "/hub/api/users/alice/server")
        .send();
    let second = async {
        let path = "/hub/api/users/alice/server";
        loop {
            let model = hub.call(&admin, "GET", path).send().await;
            if model.status == 200 && model.json()["pending"] == "spawn" {
                break;
            }
            tokio::task::yield_now().await;
        }
        let reply = hub
            .call(&admin, "POST", "/hub/api/users/bob/server")
            .send()
            .await;
        hub.call(&admin, "DELETE", path).send().await.expect(204);
        reply
    };
    let (_, reply) = tokio::join!(first, second);
    let retry_after: u64 = reply.header("retry-after").parse().unwrap();
    assert!((30..=60).contains(&retry_after));
    let (status, message) = reply.error();
    let message = message.unwrap();
    assert_eq!(status, 429);
    assert!(message.starts_with("Too many users trying to log in right now. Try again in "));
    assert!(message.ends_with("0 seconds."), "{message}");
}
