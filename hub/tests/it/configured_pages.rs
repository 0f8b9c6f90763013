//! What an administrator may change of the pages and of the ways to them.

use std::time::Duration;

use hub::domain::lifecycle::ServerState;
use hub_types::names::ServerName;

use crate::browser_pages::pressed;
use crate::harness::{Behaviour, Browser, Hub};
use crate::home_pages::{get, post, row};

#[tokio::test]
async fn a_logo_templates_and_variables_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("lab.svg");
    std::fs::write(&logo, "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let page =
        "{% extends \"templates/login.html\" %}{% block title %}Ours {{ super() }}{% endblock %}";
    std::fs::write(folder.path().join("login.html"), page).unwrap();
    let hub = Hub::with(|config| {
        let hub = &mut config.jupyterhub;
        hub.logo_file = Some(logo);
        hub.template_paths = vec![folder.path().to_owned()];
        hub.template_vars
            .insert("site_name".into(), "Physics".into());
    })
    .await;
    let login = hub.request("GET", "/hub/login").send().await.expect(200);
    assert!(
        login.body.contains("<title>Ours Sign in · Physics"),
        "{}",
        login.body
    );
    assert!(login.body.contains("src=\"/hub/logo\""), "{}", login.body);
    let logo = hub.request("GET", "/hub/logo").send().await.expect(200);
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert!(logo.body.starts_with("<svg"));
}

#[tokio::test]
async fn servers_find_a_logo_even_where_none_is_configured() {
    let hub = Hub::start().await;
    let reply = hub.request("GET", "/hub/logo").send().await.expect(302);
    let picture = hub.request("GET", reply.header("location")).send().await;
    assert_eq!(picture.expect(200).header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn scripts_of_administrators_have_the_nonce_of_their_answer() {
    let folder = tempfile::tempdir().unwrap();
    let page = "{% extends \"templates/login.html\" %}{% block script %}<script nonce=\"{{ csp_nonce }}\">1</script>{% endblock %}";
    std::fs::write(folder.path().join("login.html"), page).unwrap();
    let hub = Hub::with(|config| {
        let hub = &mut config.jupyterhub;
        hub.template_paths = vec![folder.path().to_owned()];
        let style = "<style>b { color: red }</style>";
        hub.template_vars
            .insert("announcement_login".into(), style.into());
        let terms = "https://example.edu/terms";
        hub.template_vars
            .insert("login_term_url".into(), terms.into());
    })
    .await;
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let login = hub.request("GET", "/hub/login").send().await.expect(200);
        let policy = login.header("content-security-policy");
        let (_, rest) = policy.split_once("script-src 'self' 'nonce-").unwrap();
        let nonce = rest.split('\'').next().unwrap().to_owned();
        assert!(
            policy.contains(&format!("style-src 'self' 'nonce-{nonce}'")),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        for part in [
            format!("<script nonce=\"{nonce}\">1</script>"),
            format!("<style nonce=\"{nonce}\">b {{ color: red }}</style>"),
            "<a href=\"https://example.edu/terms\">terms of use</a>".to_owned(),
        ] {
            assert!(login.body.contains(&part), "{part}: {}", login.body);
        }
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1], "every answer has its own");
}

#[tokio::test]
async fn links_without_a_name_lead_to_the_server_of_the_configuration() {
    for (named, expected) in [
        (true, "spawn/alice/lab?next=%2Fuser%2Falice%2Flab%2Fx"),
        (false, "spawn/alice?next="),
    ] {
        let hub = Hub::with(|config| {
            config.jupyterhub.allow_named_servers = named;
            config.jupyterhub.default_server_name = ServerName::stored("lab");
        })
        .await;
        let alice = hub.log_in("alice").await;
        let reply = hub
            .request("GET", "/hub/user-redirect/x")
            .browser(&alice)
            .send()
            .await
            .expect(302);
        let location = reply.header("location");
        assert!(location.contains(expected), "{location}");
    }
}

#[tokio::test]
async fn a_stopped_server_may_answer_as_of_old_and_start_by_itself() {
    let hub = Hub::with(|config| {
        config.jupyterhub.legacy_stopped_status = true;
        config.jupyterhub.implicit_spawn = Duration::from_millis(2_500);
    })
    .await;
    let alice = hub.log_in("alice").await;
    let page = hub
        .request("GET", "/hub/user/alice/lab?x")
        .browser(&alice)
        .send()
        .await
        .expect(503);
    let link = "href=\"/hub/spawn/alice?next=%2Fuser%2Falice%2Flab%3Fx\" data-start-after=\"3\"";
    assert!(page.body.contains(link), "{}", page.body);
    assert!(page.body.contains("js/implicit-start.js"), "{}", page.body);
    hub.request("GET", "/hub/user/alice/api/contents")
        .browser(&alice)
        .send()
        .await
        .expect(503);
    // The script presses the button when the time has come; nothing more is asked.
    let at = pressed(&hub, &alice, &page.body).await;
    assert_eq!(at, "/user/alice/lab?x");
    assert_eq!(state(&hub, "alice", "").await, ServerState::Ready);
}

async fn state(hub: &Hub, user: &str, name: &str) -> ServerState {
    row(hub, user, name).await.unwrap().state
}

/// Starts servers of alice, one of which never answers, and one of bob; logs alice out.
async fn alice_leaves(hub: &Hub, leaves: impl AsyncFnOnce(&Browser)) {
    let (alice, bob) = (hub.log_in("alice").await, hub.log_in("bob").await);
    for (browser, path) in [(&alice, "alice"), (&alice, "alice/lab"), (&bob, "bob")] {
        let path = format!("/hub/spawn/{path}");
        get(hub, browser, &path).await.expect(302);
    }
    hub.state.manager.idle().await;
    hub.spawner.next(Behaviour::Hangs);
    get(hub, &alice, "/hub/spawn/alice/gpu").await;
    for (name, expected) in [
        ("", ServerState::Ready),
        ("lab", ServerState::Ready),
        ("gpu", ServerState::Spawning),
    ] {
        assert_eq!(state(hub, "alice", name).await, expected, "{name}");
    }
    leaves(&alice).await;
    assert_eq!(get(hub, &alice, "/hub/home").await.status, 302, "is out");
    assert_eq!(state(hub, "bob", "").await, ServerState::Ready);
}

#[tokio::test]
async fn a_logout_stops_the_servers_where_that_is_wanted() {
    let with =
        async |stops: bool| Hub::with(|config| config.jupyterhub.shutdown_on_logout = stops).await;
    let logout = async |hub: &Hub, browser: &Browser| {
        let reply = get(hub, browser, "/hub/logout").await.expect(302);
        assert_eq!(reply.header("location"), "/hub/login");
    };
    let hub = with(false).await;
    alice_leaves(&hub, async |browser| logout(&hub, browser).await).await;
    assert_eq!(state(&hub, "alice", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "alice", "gpu").await, ServerState::Spawning);

    let hub = with(true).await;
    alice_leaves(&hub, async |browser| logout(&hub, browser).await).await;
    hub.state.manager.idle().await;
    for name in ["", "lab", "gpu"] {
        let state = state(&hub, "alice", name).await;
        assert_eq!(state, ServerState::Stopped, "{name}");
    }
    assert_eq!(hub.spawner.running(), 1, "bob's");
    // Whoever ends all sessions at once as well; a stranger ends nothing.
    let hub = with(true).await;
    let everywhere = async |browser: &Browser| {
        let stranger = hub.request("GET", "/hub/logout").send().await.expect(302);
        assert!(stranger.set_cookies().is_empty(), "{stranger:?}");
        assert_eq!(state(&hub, "alice", "").await, ServerState::Ready);
        post(&hub, browser, "/hub/logout", &[]).await.expect(302);
    };
    alice_leaves(&hub, everywhere).await;
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 1, "bob's");
}

