//! The home page and its forms: servers with names, made, started, stopped and restarted without JavaScript.

use hub::config::Config;
use hub::db::servers;
use hub::domain::lifecycle::ServerState;
use hub::domain::server::{Server, ServerRef};
use hub_types::names::{ServerName, Username};

use crate::harness::{Behaviour, Browser, Hub, Reply};

/// What a form of our own page brings along.
pub(crate) async fn post(
    hub: &Hub,
    browser: &Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let fields: Vec<_> = [("_xsrf", browser.xsrf.as_str())]
        .into_iter()
        .chain(fields.iter().copied())
        .collect();
    let call = hub.request("POST", path).browser(browser);
    let call = call.header("sec-fetch-site", "same-origin");
    call.form(&fields).send().await
}

pub(crate) async fn get(hub: &Hub, browser: &Browser, path: &str) -> Reply {
    hub.request("GET", path).browser(browser).send().await
}

pub(crate) async fn row(hub: &Hub, user: &str, name: &str) -> Option<Server> {
    let at = ServerRef::new(Username::stored(user), ServerName::stored(name));
    servers::find(hub.state.db.read(), &at).await.unwrap()
}

async fn state(hub: &Hub, name: &str) -> ServerState {
    // A page does not wait long for a start.
    hub.state.manager.idle().await;
    row(hub, "alice", name).await.unwrap().state
}

/// A hub where users may have two servers with names.
async fn two_at_most() -> (Hub, Browser) {
    let hub =
        Hub::with(|config: &mut Config| config.jupyterhub.named_server_limit_per_user = 2).await;
    let alice = hub.log_in("alice").await;
    (hub, alice)
}

const NEW: &str = "/hub/home/new-server";

#[tokio::test]
async fn a_server_with_a_name_from_its_making_to_its_stop() {
    let (hub, alice) = two_at_most().await;
    let page = get(&hub, &alice, "/hub/home").await.expect(200).body;
    assert!(page.contains("You have 0 of at most 2."), "{page}");
    let made = post(
        &hub,
        &alice,
        NEW,
        &[("display_name", " GPU <large> "), ("name", "")],
    )
    .await;
    assert_eq!(made.expect(302).header("location"), "/hub/home");
    let server = row(&hub, "alice", "gpu-large").await.unwrap();
    assert_eq!(
        (server.display_name.as_str(), server.state),
        ("GPU <large>", ServerState::Stopped)
    );

    let started = post(
        &hub,
        &alice,
        NEW,
        &[("display_name", "Lab"), ("name", "lab"), ("start", "1")],
    )
    .await;
    assert_eq!(
        started.expect(302).header("location"),
        "/hub/spawn/alice/lab"
    );
    get(&hub, &alice, "/hub/spawn/alice/lab").await.expect(302);
    assert_eq!(state(&hub, "lab").await, ServerState::Ready);
    let page = get(&hub, &alice, "/hub/home").await.expect(200).body;
    for part in [
        "You have 2 of at most 2.",
        "id=\"named-servers-full\"",
        "GPU &lt;large&gt; <code class=\"quiet\">gpu-large</code>",
        "id=\"start-gpu-large\" href=\"/hub/spawn/alice/gpu-large\"",
        "id=\"start-lab\" href=\"/user/alice/lab/\"",
        "href=\"/hub/manage/alice/lab\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("id=\"new-server\""),
        "no form for a third: {page}"
    );

    let restarted = post(
        &hub,
        &alice,
        "/hub/home/restart-server",
        &[("server", "lab")],
    )
    .await;
    assert_eq!(restarted.expect(302).header("location"), "/user/alice/lab/");
    assert_eq!(hub.spawner.starts()["alice/lab"], 2);
    post(&hub, &alice, "/hub/home/stop-server", &[("server", "lab")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "lab").await, ServerState::Stopped);
}

#[tokio::test]
async fn who_comes_home_to_a_dead_server_sees_that_it_is_dead() {
    let (hub, alice) = two_at_most().await;
    get(&hub, &alice, "/hub/spawn/alice/lab").await.expect(302);
    assert_eq!(state(&hub, "lab").await, ServerState::Ready);
    hub.spawner.kill("alice/lab");
    let page = get(&hub, &alice, "/hub/home").await.expect(200).body;
    assert!(
        page.contains("id=\"start-lab\" href=\"/hub/spawn/alice/lab\""),
        "{page}"
    );
    assert_eq!(state(&hub, "lab").await, ServerState::Stopped);
}

