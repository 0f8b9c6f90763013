//! Security case 52: shares and share codes are no way up, and none back in.

use hub::db::users;
use serde_json::json;

use super::shares_attacked::is_dead;
use super::sharing::{accept, can_enter, code, hub, look, share};
use crate::harness::{Hub, WHOAMI_TOKEN};

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
