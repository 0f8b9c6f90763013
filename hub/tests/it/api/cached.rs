//! What is remembered of tokens: it saves the database, and is never older than it.

use chrono::TimeDelta;
use hub::db::{Db, groups, tokens};
use hub_types::secret::Token;
use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub};

const ME: &str = "/hub/api/user";

async fn me(hub: &Hub, token: &str) -> Value {
    hub.call(token, "GET", ME).send().await.expect(200).json()
}

/// With its database closed, the hub still knows whom it has just seen, and decides what they may do; only what has to be
/// looked up fails.
#[tokio::test]
async fn a_cached_token_needs_no_database() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let nobody = hub.token("bob", &["(no_scope)"]).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let stranger = hub.token("bob", &["inherit"]).await;
    for token in [&alice, &nobody, &admin] {
        me(&hub, token).await;
    }
    hub.call(CULLER_TOKEN, "GET", "/hub/api/info")
        .send()
        .await
        .expect(403);
    // Notes uses; that is a write of its own, and not part of any request.
    hub.state.identities.write_uses().await.unwrap();
    for token in [&alice, &nobody, &admin] {
        me(&hub, token).await;
    }

    hub.state.db.read().lose().await.unwrap();
    for (token, method, path, status) in [
        (&*alice, "GET", ME, 200),
        (&*nobody, "GET", ME, 200),
        (&*admin, "GET", ME, 200),
        // Decided by scopes alone.
        (&*admin, "GET", "/hub/api/info", 200),
        (&*alice, "GET", "/hub/api/info", 403),
        (&*alice, "GET", "/hub/api/users", 403),
        (&*alice, "GET", "/hub/api/users/bob", 404),
        (&*alice, "DELETE", "/hub/api/users/bob/server", 404),
        (&*nobody, "GET", "/hub/api/users/bob/tokens", 403),
        (CULLER_TOKEN, "GET", "/hub/api/info", 403),
        // The database is closed indeed.
        (&*admin, "GET", "/hub/api/users/bob", 500),
        (&*stranger, "GET", ME, 500),
    ] {
        let reply = hub.call(token, method, path).send().await;
        let got = reply.status.as_u16();
        // A database that is away is 500 or 503.
        let same = got == status || (status == 500 && got == 503);
        assert!(same, "{method} {path}: {got}, not {status}");
    }
}

/// Every change shows in the very next answer, though the answers before it were remembered.
#[tokio::test]
async fn an_answer_is_never_old() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let before = me(&hub, &alice).await;
    assert_eq!(me(&hub, &alice).await, before);

    let call = async |method: &str, path: &str, body: Value| {
        hub.call(&admin, method, path).json(&body).send().await
    };
    // A server: in the other form of the answer, too.
    let full = format!("{ME}?include_stopped_servers=1");
    let all = async || {
        hub.call(&alice, "GET", &full)
            .send()
            .await
            .expect(200)
            .json()
    };
    let servers = all().await["servers"].clone();
    assert_eq!(servers[""]["stopped"], true, "{servers}");
    assert_eq!(servers["gpu"], Value::Null, "{servers}");
    call("PUT", "/hub/api/users/alice/servers/gpu", json!({}))
        .await
        .expect(201);
    assert!(all().await["servers"]["gpu"].is_object());
    assert_eq!(me(&hub, &alice).await["servers"], json!({}));
    let started = call("POST", "/hub/api/users/alice/server", json!({})).await;
    assert!(started.status.is_success(), "{started:?}");
    assert!(me(&hub, &alice).await["servers"][""].is_object());

    // Activity, which nobody is told of.
    let report = json!({"last_activity": "2026-11-22T03:40:00Z"});
    hub.clock.advance(TimeDelta::minutes(30));
    me(&hub, &alice).await;
    call("POST", "/hub/api/users/alice/activity", report)
        .await
        .expect(200);
    assert_ne!(
        me(&hub, &alice).await["last_activity"],
        before["last_activity"]
    );

    // Groups, roles, and the end.
    let tx = hub.state.db.write().await.unwrap();
    let lab = groups::ensure_exists(&tx, "lab").await.unwrap();
    let user = hub::db::users::find(&*tx, "alice").await.unwrap().unwrap();
    groups::add_member(&tx, lab, user.id).await.unwrap();
    tx.commit_and_tell(&hub.state.bus, [hub::bus::Event::Identities])
        .await
        .unwrap();
    assert_eq!(me(&hub, &alice).await["groups"], json!(["lab"]));
    call("PATCH", "/hub/api/users/alice", json!({"admin": true}))
        .await
        .expect(200);
    let now = me(&hub, &alice).await;
    assert_eq!(now["admin"], true);
    let scopes = now["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("admin:users")), "{scopes:?}");
    let path = format!(
        "/hub/api/users/alice/tokens/{}",
        now["token_id"].as_str().unwrap()
    );
    hub.call(&alice, "DELETE", &path).send().await.expect(204);
    hub.call(&alice, "GET", ME).send().await.expect(403);
}

/// Another process may have written: what is remembered is looked at again after half a minute.
#[tokio::test]
async fn half_a_minute_at_most() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    me(&hub, &alice).await;
    hub.state.identities.write_uses().await.unwrap();
    me(&hub, &alice).await;
    let other = Db::open(hub.database.url()).await.unwrap();
    let tx = other.write().await.unwrap();
    let hash = Token::from_config(alice.clone()).hash();
    let token = tokens::find(&*tx, hash).await.unwrap().unwrap();
    tokens::revoke(&tx, &token).await.unwrap();
    tx.commit().await.unwrap();
    hub.clock.advance(TimeDelta::seconds(29));
    me(&hub, &alice).await;
    hub.clock.advance(TimeDelta::seconds(1));
    hub.call(&alice, "GET", ME).send().await.expect(403);
}

/// Security case 100: while the database is away nobody could have changed it, so whoever is known stays so; everybody else
/// is told to come again.
#[tokio::test]
async fn who_is_known_stays_so_while_the_database_is_away() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let bob = hub.token("bob", &["inherit"]).await;
    let browser = hub.log_in("alice").await;
    let home = || {
        hub.request("GET", "/hub/home")
            .header("cookie", &browser.cookies)
    };
    me(&hub, &alice).await;
    hub.state.identities.write_uses().await.unwrap();
    let before = me(&hub, &alice).await;
    hub.state.db.read().lose().await.unwrap();
    for seconds in [29, 2, 9 * 60] {
        hub.clock.advance(TimeDelta::seconds(seconds));
        assert_eq!(me(&hub, &alice).await, before);
    }
    for reply in [hub.call(&bob, "GET", ME).send().await, home().send().await] {
        let reply = reply.expect(503);
        assert_eq!(reply.header("retry-after"), "5", "{reply:?}");
    }
    hub.clock.advance(TimeDelta::minutes(1));
    hub.call(&alice, "GET", ME).send().await.expect(503);
}
