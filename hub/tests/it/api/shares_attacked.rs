//! Shares and share codes under attack: security cases 52, 53 and 55.

use chrono::TimeDelta;
use hub::db::share_codes;
use serde_json::json;

use super::sharing::{accept, can_enter, code, hub, look, more_than_identity, scopes_of, share};
use crate::harness::{Browser, Hub};

/// Neither shown nor accepted.
pub(super) async fn is_dead(hub: &Hub, browser: &Browser, code: &str) {
    look(hub, browser, code).await.expect(404);
    accept(hub, browser, code).await.expect(400);
}

#[tokio::test]
async fn case_55_a_code_used_again_gives_nothing_more() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let (bob, admin) = (hub.log_in("bob").await, hub.log_in("admin").await);
    for (browser, shares, exchanges) in [(&bob, 1, 1), (&bob, 1, 2), (&admin, 2, 3)] {
        hub.clock.advance(TimeDelta::seconds(1));
        accept(&hub, browser, &code).await.expect(302);
        let list = hub
            .call(&alice, "GET", "/hub/api/shares/alice/")
            .send()
            .await;
        let list = list.expect(200).json();
        assert_eq!(list["_pagination"]["total"], shares);
        assert_eq!(
            list["items"][0]["created_at"],
            "2026-11-22T03:30:08.624000Z"
        );
        let codes = hub
            .call(&alice, "GET", "/hub/api/share-codes/alice/")
            .send()
            .await;
        let codes = codes.expect(200).json();
        assert_eq!(codes["items"][0]["exchange_count"], exchanges);
        assert_ne!(codes["items"][0]["last_exchanged_at"], json!(null));
    }
    // Taken back, it is over; what it had become stays, until that is taken back too.
    let bob_token = hub.token("bob", &["inherit"]).await;
    let path = format!("/hub/api/share-codes/alice/?code={code}");
    hub.call(&alice, "DELETE", &path).send().await.expect(204);
    is_dead(&hub, &bob, &code).await;
    assert!(can_enter(&hub, &bob_token, "alice/").await);
    hub.call(&alice, "DELETE", "/hub/api/shares/alice/")
        .send()
        .await
        .expect(204);
    assert!(!can_enter(&hub, &bob_token, "alice/").await);
}

#[tokio::test]
async fn case_55_an_expired_code_is_dead_and_forgotten() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let bob = hub.log_in("bob").await;
    hub.clock.advance(TimeDelta::seconds(86_399));
    look(&hub, &bob, &code).await.expect(200);
    hub.clock.advance(TimeDelta::seconds(1));
    is_dead(&hub, &bob, &code).await;
    let list = hub
        .call(&alice, "GET", "/hub/api/share-codes/alice")
        .send()
        .await;
    let list = list.expect(200).json();
    assert_eq!(
        (&list["items"], &list["_pagination"]["total"]),
        (&json!([]), &json!(0))
    );
    for by in ["?id=sc_1".to_owned(), format!("?code={code}")] {
        let path = format!("/hub/api/share-codes/alice/{by}");
        hub.call(&alice, "DELETE", &path).send().await.expect(404);
    }
    let tx = hub.state.db.write().await.unwrap();
    let purged = share_codes::purge(&tx, hub.state.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(purged, 1);
}

#[tokio::test]
async fn case_55_a_removed_server_takes_its_shares_along() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let browser = hub.log_in("bob").await;
    let path = "/hub/api/users/alice/servers/gpu";
    hub.call(&alice, "PUT", path)
        .text("{}")
        .send()
        .await
        .expect(201);
    share(&hub, &alice, "alice/gpu", json!({"user": "bob"})).await;
    let (_, code) = code(&hub, &alice, "alice/gpu", &[]).await;
    assert!(can_enter(&hub, &bob, "alice/gpu/").await);
    let remove = hub
        .call(&alice, "DELETE", path)
        .json(&json!({"remove": true}));
    remove.send().await.expect(204);
    let granted = "access:servers!server=alice/gpu".to_owned();
    assert!(!scopes_of(&hub, &bob).await.contains(&granted));
    is_dead(&hub, &browser, &code).await;
    // Another server of that name is another server, also at once.
    hub.call(&alice, "PUT", path)
        .text("{}")
        .send()
        .await
        .expect(201);
    assert!(!can_enter(&hub, &bob, "alice/gpu/").await);
    is_dead(&hub, &browser, &code).await;
    let list = hub
        .call(&alice, "GET", "/hub/api/shares/alice/gpu")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["_pagination"]["total"], 0);
}

