//! A database that is away refuses nobody and knows nobody less: whoever needs it is told to come again (security case 100).

use hub::config::DbUrl;
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::harness::{Hub, PASSWORD};
use crate::oauth::{AUTHORIZE, SERVICE_CALLBACK, authorize, challenge, usual};

const TOKENS: &str = "/hub/api/users/alice/tokens";

/// Somebody who is logged in is not sent to the login page, nor told that they are logged out.
#[tokio::test]
async fn who_is_logged_in_is_no_stranger_while_the_database_is_away() {
    let hub = Hub::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let client = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    hub.state.db.read().lose().await.unwrap();
    let form = [("_xsrf", &*browser.xsrf)];
    let page = |method, path| hub.request(method, path).browser(&browser);
    for call in [
        page("GET", "/hub/logout"),
        page("GET", "/hub/login?next=%2Fhub%2Fhome"),
        page("GET", "/hub/home"),
        authorize(&hub, &browser, &client),
        page("POST", "/hub/api/oauth2/authorize?client_id=service-whoami").form(&form),
        page("POST", "/hub/login").form(&form),
    ] {
        let reply = call.send().await.expect(503);
        assert_eq!(reply.header("retry-after"), "5", "{reply:?}");
        assert!(
            reply
                .set_cookies()
                .iter()
                .all(|(name, _)| name != "jupyterhub-hub-login")
        );
    }
    // What needs nobody is shown: the form to those without a cookie, and what the proxy shows of errors.
    hub.request("GET", "/hub/login").send().await.expect(200);
    page("GET", "/hub/error/503").send().await.expect(200);
    page("PUT", AUTHORIZE).send().await.expect(403);
}

/// A token may be asked for by whoever has one: the answer is no 403 because nothing could be looked up.
#[tokio::test]
async fn a_token_is_not_refused_because_the_database_is_away() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let ask = || hub.call(&alice, "POST", TOKENS).json(&json!({}));
    hub.call(&alice, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    hub.state.identities.write_uses().await.unwrap();
    hub.call(&alice, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    hub.state.db.read().lose().await.unwrap();
    ask().send().await.expect(503);
    let auth = json!({ "auth": { "username": "alice", "password": PASSWORD } });
    let reply = hub.request("POST", TOKENS).json(&auth).send().await;
    reply.expect(503);
}

/// Lets a SQLite file grow to so many pages; to those that it has, if that is less.
async fn limit(hub: &Hub, pages: u32) {
    let tx = hub.state.db.write().await.unwrap();
    let sql = format!("PRAGMA max_page_count = {pages}");
    tx.execute_unprepared(&sql).await.unwrap();
    tx.commit().await.unwrap();
}

/// A disk that is full, by the limit that SQLite can be given: nothing is half-made, and who is known is served.
#[tokio::test]
async fn case_100_a_full_disk_refuses_what_is_written_and_nothing_else() {
    let hub = Hub::start().await;
    if !matches!(hub.database.url(), DbUrl::Sqlite(_)) {
        return;
    }
    let admin = hub.token("admin", &["inherit"]).await;
    let names: Vec<String> = (0..500)
        .map(|n| format!("{n:03}-{}", "x".repeat(50)))
        .collect();
    let one = format!("/hub/api/users/{}", names[0]);
    let body = json!({ "usernames": names });
    let class = || hub.call(&admin, "POST", "/hub/api/users").json(&body);
    let look = |path| hub.call(&admin, "GET", path);

    limit(&hub, 1).await;
    let reply = class().send().await.expect(503);
    assert_eq!(reply.header("retry-after"), "5", "{reply:?}");
    look("/hub/api/user").send().await.expect(200);
    look("/hub/api/users").send().await.expect(200);
    look(&one).send().await.expect(404);

    limit(&hub, 1_000_000).await;
    class().send().await.expect(201);
    look(&one).send().await.expect(200);
}
