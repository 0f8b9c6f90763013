//! Share codes: making, listing and taking back; the page that accepts them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::sharing::{SHARER, code};
use crate::harness::Hub;

async fn caller(hub: &Hub, scopes: &str) -> String {
    let scopes: Vec<&str> = scopes.split(',').collect();
    hub.token("admin", &scopes).await
}

#[tokio::test]
async fn a_code_on_the_wire() {
    let hub = Hub::start().await;
    let token = caller(&hub, SHARER).await;
    let (model, code) = code(&hub, &token, "alice/", &[]).await;
    assert_eq!(code.len(), 43);
    assert!(
        code.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
        "{code}"
    );
    assert_eq!(
        model,
        json!({
            "server": {
                "user": {"name": "alice"}, "name": "", "url": "/user/alice/", "full_url": null, "ready": false,
            },
            "scopes": ["access:servers!server=alice/"],
            "id": "sc_1",
            "created_at": "2026-11-22T03:30:07.624000Z",
            "expires_at": "2026-11-23T03:30:07.624000Z",
            "exchange_count": 0,
            "last_exchanged_at": null,
            "code": code,
            "accept_url": format!("/hub/accept-share?code={code}"),
            "full_accept_url": null,
        })
    );
    // Once only.
    let list = hub
        .call(&token, "GET", "/hub/api/share-codes/alice")
        .send()
        .await;
    let list = list.expect(200);
    assert!(
        !list.body.contains(&code) && !list.body.contains("\"code\""),
        "{list:?}"
    );
    assert_eq!(list.json()["items"][0]["id"], "sc_1");
    assert_eq!(list.json()["_pagination"]["total"], 1);
}

#[tokio::test]
async fn who_may_make_codes() {
    for (held, scopes, expected) in [
        (SHARER, &[][..], Ok(&["access:servers!server=alice/"][..])),
        ("shares", &[], Ok(&["access:servers!server=alice/"])),
        ("shares!user=bob", &[], Err(404)),
        ("read:shares", &[], Err(403)),
        (
            "shares!server=alice/,servers!server=alice/",
            &["read:servers!server=alice/", "access:servers!server=alice/"],
            Ok(&["access:servers!server=alice/", "read:servers!server=alice/"]),
        ),
        (SHARER, &["read:servers!server=other/"], Err(400)),
        (SHARER, &["nope"], Err(400)),
        (
            "shares,access:servers",
            &["admin:servers!server=alice/"],
            Err(403),
        ),
    ] {
        let hub = Hub::start().await;
        let token = caller(&hub, held).await;
        let call = hub.call(&token, "POST", "/hub/api/share-codes/alice/");
        let reply = call.json(&json!({"scopes": scopes})).send().await;
        match expected {
            Ok(scopes) => assert_eq!(reply.expect(200).json()["scopes"], json!(scopes), "{held}"),
            Err(status) => drop(reply.expect(status)),
        }
    }
}

