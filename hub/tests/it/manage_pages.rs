//! The page of one server: another name, its end, and with whom it is shared.

use hub::config::{Config, RoleSpec};
use hub::domain::lifecycle::ServerState;

use crate::harness::{Browser, Hub};
use crate::home_pages::{get, post, row};

const GPU: &str = "/hub/manage/alice/gpu";

/// Alice has the server `gpu` and may share what is hers; `scopes` is what else she may.
async fn with_gpu(scopes: &[&str]) -> (Hub, Browser) {
    let hub = Hub::with(|config: &mut Config| {
        let scopes = ["shares!user"].iter().chain(scopes);
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "sharer".into(),
            scopes: Some(scopes.map(|scope| scope.parse().unwrap()).collect()),
            users: Some(vec!["alice".into()]),
            ..RoleSpec::default()
        });
    })
    .await;
    let alice = hub.log_in("alice").await;
    let fields = [("display_name", "GPU"), ("name", "gpu")];
    post(&hub, &alice, "/hub/home/new-server", &fields)
        .await
        .expect(302);
    (hub, alice)
}

/// Sends a form of the page, follows it, and gives back the page.
async fn done(hub: &Hub, browser: &Browser, fields: &[(&str, &str)]) -> String {
    let reply = post(hub, browser, GPU, fields).await.expect(302);
    get(hub, browser, reply.header("location"))
        .await
        .expect(200)
        .body
}

#[tokio::test]
async fn a_stopped_server_gets_another_name() {
    let (hub, alice) = with_gpu(&[]).await;
    let page = done(
        &hub,
        &alice,
        &[("do", "rename"), ("display_name", "Large <b>")],
    )
    .await;
    assert!(page.contains("<h1>Large &lt;b&gt;</h1>"), "{page}");
    assert!(page.contains("has its new name"), "{page}");
    for bad in ["", "two  spaces", "a\u{202e}b"] {
        let fields = [("do", "rename"), ("display_name", bad)];
        let page = post(&hub, &alice, GPU, &fields).await.expect(400).body;
        assert!(page.contains("1 to 255 characters"), "{bad:?}: {page}");
    }
    get(&hub, &alice, "/hub/spawn/alice/gpu").await.expect(302);
    let page = get(&hub, &alice, GPU).await.expect(200).body;
    assert!(
        !page.contains("id=\"display-name\""),
        "no field while it runs: {page}"
    );
    let fields = [("do", "rename"), ("display_name", "Other")];
    let page = post(&hub, &alice, GPU, &fields).await.expect(400).body;
    assert!(page.contains("Please stop it before"), "{page}");
    assert_eq!(
        row(&hub, "alice", "gpu").await.unwrap().display_name,
        "Large <b>"
    );
}

#[tokio::test]
async fn stop_restart_and_end() {
    let (hub, alice) = with_gpu(&[]).await;
    get(&hub, &alice, "/hub/spawn/alice/gpu").await.expect(302);
    let again = post(&hub, &alice, GPU, &[("do", "restart")])
        .await
        .expect(302);
    assert_eq!(again.header("location"), "/user/alice/gpu/");
    assert_eq!(hub.spawner.starts()["alice/gpu"], 2);
    let chosen = post(&hub, &alice, GPU, &[("do", "options")])
        .await
        .expect(302);
    assert_eq!(chosen.header("location"), "/hub/spawn/alice/gpu");
    assert_eq!(
        row(&hub, "alice", "gpu").await.unwrap().state,
        ServerState::Stopped
    );
    get(&hub, &alice, "/hub/spawn/alice/gpu").await.expect(302);
    let page = done(&hub, &alice, &[("do", "stop")]).await;
    assert!(
        page.contains("was told to stop") && page.contains("Not running"),
        "{page}"
    );
    post(&hub, &alice, GPU, &[]).await.expect(400);
    let gone = post(&hub, &alice, GPU, &[("do", "delete")])
        .await
        .expect(302);
    assert_eq!(gone.header("location"), "/hub/home");
    assert!(row(&hub, "alice", "gpu").await.is_none());
    get(&hub, &alice, GPU).await.expect(404);
    let page = post(&hub, &alice, "/hub/manage/alice", &[("do", "delete")])
        .await
        .expect(400)
        .body;
    assert!(page.contains("Cannot delete the default server"), "{page}");
}

#[tokio::test]
async fn an_announced_stop_stands_on_the_page() {
    let (hub, alice) = with_gpu(&[]).await;
    get(&hub, &alice, "/hub/spawn/alice/gpu").await.expect(302);
    let path = "/hub/api/users/alice/servers/gpu/stop-notice";
    let body = serde_json::json!({"stop_at": "2026-11-22T03:40:00Z", "reason": "the lab <closes>"});
    let call = hub.call(crate::harness::CULLER_TOKEN, "PUT", path);
    call.json(&body).send().await.expect(200);
    for page in ["/hub/home", GPU] {
        let page = get(&hub, &alice, page).await.expect(200).body;
        let said = page.contains("id=\"stop-notice-gpu\"")
            && page.contains("datetime=\"2026-11-22T03:40:00")
            && page.contains("the lab &lt;closes&gt;");
        assert!(said, "{page}");
    }
}

