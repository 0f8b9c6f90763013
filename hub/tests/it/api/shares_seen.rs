//! What is seen of shares, and what they do for those with whom is shared.

use hub_types::page::PAGINATION_MEDIA_TYPE;
use serde_json::json;

use super::shares::caller;
use super::sharing::{can_enter, hub, more_than_identity, scopes_of, share};
use crate::harness::Hub;

#[tokio::test]
async fn lists_and_who_may_read_them() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let call = hub.call(&admin, "PUT", "/hub/api/users/alice/servers/gpu");
    call.text("{}").send().await.expect(201);
    share(&hub, &admin, "alice/", json!({"user": "bob"})).await;
    share(&hub, &admin, "alice/gpu", json!({"group": "lab"})).await;
    share(&hub, &admin, "bob/", json!({"user": "alice"})).await;
    // For each list: who holds what, and how many shares they see.
    let table: &[(&str, &str, Result<usize, u16>)] = &[
        ("shares", "/shares/alice", Ok(2)),
        ("read:shares", "/shares/alice", Ok(2)),
        ("read:shares!user=alice", "/shares/alice", Ok(2)),
        ("read:shares!user=bob", "/shares/alice", Err(404)),
        ("read:shares!server=alice/", "/shares/alice", Err(404)),
        ("read:users:shares", "/shares/alice", Err(403)),
        ("read:shares!server=alice/", "/shares/alice/", Ok(1)),
        ("read:shares!server=alice/", "/shares/alice/gpu", Err(404)),
        ("read:shares!server=alice/gpu", "/shares/alice/gpu", Ok(1)),
        ("read:users:shares", "/shares/alice/", Err(403)),
        ("read:users:shares", "/users/bob/shared", Ok(2)),
        ("users:shares!user=bob", "/users/bob/shared", Ok(2)),
        ("users:shares!user=alice", "/users/bob/shared", Err(404)),
        ("users", "/users/bob/shared", Err(403)),
        ("read:users", "/users/bob/shared", Err(403)),
        ("read:groups:shares", "/groups/lab/shared", Ok(1)),
        ("groups:shares!group=lab", "/groups/lab/shared", Ok(1)),
        ("groups:shares!group=other", "/groups/lab/shared", Err(404)),
        ("read:groups", "/groups/lab/shared", Err(403)),
        ("read:shares", "/groups/lab/shared", Err(403)),
    ];
    for (held, path, expected) in table {
        let token = caller(&hub, held).await;
        let reply = hub
            .call(&token, "GET", &format!("/hub/api{path}"))
            .send()
            .await;
        match expected {
            Ok(count) => {
                let list = reply.expect(200).json();
                assert_eq!(
                    list["items"].as_array().unwrap().len(),
                    *count,
                    "{held} {path}"
                );
                assert_eq!(list["_pagination"]["total"], *count);
            }
            Err(status) => {
                reply.expect(*status);
            }
        }
    }
}

#[tokio::test]
async fn users_and_groups_give_up_what_is_theirs() {
    for (held, path, get, delete) in [
        ("users", "users/bob", 403, 403),
        ("read:users:shares!user=bob", "users/bob", 200, 403),
        ("users:shares!user=bob", "users/bob", 200, 204),
        ("users:shares!user=alice", "users/bob", 404, 404),
        ("groups", "groups/lab", 403, 403),
        ("read:groups:shares!group=lab", "groups/lab", 200, 403),
        ("groups:shares!group=lab", "groups/lab", 200, 204),
        ("groups:shares!group=other", "groups/lab", 404, 404),
    ] {
        let hub = Hub::start().await;
        let admin = hub.token("admin", &["inherit"]).await;
        let token = caller(&hub, held).await;
        let (kind, name) = path.split_once('/').unwrap();
        let body = json!({kind.trim_end_matches('s'): name});
        share(&hub, &admin, "alice/", body).await;
        let path = format!("/hub/api/{path}/shared/alice/");
        hub.call(&token, "GET", &path).send().await.expect(get);
        let reply = hub.call(&token, "DELETE", &path).send().await;
        let reply = reply.expect(delete);
        if delete == 204 {
            assert_eq!(reply.body, "");
            hub.call(&token, "GET", &path).send().await.expect(404);
            hub.call(&token, "DELETE", &path).send().await.expect(404);
        }
    }
}