#[tokio::test]
async fn case_55_deleted_users_leave_no_shares() {
    let hub = hub().await;
    let (admin, alice) = (
        hub.token("admin", &["inherit"]).await,
        hub.token("alice", &["inherit"]).await,
    );
    let bob = hub.token("bob", &["inherit"]).await;
    share(&hub, &alice, "alice/", json!({"user": "bob"})).await;
    share(&hub, &admin, "bob/", json!({"user": "alice"})).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    assert!(can_enter(&hub, &alice, "bob/").await && can_enter(&hub, &bob, "alice/").await);
    hub.call(&admin, "DELETE", "/hub/api/users/alice")
        .send()
        .await
        .expect(204);
    let list = hub
        .call(&admin, "GET", "/hub/api/users/bob/shared")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["items"], json!([]));
    let list = hub.call(&admin, "GET", "/hub/api/shares/bob").send().await;
    assert_eq!(list.expect(200).json()["items"], json!([]));
    let browser = hub.log_in("bob").await;
    is_dead(&hub, &browser, &code).await;
    // Nor does whoever takes the name next inherit any.
    hub.call(&admin, "POST", "/hub/api/users/alice")
        .send()
        .await
        .expect(201);
    assert!(!can_enter(&hub, &bob, "alice/").await);
}

#[tokio::test]
async fn case_55_who_leaves_a_group_leaves_what_is_shared_with_it() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let members = async |method: &str| {
        let call = hub.call(&admin, method, "/hub/api/groups/lab/users");
        let body = json!({"users": ["bob"]});
        call.json(&body).send().await.expect(200);
    };
    share(&hub, &alice, "alice/", json!({"group": "lab"})).await;
    assert!(can_enter(&hub, &bob, "alice/").await);
    members("DELETE").await;
    assert!(!can_enter(&hub, &bob, "alice/").await);
    members("POST").await;
    assert!(can_enter(&hub, &bob, "alice/").await);
    let delete = hub.call(&admin, "DELETE", "/hub/api/groups/lab");
    delete.send().await.expect(204);
    assert!(!can_enter(&hub, &bob, "alice/").await);
    // Another group of that name is another group.
    let body = json!({"users": ["bob"]});
    let make = hub.call(&admin, "POST", "/hub/api/groups/lab");
    make.json(&body).send().await.expect(201);
    members("POST").await;
    assert!(!can_enter(&hub, &bob, "alice/").await);
    let list = hub
        .call(&alice, "GET", "/hub/api/shares/alice")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn cases_53_and_55_shares_follow_renames_and_old_names_grant_nothing() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let browser = hub.log_in("bob").await;
    let rename = async |path: &str, name: &str| {
        let call = hub.call(&admin, "PATCH", path).json(&json!({"name": name}));
        call.send().await.expect(200);
    };
    let path = "/hub/api/users/alice/servers/gpu";
    hub.call(&alice, "PUT", path)
        .text("{}")
        .send()
        .await
        .expect(201);
    share(&hub, &alice, "alice/gpu", json!({"group": "lab"})).await;
    let (_, code) = code(
        &hub,
        &alice,
        "alice/gpu",
        &["access:servers", "read:servers"],
    )
    .await;
    assert!(can_enter(&hub, &bob, "alice/gpu/").await);

    rename("/hub/api/users/alice/servers/gpu", "tpu").await;
    hub.call(&alice, "PUT", path)
        .text("{}")
        .send()
        .await
        .expect(201);
    assert!(can_enter(&hub, &bob, "alice/tpu/").await);
    assert!(!can_enter(&hub, &bob, "alice/gpu/").await);

    rename("/hub/api/users/alice", "alison").await;
    hub.call(&admin, "POST", "/hub/api/users/alice")
        .send()
        .await
        .expect(201);
    let path = "/hub/api/users/alice/servers/tpu";
    hub.call(&admin, "PUT", path)
        .text("{}")
        .send()
        .await
        .expect(201);
    assert!(can_enter(&hub, &bob, "alison/tpu/").await);
    assert!(!can_enter(&hub, &bob, "alice/tpu/").await);
    let names: Vec<String> = scopes_of(&hub, &bob).await;
    let foreign: Vec<_> = names
        .iter()
        .filter(|name| !name.ends_with("=bob"))
        .collect();
    assert_eq!(foreign, ["access:servers!server=alison/tpu"]);

    // The code speaks of the server by its new name too, and gives no other.
    let page = look(&hub, &browser, &code).await.expect(200);
    assert!(
        page.body.contains("access:servers!server=alison/tpu"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("=alice/"), "{}", page.body);
    let accepted = accept(&hub, &browser, &code).await.expect(302);
    assert_eq!(accepted.header("location"), "/user/alison/tpu/");
    let list = hub
        .call(&bob, "GET", "/hub/api/users/bob/shared")
        .send()
        .await;
    let list = list.expect(200).json();
    assert_eq!(
        list["items"][1]["scopes"],
        json!([
            "access:servers!server=alison/tpu",
            "read:servers!server=alison/tpu"
        ])
    );
    // A token that says the old name says nothing.
    let old = hub.token("bob", &["access:servers!server=alice/tpu"]).await;
    assert!(more_than_identity(&hub, &old).await.is_empty());
}