#[tokio::test]
async fn names_that_cannot_be_are_said_and_the_form_stays_filled_in() {
    let (hub, alice) = two_at_most().await;
    post(&hub, &alice, NEW, &[("display_name", "Lab"), ("name", "")])
        .await
        .expect(302);
    let long = "x".repeat(256);
    for (display_name, name, status, said) in [
        ("", "ok", 400, "1 to 255 characters"),
        (&long, "ok", 400, "1 to 255 characters"),
        ("two  spaces", "ok", 400, "1 to 255 characters"),
        ("hid\u{200b}den", "ok", 400, "1 to 255 characters"),
        ("日本", "", 400, "Nothing of this name"),
        ("Typed \"here\"", "A b", 400, "at most 30 small letters"),
        ("x", "../x", 400, "at most 30 small letters"),
        ("x", "a--b", 400, "at most 30 small letters"),
        ("Lab", "lab", 409, "already has server lab"),
    ] {
        let fields = [("display_name", display_name), ("name", name)];
        let page = post(&hub, &alice, NEW, &fields).await.expect(status).body;
        assert!(page.contains(said), "{display_name:?} {name:?}: {page}");
        assert!(
            page.contains(&format!("name=\"name\" value=\"{name}\"")),
            "{page}"
        );
    }
    let page = post(
        &hub,
        &alice,
        NEW,
        &[("display_name", "Typed \"here\""), ("name", "A b")],
    )
    .await;
    assert!(
        page.body.contains("value=\"Typed &#34;here&#34;\""),
        "{}",
        page.body
    );
    post(&hub, &alice, NEW, &[("display_name", "Lab")])
        .await
        .expect(302);
    assert!(
        row(&hub, "alice", "lab-2").await.is_some(),
        "a number makes it another name"
    );
    let third = post(&hub, &alice, NEW, &[("display_name", "More")])
        .await
        .expect(400);
    assert!(
        third.body.contains("maximum of 2 named servers"),
        "{}",
        third.body
    );
}

#[tokio::test]
async fn where_there_are_no_named_servers_the_page_has_none() {
    let hub = Hub::with(|config| config.jupyterhub.allow_named_servers = false).await;
    let alice = hub.log_in("alice").await;
    let page = get(&hub, &alice, "/hub/home").await.expect(200).body;
    assert!(!page.contains("named-servers"), "{page}");
    let refused = post(&hub, &alice, NEW, &[("display_name", "Lab")])
        .await
        .expect(400);
    assert!(
        refused.body.contains("Named servers are not enabled"),
        "{}",
        refused.body
    );
    assert!(row(&hub, "alice", "lab").await.is_none());
}

#[tokio::test]
async fn forms_of_other_pages_and_old_ones_do_nothing() {
    let (hub, alice) = two_at_most().await;
    get(&hub, &alice, "/hub/spawn/alice").await.expect(302);
    let forms: [(&str, &[(&str, &str)]); 3] = [
        (NEW, &[("display_name", "Lab")]),
        ("/hub/home/restart-server", &[("server", "")]),
        ("/hub/manage/alice", &[("do", "stop")]),
    ];
    for (path, fields) in forms {
        let call = hub.request("POST", path).browser(&alice);
        let other = call
            .header("sec-fetch-site", "cross-site")
            .form(fields)
            .send()
            .await;
        assert!(
            !other.expect(403).body.contains("been open for too long"),
            "{path}"
        );
        let call = hub.request("POST", path).browser(&alice);
        let old = call
            .header("sec-fetch-site", "same-origin")
            .form(fields)
            .send()
            .await;
        assert!(
            old.expect(403).body.contains("been open for too long"),
            "{path}"
        );
    }
    assert!(row(&hub, "alice", "lab").await.is_none());
    assert_eq!(hub.spawner.starts()["alice/"], 1);
    assert_eq!(state(&hub, "").await, ServerState::Ready);
}

#[tokio::test]
async fn nobody_restarts_the_servers_of_others() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.log_in("alice").await, hub.log_in("bob").await);
    get(&hub, &alice, "/hub/spawn/alice").await.expect(302);
    for path in ["/hub/home/restart-server", "/hub/home/stop-server"] {
        post(&hub, &bob, path, &[("user", "alice")])
            .await
            .expect(404);
    }
    get(&hub, &bob, "/hub/manage/alice").await.expect(404);
    for form in ["stop", "restart", "delete", "share", "link"] {
        post(&hub, &bob, "/hub/manage/alice", &[("do", form)])
            .await
            .expect(404);
    }
    assert_eq!(hub.spawner.starts()["alice/"], 1);
    assert_eq!(state(&hub, "").await, ServerState::Ready);
}