#[tokio::test]
async fn shared_with_people_and_groups_and_taken_back() {
    let (hub, alice) = with_gpu(&["read:users:name", "read:groups:name"]).await;
    let page = get(&hub, &alice, GPU).await.expect(200).body;
    assert!(
        page.contains("id=\"not-shared\"") && page.contains("id=\"share-form\""),
        "{page}"
    );
    let page = done(
        &hub,
        &alice,
        &[("do", "share"), ("kind", "user"), ("name", " bob ")],
    )
    .await;
    assert!(
        page.contains("aria-label=\"Take back from user bob\""),
        "{page}"
    );
    assert!(page.contains("data-label=\"May\">open it</td>"), "{page}");
    let with_lab = [
        ("do", "share"),
        ("kind", "group"),
        ("name", "lab"),
        ("control", "1"),
    ];
    let page = done(&hub, &alice, &with_lab).await;
    assert!(page.contains("Take back from group lab"), "{page}");
    assert!(
        page.contains("start it") && page.contains("stop it"),
        "{page}"
    );
    let bob = hub.log_in("bob").await;
    get(&hub, &bob, "/hub/user/alice/gpu/").await.expect(424);

    for (name, said) in [
        ("alice", "theirs already"),
        ("nobody", "No such user: nobody"),
        ("", "Say with whom"),
    ] {
        let fields = [("do", "share"), ("kind", "user"), ("name", name)];
        let page = post(&hub, &alice, GPU, &fields).await.expect(400).body;
        assert!(page.contains(said), "{page}");
    }
    done(
        &hub,
        &alice,
        &[("do", "unshare"), ("kind", "user"), ("name", "bob")],
    )
    .await;
    let page = done(
        &hub,
        &alice,
        &[("do", "unshare"), ("kind", "group"), ("name", "lab")],
    )
    .await;
    assert!(page.contains("id=\"not-shared\""), "{page}");
    get(&hub, &bob, "/hub/user/alice/gpu/").await.expect(404);
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_taken_back() {
    let (hub, alice) = with_gpu(&[]).await;
    let page = get(&hub, &alice, GPU).await.expect(200).body;
    assert!(
        !page.contains("id=\"share-form\""),
        "nobody may be named: {page}"
    );
    let fields = [("do", "link"), ("expires_in", "3600")];
    let page = post(&hub, &alice, GPU, &fields).await.expect(200).body;
    let (_, rest) = page.split_once("/hub/accept-share?code=").unwrap();
    let code = rest.split('"').next().unwrap().to_owned();
    let page = get(&hub, &alice, GPU).await.expect(200).body;
    assert!(
        !page.contains(&code) && page.contains("value=\"sc_1\""),
        "{page}"
    );
    assert!(
        page.contains("datetime=\"2026-11-22T04:30:07"),
        "ends in an hour: {page}"
    );

    let bob = hub.log_in("bob").await;
    let accept = format!("/hub/accept-share?code={code}");
    let accepted = post(&hub, &bob, &accept, &[("code", &code)])
        .await
        .expect(302);
    assert_eq!(accepted.header("location"), "/user/alice/gpu/");
    let page = get(&hub, &alice, GPU).await.expect(200).body;
    assert!(
        page.contains("Take back from user bob") && page.contains("1 ×"),
        "{page}"
    );

    done(&hub, &alice, &[("do", "unlink"), ("id", "sc_1")]).await;
    get(&hub, &hub.log_in("admin").await, &accept)
        .await
        .expect(404);
    for (fields, status, said) in [
        (
            [("do", "link"), ("expires_in", "soon")],
            400,
            "how many seconds",
        ),
        (
            [("do", "link"), ("expires_in", "5")],
            400,
            "expires_in must be between",
        ),
        ([("do", "unlink"), ("id", "")], 404, "No code found"),
        ([("do", "unlink"), ("id", "sc_1")], 404, "No code found"),
    ] {
        let page = post(&hub, &alice, GPU, &fields).await.expect(status).body;
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn who_may_not_share_sees_nothing_of_it() {
    let hub = Hub::start().await;
    let bob = hub.log_in("bob").await;
    let page = get(&hub, &bob, "/hub/manage/bob").await.expect(200).body;
    assert!(!page.contains("id=\"sharing\""), "{page}");
    for form in ["share", "unshare", "link", "unlink"] {
        let fields = [
            ("do", form),
            ("name", "alice"),
            ("expires_in", "3600"),
            ("id", "sc_1"),
        ];
        post(&hub, &bob, "/hub/manage/bob", &fields)
            .await
            .expect(403);
    }
    // Administrators see, and may do, everything with everybody's.
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/manage/bob").await.expect(200).body;
    assert!(
        page.contains("The server of bob.") && page.contains("id=\"sharing\""),
        "{page}"
    );
}

/// The button is there for those who choose with what a server starts, and leads them to the choice.
#[tokio::test]
async fn a_restart_with_other_options() {
    let spawner = "[Spawner]\noptions_form = '<label>A <input name=\"a\"></label>'\n";
    for (form, shown) in [(spawner, true), ("", false)] {
        let spawner = Config::from_toml(form).unwrap().spawner;
        let hub = Hub::with(|config| config.spawner = spawner).await;
        let alice = hub.log_in("alice").await;
        post(&hub, &alice, "/hub/spawn/alice", &[("a", "1")])
            .await
            .expect(302);
        hub.state.manager.idle().await;
        let page = get(&hub, &alice, "/hub/manage/alice")
            .await
            .expect(200)
            .body;
        assert_eq!(page.contains("id=\"restart-options\""), shown, "{page}");
        assert!(page.contains("id=\"restart\""), "{page}");
        let again = post(&hub, &alice, "/hub/manage/alice", &[("do", "options")]).await;
        assert_eq!(again.expect(302).header("location"), "/hub/spawn/alice");
        let server = row(&hub, "alice", "").await.unwrap();
        assert_eq!(server.state, ServerState::Stopped);
    }
}
