//! Hosts of users and services (`JupyterHub.subdomain_host`): where everything leads, and which cookies go where.

use serde_json::Value;
use url::Url;

use crate::harness::{Browser, Hub, PASSWORD};

const HUB: &str = "http://hub.test:8000";
const HOST: &str = "hub.test:8000";
const ALICE: &str = "alice.hub.test:8000";

async fn hub() -> Hub {
    Hub::with(|config| {
        let url: Url = HUB.parse().unwrap();
        config.jupyterhub.subdomain_host = Some(url.clone());
        config.jupyterhub.public_url = Some(url);
    })
    .await
}

async fn get(hub: &Hub, browser: &Browser, host: &str, path: &str) -> String {
    let call = hub.request("GET", path).browser(browser);
    let call = call.header("accept", "text/html").header("host", host);
    let reply = call.send().await;
    assert!(
        reply.status.is_redirection(),
        "{path} at {host}: {}",
        reply.status
    );
    reply.header("location").to_owned()
}

async fn start(hub: &Hub) -> Value {
    let me = hub.token("alice", &["inherit"]).await;
    let server = "/hub/api/users/alice/server";
    hub.call(&me, "POST", server).send().await.expect(201);
    let model = hub.call(&me, "GET", "/hub/api/users/alice").send().await;
    model.expect(200).json()
}

#[tokio::test]
async fn a_server_is_on_the_host_of_its_user() {
    let hub = hub().await;
    let model = start(&hub).await;
    let url = "http://alice.hub.test:8000/user/alice/";
    assert_eq!(model["server"], url);
    let server = &model["servers"][""];
    assert_eq!(
        (&server["url"], &server["full_url"]),
        (&url.into(), &url.into())
    );
    let progress = "/hub/api/users/alice/server/progress";
    assert_eq!(server["progress_url"], progress);
    assert_eq!(server["full_progress_url"], format!("{HUB}{progress}"));
    let routes: Vec<String> = hub.proxy.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(routes, ["alice.hub.test/user/alice/"]);
    let client = hub::db::oauth::find_client(hub.state.db.read(), "jupyterhub-user-alice")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.redirect_uri, format!("{url}oauth_callback"));

    let wanted = hub.state.routes.check().await.unwrap();
    assert_eq!(
        (wanted.added, wanted.deleted),
        (2, 0),
        "the hub's and one of a service"
    );
    let routes: Vec<String> = hub.proxy.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(
        routes,
        [
            "/",
            "alice.hub.test/user/alice/",
            "whoami--service.hub.test/services/whoami/"
        ]
    );
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "DELETE", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(204);
    assert!(
        !hub.proxy
            .0
            .lock()
            .unwrap()
            .contains_key("alice.hub.test/user/alice/")
    );
}

#[tokio::test]
async fn browsers_are_sent_to_the_right_host() {
    let hub = hub().await;
    let alice = hub.log_in("alice").await;
    // From the host of a server that does not run to the hub's, where the cookies are.
    assert_eq!(
        get(&hub, &alice, ALICE, "/user/alice/lab?x=1").await,
        format!("{HUB}/hub/user/alice/lab?x=1")
    );
    // Links of before lead on; a service that is away is looked for once.
    let whoami = "/services/whoami/x?y";
    assert_eq!(
        get(&hub, &alice, HOST, whoami).await,
        format!("http://whoami--service.hub.test:8000{whoami}")
    );
    assert_eq!(
        get(&hub, &alice, "whoami--service.hub.test:8000", whoami).await,
        format!("{HUB}/hub{whoami}")
    );
    start(&hub).await;
    // And back, once it runs.
    assert_eq!(
        get(&hub, &alice, HOST, "/hub/user/alice/lab?x=1").await,
        format!("http://{ALICE}/user/alice/lab?x=1&redirects=1")
    );
    for (path, expected) in [
        ("/hub/", "/user/alice/"),
        ("/hub/spawn", "/user/alice/"),
        ("/hub/spawn-pending/alice", "/user/alice/"),
        (
            "/hub/spawn/alice?next=%2Fuser%2Falice%2Flab",
            "/user/alice/lab",
        ),
    ] {
        let location = get(&hub, &alice, HOST, path).await;
        assert_eq!(location, format!("http://{ALICE}{expected}"), "{path}");
    }
    let home = hub
        .request("GET", "/hub/home")
        .browser(&alice)
        .header("host", HOST);
    let home = home.send().await.expect(200).body;
    assert!(
        home.contains(&format!("http://{ALICE}/user/alice/")),
        "{home}"
    );
}

