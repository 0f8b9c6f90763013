//! Pages in process: what a browser may send, and what it gets back.

use hub::db::{oauth, servers};
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};

use crate::harness::Hub;

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
