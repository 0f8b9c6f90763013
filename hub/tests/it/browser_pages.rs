//! Pages in process: what a browser may send, and what it gets back.

use hub::db::{oauth, servers};
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};

use crate::harness::{Behaviour, Browser, Hub};
use crate::home_pages::get;

fn server(user: &str, name: &str) -> ServerRef {
    ServerRef::new(Username::stored(user), ServerName::stored(name))
}

#[tokio::test]
async fn a_name_that_is_no_slug_never_becomes_a_server() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    for (path, name) in [
        ("/hub/spawn/alice/%2e%2e", ".."),
        ("/hub/spawn/alice/%2e", "."),
        ("/hub/spawn/alice/A%20b", "A b"),
    ] {
        let reply = hub.request("GET", path).browser(&alice).send().await;
        assert_eq!(reply.status.as_u16(), 400, "{path}: {reply:?}");
        let row = servers::find(hub.state.db.read(), &server("alice", name)).await;
        assert_eq!(row.unwrap(), None, "{path}");
    }
}

#[tokio::test]
async fn an_odd_cookie_or_forged_ones_hide_nothing() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    let odd = format!("x=caf\u{e9}; {}", alice.cookies);
    let forged: String = (0..20)
        .map(|n| format!("jupyterhub-hub-login=1|{n}|x|y; "))
        .collect();
    for cookies in [odd, format!("{forged}{}", alice.cookies)] {
        hub.request("GET", "/hub/home")
            .header("cookie", &cookies)
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_browser_that_lost_its_session_id_gets_it_back() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    let only_login = format!("jupyterhub-hub-login={}", alice.login);
    let wanted = format!("jupyterhub-session-id={}", alice.session_id);
    let given = |cookies: String| {
        let hub = &hub;
        let wanted = &wanted;
        async move {
            let call = hub.request("GET", "/hub/home").header("cookie", &cookies);
            let reply = call.send().await.expect(200);
            let values = reply.headers.get_all("set-cookie");
            values
                .iter()
                .any(|value| value.to_str().unwrap().starts_with(wanted.as_str()))
        }
    };
    assert!(given(only_login).await);
    assert!(!given(alice.cookies.clone()).await, "it has it already");
}

#[tokio::test]
async fn servers_whose_names_run_together_keep_their_own_oauth_clients() {
    let hub = Hub::with(|config| config.authenticator.allow_all = Some(true)).await;
    let names = [("alice", "lab"), ("alice-lab", "")];
    let mut ids = Vec::new();
    for (user, name) in names {
        let browser = hub.log_in(user).await;
        let path = format!("/hub/spawn/{user}/{name}");
        let path = path.trim_end_matches('/');
        hub.request("GET", path)
            .browser(&browser)
            .send()
            .await
            .expect(302);
        let row = servers::find(hub.state.db.read(), &server(user, name))
            .await
            .unwrap()
            .unwrap();
        let id = oauth::client_of_server(hub.state.db.read(), row.id).await;
        ids.push(id.unwrap().unwrap());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0], "jupyterhub-user-alice-lab");
}

/// Where the button leads that starts a server.
fn button(page: &str) -> &str {
    let (_, rest) = page
        .split_once("id=\"start\" href=\"")
        .unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap()
}

/// Where somebody gets in the end who presses it.
pub(crate) async fn pressed(hub: &Hub, browser: &Browser, page: &str) -> String {
    let reply = get(hub, browser, button(page)).await.expect(302);
    hub.state.manager.idle().await;
    let to = reply.header("location").to_owned();
    // It takes long at times, which another page shows.
    match to.starts_with("/hub/spawn-pending/") {
        true => {
            let reply = get(hub, browser, &to).await.expect(302);
            reply.header("location").to_owned()
        }
        false => to,
    }
}