#[tokio::test]
async fn next_may_name_hosts_below_ours() {
    let hub = hub().await;
    let alice = hub.log_in("alice").await;
    for (next, expected) in [
        (
            "http://alice.hub.test:8000/user/alice/lab?x#y",
            "/user/alice/lab?x#y",
        ),
        (
            "//whoami--service.hub.test:8000/services/whoami/",
            "/services/whoami/",
        ),
        ("http://hub.test:8000/hub/token", "/hub/token"),
        // What is no host of ours leads where nothing leads: to the start of a server.
        ("http://alice.hub.test/user/alice/", "/hub/spawn"),
        ("https://alice.hub.test:8000/user/alice/", "/hub/spawn"),
        ("http://evilhub.test:8000/x", "/hub/spawn"),
        ("http://hub.test:8000.evil/x", "/hub/spawn"),
        ("http://alice.hub.test:8000@evil/x", "/hub/spawn"),
        ("http://alice.hub.test:8000//evil/x", "/hub/spawn"),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .finish();
        let location = get(&hub, &alice, HOST, &format!("/hub/?{query}")).await;
        assert_eq!(location, expected, "{next}");
    }
}

#[tokio::test]
async fn the_login_stays_at_the_hub_and_the_session_is_seen_below() {
    let hub = hub().await;
    let form = hub.request("GET", "/hub/login").header("host", HOST);
    let xsrf = form.send().await.expect(200).cookie("_xsrf").unwrap();
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("_xsrf", &xsrf),
    ];
    let post = |host: &'static str| {
        let call = hub.request("POST", "/hub/login").header("host", host);
        let call = call.header("cookie", &format!("_xsrf={xsrf}"));
        call.form(&fields).send()
    };
    let reply = post(HOST).await.expect(302);
    let cookies: std::collections::BTreeMap<_, _> = reply.set_cookies().into_iter().collect();
    assert!(
        cookies["jupyterhub-session-id"].contains("Domain=hub.test"),
        "{cookies:?}"
    );
    for own in ["jupyterhub-hub-login", "_xsrf"] {
        assert!(!cookies[own].contains("Domain"), "{cookies:?}");
    }
    // Scripts of alice's server could use what a login on her host would set.
    let refused = post(ALICE).await.expect(403);
    assert_eq!(refused.cookie("jupyterhub-hub-login"), None);
    let alice = hub.log_in("alice").await;
    assert_eq!(
        get(&hub, &alice, ALICE, "/hub/login?next=%2Fhub%2Fhome").await,
        format!("{HUB}/hub/login?next=%2Fhub%2Fhome")
    );
    let out = hub
        .request("GET", "/hub/logout")
        .browser(&alice)
        .header("host", HOST);
    let cookies = out.send().await.set_cookies();
    let session = cookies
        .iter()
        .find(|(name, _)| name == "jupyterhub-session-id");
    assert!(
        session.unwrap().1.contains("Domain=hub.test"),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn the_hub_may_have_a_part_of_the_traffic_only() {
    let hub = Hub::with(|config| {
        config.jupyterhub.hub_routespec = Some("/hub/api/".into());
    })
    .await;
    hub.state.routes.check().await.unwrap();
    let routes: Vec<String> = hub.proxy.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(routes, ["/hub/api/", "/services/whoami/"]);
}
