//! Sharing a server with users and groups: the tables of JupyterHub's own tests, and what a share gives.

use serde_json::{Value, json};

use super::sharing::{SHARER, share};
use crate::harness::Hub;

/// A token of the administrator with nothing but these scopes.
pub(super) async fn caller(hub: &Hub, scopes: &str) -> String {
    let scopes: Vec<&str> = scopes.split(',').collect();
    hub.token("admin", &scopes).await
}

/// The scopes of the share, or status and text.
type Expected = Result<&'static [&'static str], (u16, &'static str)>;

#[tokio::test]
async fn who_may_share_what_with_whom() {
    let access = &["access:servers!server=alice/"][..];
    // What the caller holds, the body, the answer.
    let table: &[(&str, Value, Expected)] = &[
        (SHARER, json!({"user": "bob"}), Ok(access)),
        (SHARER, json!({"group": "lab"}), Ok(access)),
        (
            "shares",
            json!({"user": "bob"}),
            Err((
                403,
                "Need scope 'read:users:name' to share with users by name",
            )),
        ),
        (
            "shares,read:users:name!user=alice",
            json!({"user": "bob"}),
            Err((
                403,
                "Need scope 'read:users:name' to share with users by name",
            )),
        ),
        (
            "shares,read:users:name",
            json!({"group": "lab"}),
            Err((
                403,
                "Need scope 'read:groups:name' to share with groups by name",
            )),
        ),
        (
            "shares!server=alice/,servers!server=alice/,read:users:name!user=bob",
            json!({"user": "bob", "scopes": ["read:servers!server=alice/", "access:servers!server=alice/"]}),
            Ok(&["access:servers!server=alice/", "read:servers!server=alice/"]),
        ),
        (
            SHARER,
            json!({"group": "lab", "scopes": ["read:servers!server=other/"]}),
            Err((
                400,
                "!server=other/ not allowed on sharing read:servers!server=other/, only !server=alice/",
            )),
        ),
        (
            "shares,access:servers,read:groups:name",
            json!({"group": "lab", "scopes": ["admin:servers!server=alice/"]}),
            Err((
                403,
                "Do not have permission to grant share with scope admin:servers!server=alice/",
            )),
        ),
        (
            SHARER,
            json!({"user": "bob", "scopes": ["inherit"]}),
            Err((
                403,
                "Do not have permission to grant share with scope inherit!server=alice/",
            )),
        ),
        (
            SHARER,
            json!({}),
            Err((400, "Specify exactly one of `user` or `group`")),
        ),
        (
            SHARER,
            json!({"user": "bob", "group": "lab"}),
            Err((400, "Expected exactly one of `user` or `group`, not both.")),
        ),
        (
            SHARER,
            json!({"user": "nobody"}),
            Err((400, "No such user: nobody")),
        ),
        (
            SHARER,
            json!({"group": "nobody"}),
            Err((400, "No such group: nobody")),
        ),
        (
            "shares!user=bob",
            json!({"user": "bob"}),
            Err((404, "No access to resources or resources not found")),
        ),
        (
            "read:shares",
            json!({"user": "bob"}),
            Err((
                403,
                "Action is not authorized with current scopes; requires any of [shares]",
            )),
        ),
    ];
    for (held, body, expected) in table {
        let hub = Hub::start().await;
        let token = caller(&hub, held).await;
        let call = hub.call(&token, "POST", "/hub/api/shares/alice/");
        let reply = call.json(body).send().await;
        match expected {
            Ok(scopes) => {
                assert_eq!(
                    reply.expect(200).json()["scopes"],
                    json!(scopes),
                    "{held} {body}"
                );
            }
            Err((status, text)) => {
                let error = (*status, Some((*text).to_owned()));
                assert_eq!(reply.error(), error, "{held} {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_share_on_the_wire() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let model = share(&hub, &admin, "alice/", json!({"user": "bob"})).await;
    assert_eq!(
        model,
        json!({
            "server": {
                "user": {"name": "alice"}, "name": "", "url": "/user/alice/", "full_url": null, "ready": false,
            },
            "scopes": ["access:servers!server=alice/"],
            "user": {"name": "bob"},
            "group": null,
            "kind": "user",
            "created_at": "2026-11-22T03:30:07.624000Z",
        })
    );
    let model = share(&hub, &admin, "alice/", json!({"group": "lab"})).await;
    assert_eq!(
        (&model["user"], &model["group"], &model["kind"]),
        (&json!(null), &json!({"name": "lab"}), &json!("group"))
    );
    let call = hub.call(&admin, "POST", "/hub/api/users/alice/server");
    call.send().await.expect(201);
    let shown = hub.call(&admin, "GET", "/hub/api/users/bob/shared/alice/");
    let shown = shown.send().await.expect(200).json();
    assert_eq!(shown["server"]["ready"], true);
}

#[tokio::test]
async fn sharing_again_adds_and_revoking_takes_away() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let first = share(&hub, &admin, "alice/", json!({"user": "bob"})).await;
    hub.clock.advance(chrono::TimeDelta::hours(1));
    let body = json!({"user": "bob", "scopes": ["read:servers"]});
    let second = share(&hub, &admin, "alice/", body).await;
    let both = json!(["access:servers!server=alice/", "read:servers!server=alice/"]);
    assert_eq!(second["scopes"], both);
    assert_eq!(second["created_at"], first["created_at"]);
    let steps: &[(Value, Value)] = &[
        // Not held: nothing changes.
        (
            json!({"user": "bob", "scopes": ["admin:servers!server=alice/"]}),
            both.clone(),
        ),
        (
            json!({"user": "bob", "scopes": ["read:servers!server=bob/"]}),
            both.clone(),
        ),
        (
            json!({"user": "bob", "scopes": ["read:servers"]}),
            json!(["access:servers!server=alice/"]),
        ),
        (
            json!({"user": "bob", "scopes": ["access:servers!server=alice/"]}),
            json!(null),
        ),
        // Nothing left, and nobody there.
        (json!({"user": "bob"}), json!(null)),
        (json!({"group": "lab"}), json!(null)),
        (json!({"user": "nobody"}), json!(null)),
        (json!({"group": "nobody"}), json!(null)),
    ];
    for (body, left) in steps {
        let call = hub
            .call(&admin, "PATCH", "/hub/api/shares/alice/")
            .json(body);
        let reply = call.send().await.expect(200).json();
        assert_eq!(reply["scopes"], *left, "{body}: {reply}");
        assert!(!left.is_null() || reply == json!({}), "{reply}");
    }
    // No scopes, or an empty list of them, are all.
    for body in [json!({"user": "bob"}), json!({"user": "bob", "scopes": []})] {
        share(
            &hub,
            &admin,
            "alice/",
            json!({"user": "bob", "scopes": ["servers"]}),
        )
        .await;
        let call = hub
            .call(&admin, "PATCH", "/hub/api/shares/alice/")
            .json(&body);
        assert_eq!(call.send().await.expect(200).json(), json!({}));
    }
}

#[tokio::test]
async fn who_may_revoke() {
    for (held, patch, delete) in [
        ("read:shares", 403, 403),
        ("shares", 200, 204),
        ("shares!user=alice", 200, 204),
        ("shares!server=alice/", 200, 204),
        ("shares!group=lab", 404, 404),
        ("shares!server=alice/other", 404, 404),
        ("shares!server=alice", 404, 404),
        ("shares!user=bob", 404, 404),
    ] {
        let hub = Hub::start().await;
        let admin = hub.token("admin", &["inherit"]).await;
        let token = caller(&hub, held).await;
        let left = async || {
            let list = hub
                .call(&admin, "GET", "/hub/api/shares/alice/")
                .send()
                .await;
            list.expect(200).json()["items"].as_array().unwrap().len()
        };
        share(&hub, &admin, "alice/", json!({"user": "bob"})).await;
        share(&hub, &admin, "alice/", json!({"group": "lab"})).await;
        let call = hub.call(&token, "PATCH", "/hub/api/shares/alice/");
        call.json(&json!({"user": "bob"}))
            .send()
            .await
            .expect(patch);
        assert_eq!(left().await, if patch == 200 { 1 } else { 2 }, "{held}");
        let call = hub.call(&token, "DELETE", "/hub/api/shares/alice/");
        call.send().await.expect(delete);
        assert_eq!(left().await, if delete == 204 { 0 } else { 2 }, "{held}");
    }
}

#[tokio::test]
async fn only_single_servers_can_be_shared() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    for (path, methods) in [
        ("/hub/api/shares/alice", &["POST", "PATCH", "DELETE"][..]),
        ("/hub/api/share-codes/alice", &["POST", "DELETE"]),
    ] {
        for method in methods {
            let reply = hub.call(&admin, method, path).text("{}").send().await;
            assert_eq!(reply.error(), (405, None), "{method} {path}");
            hub.call(&bob, method, path).send().await.expect(403);
            hub.request(method, path).send().await.expect(403);
        }
    }
}

#[tokio::test]
async fn what_does_not_exist() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let body = json!({"user": "bob"});
    for (method, path, message) in [
        (
            "POST",
            "/hub/api/shares/alice/gpu",
            Some("No such server: alice/gpu"),
        ),
        (
            "POST",
            "/hub/api/shares/nobody/",
            Some("No such server: nobody/"),
        ),
        (
            "PATCH",
            "/hub/api/shares/alice/gpu",
            Some("No such server: alice/gpu"),
        ),
        ("GET", "/hub/api/shares/nobody", None),
        (
            "GET",
            "/hub/api/shares/nobody/",
            Some("No such server: nobody/"),
        ),
        (
            "GET",
            "/hub/api/shares/alice/gpu",
            Some("No such server: alice/gpu"),
        ),
        (
            "DELETE",
            "/hub/api/shares/alice/gpu",
            Some("No such server: alice/gpu"),
        ),
        (
            "GET",
            "/hub/api/users/nobody/shared",
            Some("No such user: nobody"),
        ),
        (
            "GET",
            "/hub/api/groups/nobody/shared",
            Some("No such group: nobody"),
        ),
        (
            "GET",
            "/hub/api/users/bob/shared/alice/",
            Some("No such share for user bob on alice/"),
        ),
        (
            "DELETE",
            "/hub/api/users/nobody/shared/alice/gpu",
            Some("No such share for user nobody on alice/gpu"),
        ),
        (
            "GET",
            "/hub/api/groups/lab/shared/nobody/",
            Some("No such share for group lab on nobody/"),
        ),
        (
            "DELETE",
            "/hub/api/groups/lab/shared/alice/",
            Some("No such share for group lab on alice/"),
        ),
    ] {
        let reply = hub.call(&admin, method, path).json(&body).send().await;
        let expected = (404, message.map(ToOwned::to_owned));
        assert_eq!(reply.error(), expected, "{method} {path}");
    }
    // Everybody has a default server, also before its first start.
    let list = hub
        .call(&admin, "GET", "/hub/api/shares/alice/")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["_pagination"]["total"], 0);
    let none = hub.call(&admin, "DELETE", "/hub/api/shares/alice/");
    none.send().await.expect(204);
}