#[tokio::test]
async fn the_page_of_a_stopped_server_leads_to_the_page_that_was_wanted() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    let me = hub.token("alice", &["inherit"]).await;
    let gpu = "/hub/api/users/alice/servers/gpu";
    hub.call(&me, "POST", gpu).send().await.expect(201);
    for (path, way, end) in [
        (
            "lab/tree/hw1.ipynb",
            "alice?next=%2Fuser%2Falice%2Flab%2Ftree%2Fhw1.ipynb",
            "lab/tree/hw1.ipynb",
        ),
        // Trips of another day do not count.
        (
            "lab?a=b%20c&redirects=4&d",
            "alice?next=%2Fuser%2Falice%2Flab%3Fa%3Db%2520c%26d",
            "lab?a=b%20c&d",
        ),
        (
            "?next=%2Fhub%2Fhome",
            "alice?next=%2Fuser%2Falice%2F%3Fnext%3D%252Fhub%252Fhome",
            "?next=%2Fhub%2Fhome",
        ),
        (
            "gpu/lab?x",
            "alice/gpu?next=%2Fuser%2Falice%2Fgpu%2Flab%3Fx",
            "gpu/lab?x",
        ),
    ] {
        for server in ["/hub/api/users/alice/server", gpu] {
            hub.call(&me, "DELETE", server).send().await.expect(204);
        }
        let page = get(&hub, &alice, &format!("/hub/user/alice/{path}")).await;
        let page = page.expect(424).body;
        assert_eq!(button(&page), format!("/hub/spawn/{way}"), "{path}");
        let at = pressed(&hub, &alice, &page).await;
        assert_eq!(at, format!("/user/alice/{end}"), "{path}");
    }
}

#[tokio::test]
async fn the_page_of_a_failed_start_leads_there_too() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    let waits = "/hub/spawn-pending/alice";
    for (next, way) in [
        ("", ""),
        ("?next=%2Fuser%2Falice%2Flab", "?next=%2Fuser%2Falice%2Flab"),
        ("?next=http%3A%2F%2Fevil.example%2F", ""),
        ("?next=%2F%2Fevil.example%2F", ""),
    ] {
        let page = get(&hub, &alice, &format!("{waits}{next}"))
            .await
            .expect(200);
        assert_eq!(button(&page.body), format!("/hub/spawn/alice{way}"));
    }
    hub.spawner.next(Behaviour::Fails("no room".into()));
    get(&hub, &alice, "/hub/spawn/alice").await;
    hub.state.manager.idle().await;
    hub.spawner.next(Behaviour::Answers);
    let reply = get(&hub, &alice, "/hub/user/alice/lab/a?b")
        .await
        .expect(303);
    let next = "next=%2Fuser%2Falice%2Flab%2Fa%3Fb";
    assert_eq!(reply.header("location"), format!("{waits}?{next}"));
    let page = get(&hub, &alice, reply.header("location")).await;
    let page = page.expect(500).body;
    assert!(page.contains("no room"), "{page}");
    assert_eq!(button(&page), format!("/hub/spawn/alice?{next}"));
    let at = pressed(&hub, &alice, &page).await;
    assert_eq!(at, "/user/alice/lab/a?b");
}

#[tokio::test]
async fn who_is_no_user_has_no_server_that_stopped() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    for (path, status) in [
        ("/hub/user/bob/", 424),
        ("/hub/user/nosuch/", 404),
        ("/hub/user/nosuch/lab/tree", 404),
        ("/hub/user/nosuch/api/status", 404),
        ("/hub/spawn-pending/bob", 200),
        ("/hub/spawn-pending/nosuch", 404),
        ("/hub/spawn-pending/nosuch/gpu", 404),
    ] {
        let page = get(&hub, &admin, path).await.expect(status);
        let said = page.body.contains("No such user: nosuch");
        assert_eq!(said, status == 404, "{path}: {}", page.body);
    }
    // To whoever may not enter their servers, somebody else and nobody are the same.
    let alice = hub.log_in("alice").await;
    for (page, status) in [("user", 404), ("spawn-pending", 404), ("spawn", 404)] {
        let told = async |name: &str| {
            let page = get(&hub, &alice, &format!("/hub/{page}/{name}")).await;
            page.expect(status).body.replace(name, "WHO")
        };
        let (somebody, nobody) = (told("bob").await, told("nosuch").await);
        assert_eq!(somebody, nobody, "{page}");
        assert!(!nobody.contains("No such user"), "{page}: {nobody}");
    }
}
