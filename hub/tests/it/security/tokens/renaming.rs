//! Cases 53 and 54: names that change, and names that are more than names.

use super::reach::{GROUP_CALLS, USER_CALLS};
use super::*;

#[tokio::test]
async fn case_53_renaming() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    let rename = |to: &str| {
        let call = hub.call(&root, "PATCH", "/hub/api/users/bob");
        call.json(&json!({"name": to})).send()
    };
    let before = database(&hub).await;
    for bad in [
        "alice",
        "ALICE",
        " alice ",
        "\u{ff41}lice",
        "admin",
        "",
        " ",
        "a/b",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "a\nb",
        "a\0b",
        "a\u{202e}b",
        "a\u{200b}",
        "\u{430}lice",
    ] {
        let reply = rename(bad).await;
        assert!(
            [400, 409].contains(&reply.status.as_u16()),
            "{bad:?}: {reply:?}"
        );
    }
    rename(&"x".repeat(256)).await.expect(400);
    assert_eq!(database(&hub).await, before);
    rename("bob").await.expect(200);
    rename("BOB").await;
    assert_eq!(
        database(&hub).await,
        before,
        "a name that does not change is no change"
    );

    // A server of the old name is gone with its routes and clients before the name can go.
    let bob = hub.token("bob", &["inherit"]).await;
    hub.call(&bob, "POST", "/hub/api/users/bob/server")
        .send()
        .await
        .expect(201);
    rename("robert").await.expect(400);
    hub.call(&bob, "DELETE", "/hub/api/users/bob/server")
        .send()
        .await
        .expect(204);
    assert!(hub.proxy.0.lock().unwrap().is_empty());
    assert_eq!(
        count(
            &hub,
            "SELECT COUNT(*) FROM oauth_clients WHERE id LIKE 'jupyterhub-user-%'"
        )
        .await,
        0
    );
    let model = rename("Robert").await.expect(200).json();
    assert_eq!(
        (&model["name"], &model["groups"]),
        (&json!("robert"), &json!(["lab"]))
    );
    assert_eq!(who(&hub, &bob).await.status, 403);
    // Somebody new under the old name has nothing of it.
    hub.call(&root, "POST", "/hub/api/users/bob")
        .send()
        .await
        .expect(201);
    let fresh = hub.token("bob", &["inherit"]).await;
    let model = who(&hub, &fresh).await.expect(200).json();
    assert_eq!(model["groups"], json!([]));
    for path in [
        "/users/robert",
        "/users/robert/server",
        "/users/robert/tokens",
    ] {
        hub.call(&fresh, "GET", &format!("/hub/api{path}"))
            .send()
            .await
            .expect(404);
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_54_names_that_are_parts_of_a_path() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    for name in [
        ".",
        "..",
        "%2e",
        "%2E%2E",
        "%252e",
        "%252e%252e",
        "a/../b",
        "a%2F..%2Fb",
        "%2e%2e%2f",
        "..%2Falice",
        "%00",
        "%ff",
        "%c0%ae",
        "a%0ab",
    ] {
        let before = database(&hub).await;
        for (method, path, body) in USER_CALLS.iter().chain(GROUP_CALLS).chain(&[
            ("GET", "/services/NAME", ""),
            ("POST", "/services/NAME", "{}"),
            ("DELETE", "/services/NAME", ""),
            ("GET", "/users/alice/tokens/NAME", ""),
            ("DELETE", "/users/alice/tokens/NAME", ""),
            ("GET", "/users/alice/servers/NAME", ""),
            ("POST", "/users/alice/servers/NAME", "{}"),
            ("PUT", "/users/alice/servers/NAME", "{}"),
            ("DELETE", "/users/alice/servers/NAME", ""),
            ("GET", "/users/alice/servers/NAME/progress", ""),
            ("GET", "/shares/alice/NAME", ""),
        ]) {
            let path = format!("/hub/api{}", path.replace("NAME", name));
            if path.parse::<http::Uri>().is_err() {
                continue;
            }
            let call = hub.call(&root, method, &path);
            let reply = if body.is_empty() {
                call
            } else {
                call.text(body)
            }
            .send()
            .await;
            assert!(
                [400, 403, 404, 405].contains(&reply.status.as_u16()),
                "{method} {path}: {reply:?}"
            );
        }
        assert_eq!(database(&hub).await, before, "{name}");
    }
    // In bodies, too.
    for name in [".", "..", "%2e", "%2e%2E", "a/../b", "a/b", "/", ""] {
        let call = hub.call(&root, "POST", "/hub/api/users");
        call.json(&json!({"usernames": [name]}))
            .send()
            .await
            .expect(400);
        let call = hub.call(&root, "POST", "/hub/api/groups");
        let reply = call.json(&json!({"groups": [name]})).send().await;
        assert!(
            [400, 405].contains(&reply.status.as_u16()),
            "{name:?}: {reply:?}"
        );
    }
    hub.is_well().await;
}