#[tokio::test]
async fn lists_are_always_pages() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for with in [
        json!({"user": "bob"}),
        json!({"group": "lab"}),
        json!({"user": "admin"}),
    ] {
        share(&hub, &admin, "alice/", with).await;
    }
    let get = async |path: &str| {
        let call = hub
            .call(&admin, "GET", path)
            .header("host", "hub.example:8000");
        call.send().await.expect(200).json()
    };
    let whole = get("/hub/api/shares/alice").await;
    assert_eq!(
        whole["_pagination"],
        json!({"offset": 0, "limit": 200, "total": 3, "next": null})
    );
    let mut path = "/hub/api/shares/alice/?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = get(&path).await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|share| share["kind"].clone()),
        );
        let Some(url) = page["_pagination"]["next"]["url"].as_str() else {
            break;
        };
        path = url
            .strip_prefix("http://hub.example:8000")
            .unwrap()
            .to_owned();
        assert!(path.starts_with("/hub/api/shares/alice/?"), "{path}");
    }
    assert_eq!(seen, ["user", "group", "user"]);
    let call = hub.call(&admin, "GET", "/hub/api/shares/alice");
    let small = call.header("accept", PAGINATION_MEDIA_TYPE).send().await;
    assert_eq!(small.expect(200).json()["_pagination"]["limit"], 50);
    for bad in ["limit=-1", "offset=-1", "limit=x", "offset=1;drop"] {
        let path = format!("/hub/api/users/bob/shared?{bad}");
        hub.call(&admin, "GET", &path).send().await.expect(400);
    }
}

#[tokio::test]
async fn a_share_lets_somebody_in_at_once_and_out_at_once() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    // Known, and cached, before anything is shared.
    let bob = hub.token("bob", &["inherit"]).await;
    let browser = hub.log_in("bob").await;
    let granted = "access:servers!server=alice/".to_owned();
    for with in [json!({"user": "bob"}), json!({"group": "lab"})] {
        assert!(!scopes_of(&hub, &bob).await.contains(&granted));
        assert!(!can_enter(&hub, &bob, "alice/").await);
        share(&hub, &alice, "alice/", with.clone()).await;
        assert!(scopes_of(&hub, &bob).await.contains(&granted), "{with}");
        assert!(can_enter(&hub, &bob, "alice/").await);
        let page = hub.request("GET", "/hub/user/alice/").browser(&browser);
        page.send().await.expect(424);
        // A token made for just that works, and dies with the share.
        let narrow = hub.token("bob", &["access:servers!server=alice/"]).await;
        assert_eq!(
            more_than_identity(&hub, &narrow).await,
            std::slice::from_ref(&granted)
        );
        let call = hub
            .call(&alice, "PATCH", "/hub/api/shares/alice/")
            .json(&with);
        call.send().await.expect(200);
        assert!(!can_enter(&hub, &bob, "alice/").await, "{with}");
        assert!(more_than_identity(&hub, &narrow).await.is_empty(), "{with}");
        let page = hub.request("GET", "/hub/user/alice/").browser(&browser);
        page.send().await.expect(404);
    }
}

#[tokio::test]
async fn what_is_shared_is_what_is_given_with_its_children() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let before = scopes_of(&hub, &bob).await;
    share(
        &hub,
        &alice,
        "alice/",
        json!({"user": "bob", "scopes": ["servers"]}),
    )
    .await;
    let after = scopes_of(&hub, &bob).await;
    let new: Vec<&String> = after
        .iter()
        .filter(|scope| !before.contains(scope))
        .collect();
    assert_eq!(
        new,
        [
            "delete:servers!server=alice/",
            "read:servers!server=alice/",
            "servers!server=alice/",
            "start:servers!server=alice/",
        ]
    );
    // He may start it and see it, not enter it, and the others of its owner are none of his business.
    let status = async |method: &str, path: &str| {
        let call = hub.call(&bob, method, path).text("{}");
        call.send().await.status.as_u16()
    };
    assert_eq!(status("POST", "/hub/api/users/alice/server").await, 201);
    assert_eq!(status("GET", "/hub/api/users/alice/server").await, 200);
    assert_eq!(status("DELETE", "/hub/api/users/alice/server").await, 204);
    assert_eq!(
        status("POST", "/hub/api/users/alice/servers/gpu").await,
        404
    );
    assert_eq!(status("GET", "/hub/api/users/alice").await, 404);
    assert_eq!(status("GET", "/hub/api/users").await, 403);
    assert_eq!(status("GET", "/hub/api/users/alice/tokens").await, 404);
    assert!(!can_enter(&hub, &bob, "alice/").await);
}
