//! Two hubs with one database. What holds with every database is tested with every database; what they tell each other
//! needs PostgreSQL (`tests/with-database`).

use std::time::{Duration, Instant};

use hub::config::DbUrl;
use hub::db::Db;
use serde_json::json;

use crate::harness::Hub;

const ME: &str = "/hub/api/user";

/// How long something that is to happen at once may take on a machine that has a lot to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether hubs with this database hear each other.
fn hears(hub: &Hub) -> bool {
    matches!(hub.database.url(), DbUrl::Postgres(_))
}

/// Asks until the answer has this status. The clock of the hubs stands still: no answer grows old by itself.
async fn becomes(hub: &Hub, token: &str, status: u16) {
    let begin = Instant::now();
    loop {
        let reply = hub.call(token, "GET", ME).send().await;
        if reply.status == status {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{reply:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_one_revokes_the_other_refuses() {
    let one = Hub::start().await;
    let other = one.beside().await;
    if !hears(&one) {
        return;
    }
    let alice = one.token("alice", &["inherit"]).await;
    let admin = one.token("admin", &["inherit"]).await;
    let known = other
        .call(&alice, "GET", ME)
        .send()
        .await
        .expect(200)
        .json();
    other.call(&alice, "GET", ME).send().await.expect(200);

    // What a user may do follows.
    let path = "/hub/api/users/alice";
    let promote = one
        .call(&admin, "PATCH", path)
        .json(&json!({"admin": true}));
    promote.send().await.expect(200);
    let begin = Instant::now();
    while other
        .call(&alice, "GET", ME)
        .send()
        .await
        .expect(200)
        .json()["admin"]
        != true
    {
        assert!(begin.elapsed() < PATIENCE, "still as before");
        tokio::task::yield_now().await;
    }

    let token = known["token_id"].as_str().unwrap();
    let path = format!("/hub/api/users/alice/tokens/{token}");
    one.call(&alice, "DELETE", &path).send().await.expect(204);
    becomes(&other, &alice, 403).await;
}

#[tokio::test]
async fn a_logout_at_one_is_one_at_the_other() {
    let one = Hub::start().await;
    let other = one.beside().await;
    if !hears(&one) {
        return;
    }
    let browser = one.log_in("alice").await;
    let home = async || {
        let call = other.request("GET", "/hub/home");
        call.header("cookie", &browser.cookies)
            .send()
            .await
            .status
            .as_u16()
    };
    assert_eq!(home().await, 200);
    let logout = one.request("GET", "/hub/logout");
    logout
        .header("cookie", &browser.cookies)
        .send()
        .await
        .expect(302);
    let begin = Instant::now();
    while home().await != 302 {
        assert!(begin.elapsed() < PATIENCE, "still logged in");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn users_of_one_are_in_the_lists_of_the_other() {
    let one = Hub::start().await;
    let other = one.beside().await;
    if !hears(&one) {
        return;
    }
    let admin = one.token("admin", &["inherit"]).await;
    let listed = async || {
        let reply = other.call(&admin, "GET", "/hub/api/users").send().await;
        reply.expect(200).json().as_array().unwrap().len()
    };
    let before = listed().await;
    let new = one.call(&admin, "POST", "/hub/api/users/carol");
    new.send().await.expect(201);
    let begin = Instant::now();
    while listed().await != before + 1 {
        assert!(begin.elapsed() < PATIENCE, "not there");
        tokio::task::yield_now().await;
    }
}

/// What a listener missed while its connection was gone is looked up again.
#[tokio::test]
async fn a_listener_that_was_cut_off_looks_at_everything_again() {
    let one = Hub::start().await;
    let other = one.beside().await;
    if !hears(&one) {
        return;
    }
    let mut told = other.state.bus.listen();
    let quiet = Db::open(one.database.url()).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let tx = quiet.write().await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&*tx, cut)
        .await
        .unwrap();
    drop(tx);
    let event = tokio::time::timeout(PATIENCE, told.recv()).await;
    assert_eq!(event.unwrap().unwrap(), hub::bus::Event::Everything);
    // The hub goes on by itself: requests do not meet the connections that were cut.
    let alice = other.token("alice", &["inherit"]).await;
    other.call(&alice, "GET", ME).send().await.expect(200);
}