#[tokio::test]
async fn a_restart_that_fails_says_why() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    get(&hub, &alice, "/hub/spawn/alice").await.expect(302);
    hub.spawner.next(Behaviour::Fails("no room <here>".into()));
    let page = post(&hub, &alice, "/hub/home/restart-server", &[])
        .await
        .expect(500)
        .body;
    assert!(page.contains("no room &lt;here&gt;"), "{page}");
    assert_eq!(state(&hub, "").await, ServerState::Stopped);
    let home = get(&hub, &alice, "/hub/home").await.expect(200).body;
    assert!(home.contains("The last start failed: "), "{home}");
}

/// Whoever holds the role `admin` can open every server. The page says so where there is somebody, and where `admin_access`
/// says that there may be.
#[tokio::test]
async fn people_are_told_that_administrators_can_open_their_servers() {
    let told = async |hub: &Hub, user: &str| {
        let browser = hub.log_in(user).await;
        let page = get(hub, &browser, "/hub/home").await.expect(200).body;
        page.contains("Administrators of this hub can open your servers.")
    };
    let hub = Hub::start().await;
    assert!(told(&hub, "alice").await, "there is one");
    assert!(!told(&hub, "admin").await, "who is the only one");
    let hub = Hub::with(|config| config.authenticator.admin_users.clear()).await;
    assert!(!told(&hub, "alice").await, "there is none");
    let hub = hub
        .restart(|config| config.jupyterhub.admin_access = true)
        .await;
    assert!(told(&hub, "alice").await, "admin_access is on");
}

/// What forbids the start is known before the stop: the server goes on.
#[tokio::test]
async fn a_restart_that_cannot_be_stops_nothing() {
    let memory_is = |setting: &str| {
        let toml = format!("[Spawner]\napply_user_options = {{ memory = \"{setting}\" }}\n");
        Config::from_toml(&toml).unwrap().spawner
    };
    let hub = Hub::with(|config: &mut Config| {
        config.jupyterhub.active_server_limit = 2;
        config.spawner = memory_is("mem_limit");
    })
    .await;
    let alice = hub.log_in("alice").await;
    get(&hub, &alice, "/hub/spawn/alice/gpu").await.expect(302);
    let token = hub.token("alice", &["inherit"]).await;
    let body = serde_json::json!({"user_options": {"memory": "1G"}});
    let start = hub.call(&token, "POST", "/hub/api/users/alice/server");
    start.json(&body).send().await.expect(201);
    // At the limit: its own place is free again once it stops.
    const RESTARTS: [(&str, &[(&str, &str)]); 3] = [
        ("/hub/home/restart-server", &[]),
        ("/hub/manage/alice", &[("do", "restart")]),
        ("/hub/manage/alice", &[("do", "options")]),
    ];
    let (path, form) = RESTARTS[0];
    let again = post(&hub, &alice, path, form).await.expect(302);
    assert_eq!(again.header("location"), "/user/alice/");
    assert_eq!(hub.spawner.starts()["alice/"], 2);
    // With the options of the server that ran.
    let (options, settings) = hub.spawner.told();
    assert_eq!(options, body["user_options"]);
    assert_eq!(settings.spawner.mem_limit, Some(1 << 30));

    let hub = hub
        .restart(|config| config.jupyterhub.active_server_limit = 1)
        .await;
    for (path, form) in RESTARTS {
        let page = post(&hub, &alice, path, form).await.expect(429).body;
        assert!(
            page.contains("Active user limit exceeded"),
            "{path}: {page}"
        );
        assert!(page.contains("id=\"stop\""), "it still runs: {page}");
    }
    // Options that the configuration no longer takes.
    let hub = hub
        .restart(|config| {
            config.jupyterhub.active_server_limit = 0;
            config.spawner = memory_is("cpu_limit");
        })
        .await;
    for (path, form) in &RESTARTS[..2] {
        let page = post(&hub, &alice, path, form).await.expect(400).body;
        assert!(
            page.contains("Invalid user options: memory"),
            "{path}: {page}"
        );
    }
    assert_eq!(state(&hub, "").await, ServerState::Ready);
}
