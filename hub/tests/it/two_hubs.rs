//! Two hubs with one database. With PostgreSQL they hear each other at once, and the clock stands still in these tests; with the
//! others half a minute passes before each look, after which nothing is believed without one.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hub::bus::Event;
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

/// Lets answers grow old, unless hubs are told that they are.
fn wait(hub: &Hub) {
    if !hears(hub) {
        hub.clock.advance(TimeDelta::seconds(30));
    }
}

/// Asks until the answer has this status.
async fn becomes(hub: &Hub, token: &str, status: u16) {
    wait(hub);
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
    wait(&one);
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
    wait(&one);
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
    let admin = one.token("admin", &["inherit"]).await;
    let listed = async || {
        let reply = other.call(&admin, "GET", "/hub/api/users").send().await;
        reply.expect(200).json().as_array().unwrap().len()
    };
    let before = listed().await;
    let new = one.call(&admin, "POST", "/hub/api/users/carol");
    new.send().await.expect(201);
    wait(&one);
    let begin = Instant::now();
    while listed().await != before + 1 {
        assert!(begin.elapsed() < PATIENCE, "not there");
        tokio::task::yield_now().await;
    }
}

/// A hub that starts with another configuration ends what its users have at the other one, too.
#[tokio::test]
async fn who_is_blocked_at_one_is_refused_by_the_other() {
    let one = Hub::start().await;
    let other = one.beside().await;
    let alice = one.token("alice", &["inherit"]).await;
    one.call(&alice, "GET", ME).send().await.expect(200);
    let blocked = other.restart(|config| {
        config.authenticator.blocked_users.insert("alice".into());
    });
    let _other = blocked.await;
    becomes(&one, &alice, 403).await;
}

/// What a listener missed while its connection was gone is looked up again.
#[tokio::test]
async fn a_listener_that_was_cut_off_looks_at_everything_again() {
    let one = Hub::start().await;
    let other = one.beside().await;
    let mut told = other.state.bus.listen();
    let alice = other.token("alice", &["inherit"]).await;
    let id = other.call(&alice, "GET", ME).send().await.expect(200);
    let id = id.json()["token_id"].as_str().unwrap().to_owned();
    let quiet = Db::open(one.database.url()).await.unwrap();
    let tx = quiet.write().await.unwrap();
    if !hears(&one) {
        // Nobody listens: a commit elsewhere is not heard of.
        tx.commit_and_tell(&hub::bus::Bus::default(), [Event::Identities])
            .await
            .unwrap();
        assert!(told.try_recv().is_err());
        return;
    }
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sea_orm::ConnectionTrait::execute_unprepared(&*tx, cut)
        .await
        .unwrap();
    // Nobody is told of this.
    let gone = format!("DELETE FROM tokens WHERE id = {}", &id[1..]);
    sea_orm::ConnectionTrait::execute_unprepared(&*tx, &gone)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let everything = async { while told.recv().await.unwrap() != Event::Everything {} };
    tokio::time::timeout(PATIENCE, everything).await.unwrap();
    // The hub goes on by itself.
    becomes(&other, &alice, 403).await;
}
