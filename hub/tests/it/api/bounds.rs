//! What one user can make without end: nothing (part of security case 122).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use hub::auth::issue::MAX_TOKENS;
use hub::db::share_codes::NewShareCode;
use hub::db::{NewTokenRow, servers, share_codes, tokens, users};
use hub::domain::server::ServerRef;
use hub::domain::share::{MAX_SHARE_CODES, SharedScopes};
use hub::domain::token::TokenOwner;
use hub_types::clock::Clock as _;
use hub_types::names::{ServerName, Username};
use hub_types::scope::{NoMembership, Scope, ScopeName, ScopeSet};
use hub_types::secret::Token;
use serde_json::json;

use crate::harness::Hub;

#[tokio::test]
async fn tokens_of_an_owner_have_a_bound() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let user = users::find(hub.state.db.read(), "alice")
        .await
        .unwrap()
        .unwrap();
    let now = hub.clock.now();
    let tx = hub.state.db.write().await.unwrap();
    // One is there; room for one more is left.
    for number in 0..MAX_TOKENS - 2 {
        let row = NewTokenRow {
            hash: Some(Token::generate().hash()),
            expires: Some(now + TimeDelta::hours(1)),
            ..NewTokenRow::new(TokenOwner::User(user.id), Vec::new(), format!("{number}"))
        };
        tokens::insert(&tx, &row, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    let path = "/hub/api/users/alice/tokens";
    let more = async || hub.call(&alice, "POST", path).json(&json!({})).send().await;
    more().await.expect(201);
    let (status, message) = more().await.error();
    assert_eq!(status, 400);
    assert!(message.unwrap().contains("has 2000 tokens already"));
    // Others have their own, and what has ended does not count.
    let bob = hub.token("bob", &["inherit"]).await;
    let others = hub
        .call(&bob, "POST", "/hub/api/users/bob/tokens")
        .json(&json!({}));
    others.send().await.expect(201);
    hub.clock.advance(TimeDelta::hours(2));
    more().await.expect(201);
}

#[tokio::test]
async fn share_codes_of_a_server_have_a_bound() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let path = "/hub/api/share-codes/alice/";
    let more = async || hub.call(&admin, "POST", path).json(&json!({})).send().await;
    more().await.expect(200);
    let user = users::find(hub.state.db.read(), "alice")
        .await
        .unwrap()
        .unwrap();
    let at = ServerRef::new(Username::stored("alice"), ServerName::default_server());
    let server = servers::find(hub.state.db.read(), &at)
        .await
        .unwrap()
        .unwrap();
    let mut held = ScopeSet::default();
    for name in [ScopeName::Shares, ScopeName::AccessServers] {
        held.add(Scope::all(name));
    }
    let scopes = SharedScopes::asked(&[], &at).unwrap();
    let what = scopes.granted_by(&held, &NoMembership, &at).unwrap();
    let now = hub.clock.now();
    let tx = hub.state.db.write().await.unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..MAX_SHARE_CODES - 1 {
        let new = NewShareCode {
            hash: Token::generate().hash(),
            server: server.id,
            maker: TokenOwner::User(user.id),
            expires: now + TimeDelta::hours(1),
        };
        seen.insert(share_codes::insert(&tx, &new, &what, now).await.unwrap().id);
    }
    tx.commit().await.unwrap();
    assert_eq!(seen.len() as u64, MAX_SHARE_CODES - 1);
    let (status, message) = more().await.error();
    assert_eq!(status, 400);
    assert!(message.unwrap().contains("has 1000 share codes already"));
    hub.clock.advance(TimeDelta::hours(2));
    more().await.expect(200);
}