#[tokio::test]
async fn case_55_a_share_reaches_no_server_of_a_similar_name() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let body = json!({"usernames": ["al", "alicex", "alice%2fgpu"]});
    hub.call(&admin, "POST", "/hub/api/users")
        .json(&body)
        .send()
        .await
        .expect(201);
    for name in ["gpu", "gpu-2"] {
        let path = format!("/hub/api/users/alice/servers/{name}");
        hub.call(&admin, "PUT", &path)
            .text("{}")
            .send()
            .await
            .expect(201);
    }
    share(
        &hub,
        &admin,
        "alice/gpu",
        json!({"user": "bob", "scopes": ["servers", "access:servers"]}),
    )
    .await;
    assert!(can_enter(&hub, &bob, "alice/gpu/").await);
    for other in [
        "alice/",
        "alice/gpu-2/",
        "alicex/",
        "al/",
        "alice%252fgpu/",
        "admin/",
    ] {
        assert!(!can_enter(&hub, &bob, other).await, "{other}");
    }
    for path in [
        "/hub/api/users/alice/server",
        "/hub/api/users/alice/servers/",
        "/hub/api/users/alice/servers/gpu-2",
        "/hub/api/users/alicex/server",
        "/hub/api/users/alice%2Fgpu/server",
    ] {
        hub.call(&bob, "POST", path)
            .text("{}")
            .send()
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn case_55_guessing_codes_costs_one_look_and_changes_nothing() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let bob = hub.log_in("bob").await;
    let mut guesses: Vec<String> = (0..code.len()).map(|end| code[..end].to_owned()).collect();
    guesses.extend((0..code.len()).map(|at| {
        let mut bytes = code.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    }));
    guesses.extend([
        format!("{code}A"),
        code.to_lowercase(),
        "%25".to_owned(),
        "sc_1".to_owned(),
        "'%20OR%201=1--".to_owned(),
        "a".repeat(65),
        "a".repeat(60_000),
    ]);
    for guess in &guesses {
        is_dead(&hub, &bob, guess).await;
    }
    assert!(guesses.len() > 90);
    let list = hub
        .call(&alice, "GET", "/hub/api/shares/alice")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["_pagination"]["total"], 0);
    let codes = hub
        .call(&alice, "GET", "/hub/api/share-codes/alice")
        .send()
        .await;
    assert_eq!(codes.expect(200).json()["items"][0]["exchange_count"], 0);
    look(&hub, &bob, &code).await.expect(200);
}