#[tokio::test]
async fn lives_of_codes() {
    let hub = Hub::start().await;
    let token = caller(&hub, SHARER).await;
    for (asked, seconds) in [
        (None, Some(86_400)),
        (Some(json!(60)), Some(60)),
        (Some(json!("120")), Some(120)),
        (Some(json!(31_536_000)), Some(31_536_000)),
        (Some(json!(31_536_001)), None),
        (Some(json!(59)), None),
        (Some(json!(0)), None),
        (Some(json!(-1)), None),
        (Some(json!(null)), None),
        (Some(json!(true)), None),
        (Some(json!(1e30)), None),
        (Some(json!("notanumber")), None),
    ] {
        let body = asked.map_or(json!({}), |asked| json!({"expires_in": asked}));
        let call = hub.call(&token, "POST", "/hub/api/share-codes/alice/");
        let reply = call.json(&body).send().await;
        let Some(seconds) = seconds else {
            reply.expect(400);
            continue;
        };
        let model = reply.expect(200).json();
        let expires: DateTime<Utc> = model["expires_at"].as_str().unwrap().parse().unwrap();
        let created: DateTime<Utc> = model["created_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires - created, TimeDelta::seconds(seconds), "{body}");
    }
}

#[tokio::test]
async fn lists_of_codes_and_who_may_read_them() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let call = hub.call(&admin, "PUT", "/hub/api/users/alice/servers/gpu");
    call.text("{}").send().await.expect(201);
    for at in ["alice/", "alice/", "alice/gpu", "bob/"] {
        code(&hub, &admin, at, &[]).await;
    }
    for (held, path, expected) in [
        ("shares", "alice", Ok(3)),
        ("read:shares!user=alice", "alice", Ok(3)),
        ("read:shares", "alice/", Ok(2)),
        ("read:shares!server=alice/", "alice/", Ok(2)),
        ("read:shares!server=alice/", "alice", Err(404)),
        ("read:shares!server=alice/", "alice/gpu", Err(404)),
        ("read:shares", "alice/gpu", Ok(1)),
        ("read:users:shares", "alice", Err(403)),
        ("users:shares", "alice/", Err(403)),
        ("read:shares", "nobody", Err(404)),
        ("read:shares", "nobody/", Err(404)),
        ("read:shares", "alice/nope", Err(404)),
    ] {
        let token = caller(&hub, held).await;
        let path = format!("/hub/api/share-codes/{path}");
        let reply = hub.call(&token, "GET", &path).send().await;
        match expected {
            Ok(count) => {
                let list = reply.expect(200).json();
                assert_eq!(
                    list["items"].as_array().unwrap().len(),
                    count,
                    "{held} {path}"
                );
            }
            Err(status) => drop(reply.expect(status)),
        }
    }
}

#[tokio::test]
async fn codes_are_taken_back_by_code_by_id_or_all() {
    for (held, by, expected) in [
        (SHARER, "", Ok(0)),
        ("shares", "?id=ID", Ok(1)),
        ("shares!server=alice/", "?code=CODE", Ok(1)),
        (
            "shares!user=bob",
            "",
            Err((404, "No access to resources or resources not found")),
        ),
        (
            "read:shares",
            "?code=CODE",
            Err((
                403,
                "Action is not authorized with current scopes; requires any of [shares]",
            )),
        ),
        (
            "shares",
            "?id=invalid",
            Err((404, "No code found matching id=invalid")),
        ),
        (
            "shares",
            "?id=sc_9999",
            Err((404, "No code found matching id=sc_9999")),
        ),
        (
            "shares",
            "?code=nomatch",
            Err((404, "No matching code found")),
        ),
        // What has no value counts for nothing.
        ("shares", "?code=", Ok(0)),
        ("shares", "?id=", Ok(0)),
        // A code of another server.
        (
            "shares",
            "?code=OTHER",
            Err((404, "No matching code found")),
        ),
        (
            "shares",
            "?id=sc_3",
            Err((404, "No code found matching id=sc_3")),
        ),
    ] {
        let hub = Hub::start().await;
        let admin = hub.token("admin", &["inherit"]).await;
        let (model, first) = code(&hub, &admin, "alice/", &[]).await;
        code(&hub, &admin, "alice/", &[]).await;
        let (_, other) = code(&hub, &admin, "bob/", &[]).await;
        let token = caller(&hub, held).await;
        let by = by.replace("CODE", &first).replace("OTHER", &other);
        let by = by.replace("ID", model["id"].as_str().unwrap());
        let path = format!("/hub/api/share-codes/alice/{by}");
        let reply = hub.call(&token, "DELETE", &path).send().await;
        let left = match expected {
            Ok(left) => {
                reply.expect(204);
                left
            }
            Err((status, text)) => {
                assert_eq!(
                    reply.error(),
                    (status, Some(text.to_owned())),
                    "{held} {by}"
                );
                2
            }
        };
        let list = hub
            .call(&admin, "GET", "/hub/api/share-codes/alice/")
            .send()
            .await;
        assert_eq!(
            list.expect(200).json()["_pagination"]["total"],
            left,
            "{held} {by}"
        );
        let list = hub
            .call(&admin, "GET", "/hub/api/share-codes/bob/")
            .send()
            .await;
        assert_eq!(list.expect(200).json()["_pagination"]["total"], 1);
    }
}
