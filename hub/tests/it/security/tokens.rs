//! Cases 42-54: tokens, scopes, administrators. (55 is in `shares`, 56 in the table of callers of the end-to-end tests.)

mod reach;
mod renaming;
mod scopes;
mod timing;

use chrono::TimeDelta;
use sea_orm::ConnectionTrait as _;
use sea_orm::DbBackend;
use serde_json::{Value, json};

use super::{admin, count, database};
use crate::harness::{CULLER_TOKEN, Hub, Reply, WHOAMI_TOKEN};
use crate::watch::Watched;

const TOKENS: &str = "/hub/api/users/alice/tokens";

/// What a token answers to "who am I?".
async fn who(hub: &Hub, token: &str) -> Reply {
    hub.call(token, "GET", "/hub/api/user").send().await
}

async fn make(hub: &Hub, with: &str, body: &Value) -> Reply {
    hub.call(with, "POST", TOKENS).json(body).send().await
}

#[tokio::test]
async fn case_42_dead_tokens() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let root = admin(&hub).await;
    let made = make(&hub, &me, &json!({"expires_in": 60}))
        .await
        .expect(201)
        .json();
    let short = made["token"].as_str().unwrap().to_owned();
    who(&hub, &short).await.expect(200);
    hub.clock.advance(TimeDelta::seconds(59));
    who(&hub, &short).await.expect(200);
    hub.clock.advance(TimeDelta::seconds(1));
    who(&hub, &short).await.expect(403);
    // Revoked: the very next request, although it was just used.
    let made = make(&hub, &me, &json!({})).await.expect(201).json();
    let token = made["token"].as_str().unwrap().to_owned();
    who(&hub, &token).await.expect(200);
    let id = made["id"].as_str().unwrap();
    hub.call(&me, "DELETE", &format!("{TOKENS}/{id}"))
        .send()
        .await
        .expect(204);
    who(&hub, &token).await.expect(403);
    // The owner is deleted.
    who(&hub, &me).await.expect(200);
    hub.call(&root, "DELETE", "/hub/api/users/alice")
        .send()
        .await
        .expect(204);
    who(&hub, &me).await.expect(403);
    hub.call(&root, "POST", "/hub/api/users/alice")
        .send()
        .await
        .expect(201);
    who(&hub, &me).await.expect(403);
    hub.is_well().await;
}

#[tokio::test]
async fn case_43_where_a_token_may_be() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    for (header, good) in [
        (format!("token {me}"), true),
        (format!("TOKEN {me}"), true),
        (format!("Bearer {me}"), true),
        (format!("bearer\t{me}"), true),
        (format!("Basic {me}"), false),
        (format!("Digest {me}"), false),
        (me.clone(), false),
        (format!("token{me}"), false),
        (format!("token:{me}"), false),
        (format!("token {me},"), false),
        (format!("token {me} x"), false),
        (format!("token {me}\t{me}"), false),
        (format!("token \"{me}\""), false),
        (format!("token {}", me.to_uppercase()), false),
        (format!("token {}", &me[..63]), false),
        (format!("token {me}0"), false),
        ("token".to_owned(), false),
        ("token ".to_owned(), false),
    ] {
        let reply = hub
            .request("GET", "/hub/api/user")
            .header("authorization", &header)
            .send()
            .await;
        assert_eq!(reply.status == 200, good, "{header}: {reply:?}");
    }
    let (one, two) = (format!("token {me}"), format!("token {CULLER_TOKEN}"));
    for second in [&one, &two] {
        let call = hub
            .request("GET", "/hub/api/user")
            .header("authorization", &one);
        call.header("authorization", second)
            .send()
            .await
            .expect(403);
    }
    for path in [
        format!("/hub/api/user?token={me}"),
        format!("/hub/api/user?access_token={me}"),
        format!("/hub/api/user?Authorization=token+{me}"),
    ] {
        hub.request("GET", &path).send().await.expect(403);
    }
    for cookie in [
        "token",
        "access_token",
        "Authorization",
        "jupyterhub-hub-login",
    ] {
        let call = hub
            .request("GET", "/hub/api/user")
            .header("cookie", &format!("{cookie}={me}"));
        call.send().await.expect(403);
    }
    let in_body = hub
        .request("POST", "/hub/api/users")
        .json(&json!({"token": me, "usernames": ["eve"]}));
    in_body.send().await.expect(403);
    hub.secret(&me);
    hub.is_well().await;
}

