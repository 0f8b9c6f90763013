//! Shares and share codes under attack: security cases 52, 53 and 55.

use chrono::TimeDelta;
use hub::db::{share_codes, users};
use serde_json::json;

use super::sharing::{accept, can_enter, code, hub, look, more_than_identity, scopes_of, share};
use crate::harness::{Browser, Hub, WHOAMI_TOKEN};

/// Neither shown nor accepted.
async fn is_dead(hub: &Hub, browser: &Browser, code: &str) {
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

#[tokio::test]
async fn case_52_a_code_is_no_way_up() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let path = "/hub/api/share-codes/alice/";
    // Not more than one holds oneself, whatever it is called.
    for (scope, status) in [
        ("admin:servers", 403),
        ("admin:server_state", 403),
        ("admin:users", 403),
        ("admin:groups", 403),
        ("list:users", 403),
        ("proxy", 403),
        ("shutdown", 403),
        ("inherit", 403),
        ("self", 403),
        ("(no_scope)", 403),
        ("custom:lab:run", 403),
        ("servers!server=bob/", 400),
        ("servers!user=bob", 400),
        ("servers!user=alice", 400),
        ("servers!group=lab", 400),
        ("servers!server", 400),
        ("servers!user", 400),
        ("servers!server=alice/gpu", 400),
    ] {
        for path in [path, "/hub/api/shares/alice/"] {
            let mut body = json!({"scopes": [scope]});
            if path.contains("/shares/") {
                body["user"] = json!("alice");
            }
            let reply = hub.call(&alice, "POST", path).json(&body).send().await;
            assert_eq!(reply.status.as_u16(), status, "{path} {scope}: {reply:?}");
        }
    }
    // Not more than one's token holds.
    let narrow = hub.token("alice", &["shares!user=alice"]).await;
    let body = json!({"scopes": ["servers"]});
    hub.call(&narrow, "POST", path)
        .json(&body)
        .send()
        .await
        .expect(403);
    // Not for the servers of others, and not by whom nobody allowed to share.
    let bob = hub.token("bob", &["inherit"]).await;
    for (token, path) in [
        (&alice, "/hub/api/share-codes/bob/"),
        (&alice, "/hub/api/share-codes/admin/"),
    ] {
        hub.call(token, "POST", path)
            .json(&json!({}))
            .send()
            .await
            .expect(404);
    }
    hub.call(&bob, "POST", path)
        .json(&json!({}))
        .send()
        .await
        .expect(403);
    hub.call(&bob, "POST", "/hub/api/share-codes/bob/")
        .json(&json!({}))
        .send()
        .await
        .expect(403);
    hub.call(WHOAMI_TOKEN, "POST", path)
        .json(&json!({}))
        .send()
        .await
        .expect(403);
    // Not for oneself.
    let (_, own) = code(&hub, &alice, "alice/", &["servers"]).await;
    let browser = hub.log_in("alice").await;
    look(&hub, &browser, &own).await.expect(403);
    accept(&hub, &browser, &own).await.expect(400);
}

#[tokio::test]
async fn case_52_a_guest_who_was_shown_out_does_not_come_back_by_his_own_code() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let browser = hub.log_in("bob").await;
    share(
        &hub,
        &alice,
        "alice/",
        json!({"user": "bob", "scopes": ["shares"]}),
    )
    .await;
    let (_, back_door) = code(&hub, &bob, "alice/", &["shares"]).await;
    let (_, front_door) = code(&hub, &alice, "alice/", &[]).await;
    look(&hub, &browser, &back_door).await.expect(200);
    // A guest shares no more than he was given.
    let body = json!({"scopes": ["servers"]});
    hub.call(&bob, "POST", "/hub/api/share-codes/alice/")
        .json(&body)
        .send()
        .await
        .expect(403);

    let call = hub
        .call(&alice, "PATCH", "/hub/api/shares/alice/")
        .json(&json!({"user": "bob"}));
    call.send().await.expect(200);
    is_dead(&hub, &browser, &back_door).await;
    assert!(!can_enter(&hub, &bob, "alice/").await);
    look(&hub, &browser, &front_door).await.expect(200);
}

#[tokio::test]
async fn case_52_codes_die_with_the_permission_of_their_maker() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let body = json!({"usernames": ["eve"], "admin": true});
    hub.call(&admin, "POST", "/hub/api/users")
        .json(&body)
        .send()
        .await
        .expect(201);
    let eve = hub.token("eve", &["inherit"]).await;
    let (_, code) = code(&hub, &eve, "alice/", &["access:servers", "admin:servers"]).await;
    let bob = hub.log_in("bob").await;
    look(&hub, &bob, &code).await.expect(200);
    let demote = hub
        .call(&admin, "PATCH", "/hub/api/users/eve")
        .json(&json!({"admin": false}));
    demote.send().await.expect(200);
    is_dead(&hub, &bob, &code).await;
    let promote = hub
        .call(&admin, "PATCH", "/hub/api/users/eve")
        .json(&json!({"admin": true}));
    promote.send().await.expect(200);
    look(&hub, &bob, &code).await.expect(200);
    hub.call(&admin, "DELETE", "/hub/api/users/eve")
        .send()
        .await
        .expect(204);
    is_dead(&hub, &bob, &code).await;
    assert!(
        users::find(hub.state.db.read(), "alice")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn case_52_nobody_is_harmed_by_what_is_shared_with_them() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let culled = hub
        .token(
            "admin",
            &["list:users!group=lab", "list:users!server=alice/"],
        )
        .await;
    // A filter that a list knows nothing of neither widens nor closes it.
    let list = hub
        .call(&culled, "GET", "/hub/api/users")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    let only = hub.token("admin", &["list:users!server=alice/"]).await;
    hub.call(&only, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
    let groups = hub
        .token(
            "admin",
            &["list:groups!group=lab", "list:groups!server=alice/"],
        )
        .await;
    let list = hub
        .call(&groups, "GET", "/hub/api/groups")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    share(
        &hub,
        &admin,
        "alice/",
        json!({"user": "bob", "scopes": ["list:users", "tokens", "users"]}),
    )
    .await;
    let bob = hub.token("bob", &["inherit"]).await;
    for (method, path, status) in [
        ("GET", "/hub/api/users", 403),
        ("GET", "/hub/api/users/alice", 404),
        ("GET", "/hub/api/users/alice/tokens", 404),
        ("GET", "/hub/api/users/bob/tokens", 200),
    ] {
        hub.call(&bob, method, path).send().await.expect(status);
    }
}