#[tokio::test]
async fn where_people_go_who_do_not_say() {
    // Before their server runs, and while it does.
    for (redirects, default_url, expected) in [
        (true, None, ["/hub/spawn", "/user/alice/"]),
        (false, None, ["/hub/home", "/hub/home"]),
        (true, Some(""), ["/hub/spawn", "/user/alice/"]),
        (true, Some("/hub/token"), ["/hub/token", "/hub/token"]),
        (false, Some("/services/x/?a=b"), ["/services/x/?a=b"; 2]),
    ] {
        let hub = Hub::with(|config| {
            config.jupyterhub.redirect_to_server = redirects;
            config.jupyterhub.default_url = default_url.map(ToOwned::to_owned);
        })
        .await;
        let alice = hub.log_in("alice").await;
        for (runs, expected) in [false, true].into_iter().zip(expected) {
            let case = format!("{redirects} {default_url:?} {runs}");
            if runs {
                get(&hub, &alice, "/hub/spawn/alice").await.expect(302);
                hub.state.manager.idle().await;
            }
            // At the login who says is asked nothing. At the front door the administrator has said it, if anybody has.
            let leads = default_url.filter(|url| !url.is_empty());
            for (path, said) in [("/hub/", leads), ("/hub/login", None)] {
                let reply = get(&hub, &alice, path).await.expect(302);
                assert_eq!(reply.header("location"), expected, "{case} {path}");
                let path = format!("{path}?a=b&next=%2Fhub%2Fhome%3Fx");
                let reply = get(&hub, &alice, &path).await.expect(302);
                let to = said.unwrap_or("/hub/home?x");
                assert_eq!(reply.header("location"), to, "{case} {path}");
            }
            let stranger = hub.request("GET", "/hub/?next=%2Fhub%2Ftoken").send();
            let stranger = stranger.await.expect(302);
            let login = "/hub/login?next=%2Fhub%2F%3Fnext%3D%252Fhub%252Ftoken";
            let to = leads.unwrap_or(login);
            assert_eq!(stranger.header("location"), to, "{case}");
        }
    }
}