#[tokio::test]
async fn case_44_lives_of_tokens() {
    let hub = Watched::with(|config| {
        config.jupyterhub.token_expires_in_max_seconds =
            Some(std::time::Duration::from_secs(3_600));
    })
    .await;
    let me = hub.token("alice", &["inherit"]).await;
    let before = database(&hub).await;
    for life in [
        "0",
        "-1",
        "-0.5",
        "0.5",
        "1.0",
        "1e308",
        "1000000000000000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "true",
        "false",
        "\"10\"",
        "[]",
        "{}",
        "[10]",
        "3601",
        "1e3",
    ] {
        let call = hub
            .call(&me, "POST", TOKENS)
            .text(&format!("{{\"expires_in\": {life}}}"));
        let reply = call.send().await;
        assert_eq!(reply.status, 400, "{life}: {reply:?}");
    }
    for life in ["1e309", "NaN", "Infinity", "0x10", "+5"] {
        let call = hub
            .call(&me, "POST", TOKENS)
            .text(&format!("{{\"expires_in\": {life}}}"));
        call.send().await.expect(400);
    }
    assert_eq!(database(&hub).await, before);
    // Without a word it is the longest that is allowed, not for ever.
    for body in [
        json!({}),
        json!({"expires_in": null}),
        json!({"expires_in": 3_600}),
    ] {
        let made = make(&hub, &me, &body).await.expect(201).json();
        assert_eq!(made["expires_at"], "2026-11-22T04:30:07.624000Z", "{body}");
    }
    // The page asks in the same way.
    let browser = hub.log_in("alice").await;
    for life in ["0", "-1", "1e3", "99999999999999999999", "x", "3601"] {
        let form = [("_xsrf", browser.xsrf.as_str()), ("expires_in", life)];
        hub.request("POST", "/hub/token")
            .browser(&browser)
            .form(&form)
            .send()
            .await
            .expect(400);
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_45_guessing() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    for _ in 0..1_000 {
        let guess = hub_types::secret::Token::generate();
        let guess = format!("{}{}", &me[..4], &guess.expose()[4..]);
        who(&hub, &guess).await.expect(403);
    }
    who(&hub, &me).await.expect(200);
    // One look-up by the whole hash: what a guess has in common with a token makes no difference to the query.
    let unique = match hub.state.db.read().get_database_backend() {
        DbBackend::Postgres => {
            "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'tokens' \
             AND indexdef LIKE 'CREATE UNIQUE INDEX % USING btree (hash)'"
        }
        DbBackend::MySql => {
            "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() \
             AND table_name = 'tokens' AND column_name = 'hash' AND non_unique = 0"
        }
        _ => "SELECT COUNT(*) FROM pragma_index_list('tokens') WHERE \"unique\" = 1",
    };
    assert!(count(&hub, unique).await >= 1);
    hub.is_well().await;
}

#[tokio::test]
async fn case_47_overlong_tokens() {
    let hub = Watched::start().await;
    // Not even this one, which the database has: what is longer than any token is not looked up at all.
    let long = format!("{}x", hub.token("alice", &["inherit"]).await);
    assert_eq!(
        hub_types::secret::Token::parse(&long),
        None,
        "refused before it is hashed"
    );
    for length in [65, 128, 1 << 10, 16 << 10, 60 << 10] {
        let token = "a".repeat(length);
        who(&hub, &token).await.expect(403);
        hub.request("GET", "/hub/api/user")
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await
            .expect(403);
        for kind in [
            "token",
            "cookie/jupyterhub-hub-login",
            "cookie/jupyterhub-services",
        ] {
            let path = format!("/hub/api/authorizations/{kind}/{token}");
            hub.call(CULLER_TOKEN, "GET", &path)
                .send()
                .await
                .expect(404);
        }
    }
    let mega = "a".repeat(1 << 20);
    who(&hub, &mega).await.expect(403);
    let in_body = hub
        .call(
            WHOAMI_TOKEN,
            "GET",
            "/hub/api/authorizations/cookie/jupyterhub-hub-login",
        )
        .text(&mega);
    in_body.send().await.expect(404);
    hub.is_well().await;
}
