//! Clients that go away in the middle of a request: what was written is known to everybody, whenever they went.

use std::time::Duration;

use axum::http::StatusCode;
use hub::db::{servers, tokens, users};
use hub::domain::lifecycle::ServerState;
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};
use hub_types::secret::Token;
use serde_json::json;

use crate::harness::Hub;
use crate::scene::eventually;

/// More than any request has turns.
const MOST_TURNS: usize = 200;

/// How often each request is abandoned at each of its turns: what falls into one turn depends on the machine.
const ROUNDS: usize = 6;

/// As often it is tried that one is done although nobody waits for it, which with a server takes luck.
const MOST_ROUNDS: usize = 100;

/// How long caches may stay behind; shorter than they remember anything by themselves.
const SOON: Duration = Duration::from_secs(5);

/// How many requests were answered, and how many were abandoned but done.
#[derive(Debug, Default)]
struct Seen {
    answered: usize,
    done_unheard: usize,
}

#[tokio::test]
async fn a_revoked_token_is_refused_whenever_the_client_went_away() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let mut seen = Seen::default();
    let mut turns = 0;
    while seen.answered < ROUNDS || (seen.done_unheard == 0 && seen.answered < MOST_ROUNDS) {
        turns += 1;
        assert!(turns < MOST_TURNS, "the request never ends");
        let token = hub.token("alice", &["read:users!user=alice"]).await;
        let row = async || {
            let hash = Token::parse(&token).unwrap().hash();
            tokens::find(hub.state.db.read(), hash).await.unwrap()
        };
        let works = async || {
            let reply = hub.call(&token, "GET", "/hub/api/user").send().await;
            reply.status == StatusCode::OK
        };
        // Known, and remembered.
        assert!(works().await);
        let path = format!("/hub/api/users/alice/tokens/{}", row().await.unwrap().id);
        let answer = hub.call(&alice, "DELETE", &path).gone_after(turns).await;
        // Nobody writes any more: what was begun is done.
        drop(hub.state.db.write().await.unwrap());
        let agree = eventually("cache and database say the same", || async {
            (row().await.is_some() == works().await).then_some(())
        });
        let agree = tokio::time::timeout(SOON, agree).await;
        assert!(
            agree.is_ok(),
            "abandoned at turn {turns}: the cache stays behind"
        );
        match answer {
            Some(status) => {
                assert_eq!(status, StatusCode::NO_CONTENT);
                seen.answered += 1;
                turns = 0;
            }
            None if row().await.is_none() => seen.done_unheard += 1,
            None => {}
        }
    }
    assert!(
        seen.done_unheard > 0,
        "no request was abandoned late: {seen:?}"
    );
}

#[tokio::test]
async fn a_start_that_was_written_goes_on_whenever_the_client_went_away() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for turns in 1..MOST_TURNS {
        let name = format!("user{turns}");
        let body = json!({"usernames": [name]});
        let call = hub.call(&admin, "POST", "/hub/api/users").json(&body);
        call.send().await.expect(201);
        let path = format!("/hub/api/users/{name}/server");
        let answer = hub.call(&admin, "POST", &path).gone_after(turns).await;
        drop(hub.state.db.write().await.unwrap());
        let at = ServerRef::new(Username::stored(&*name), ServerName::default_server());
        eventually(
            "either nothing was written, or the server is ready",
            || async {
                let row = servers::find(hub.state.db.read(), &at).await.unwrap();
                let settled = row.is_none_or(|row| row.state == ServerState::Ready);
                settled.then_some(())
            },
        )
        .await;
        if let Some(status) = answer {
            assert_eq!(status, StatusCode::CREATED);
            assert!(turns > 2, "too few turns to have seen anything: {turns}");
            return;
        }
    }
    panic!("the request never ends");
}

/// Deletes users, each with a server, and goes away ever later, until one deletion is answered. How many were gone unheard.
async fn deleted_unheard(hub: &Hub, admin: &str, round: usize) -> usize {
    let mut unheard = 0;
    for turns in 1..MOST_TURNS {
        let name = format!("user{round}-{turns}");
        let body = json!({"usernames": [name]});
        let call = hub.call(admin, "POST", "/hub/api/users").json(&body);
        call.send().await.expect(201);
        let path = format!("/hub/api/users/{name}");
        let call = hub.call(admin, "POST", &format!("{path}/server"));
        call.send().await.expect(201);
        let answer = hub.call(admin, "DELETE", &path).gone_after(turns).await;
        let at = ServerRef::new(Username::stored(&*name), ServerName::default_server());
        let gone = eventually("either nothing was begun, or all is gone", || async {
            let user = users::find(hub.state.db.read(), &name).await.unwrap();
            let row = servers::find(hub.state.db.read(), &at).await.unwrap();
            let told = hub
                .spawner
                .deleted
                .lock()
                .unwrap()
                .contains(&at.to_string());
            assert!(user.is_some() || told, "{name} is free too early");
            let untouched = row.is_some_and(|row| row.state == ServerState::Ready);
            (user.is_none() || untouched).then_some(user.is_none())
        })
        .await;
        if let Some(status) = answer {
            assert_eq!((status, gone), (StatusCode::NO_CONTENT, true));
            return unheard;
        }
        unheard += usize::from(gone);
    }
    panic!("the request never ends");
}

/// The name is free for others only when the spawner has done away with all that went by it.
#[tokio::test]
async fn a_user_goes_with_what_is_left_of_their_servers_whenever_the_client_went_away() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let mut round = 0;
    while deleted_unheard(&hub, &admin, round).await == 0 {
        round += 1;
        assert!(round < MOST_ROUNDS, "no request was abandoned late");
    }
}
