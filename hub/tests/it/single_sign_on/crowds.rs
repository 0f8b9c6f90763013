//! Strangers who make the hub ask a provider that takes its time.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hub::config::Provider;
use serde_json::json;
use tokio::time::Instant;

use super::kept::{home, keep};
use super::stand_in::StandIn;
use super::{allow_all, come_back, hub, kept, leave, log_in, remembered};

/// How many neighbours may be there at once; see `auth::oauth::turns`.
const IN_LINE: usize = 100;
/// How many more come.
const MORE: usize = 10;
/// After so long it would be the provider that does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn strangers_keep_nobody_from_being_asked_about() {
    let at = StandIn::start(json!({"username": "mal"})).await;
    let hub = hub(Provider::Generic, &at, |config| {
        allow_all(config);
        keep(config);
    })
    .await;
    let login = log_in(&hub, &at).await.expect(302);
    let asked = |what: &str| {
        at.change(|world| world.asked.iter().filter(|one| one.ends_with(what)).count())
    };
    let mut begun = Vec::new();
    for _ in 0..IN_LINE + MORE {
        let left = leave(&hub, "").await.expect(302);
        begun.push((at.visit(left.header("location")).await, kept(&left)));
    }
    at.change(|world| world.hangs = true);
    let (begin, before) = (Instant::now(), asked("/token"));
    let mut crowd: FuturesUnordered<_> = begun
        .iter()
        .map(|(back, kept)| come_back(&hub, back, kept.as_deref()))
        .collect();
    for _ in 0..MORE {
        let told = crowd.next().await.unwrap().expect(503);
        assert_eq!(told.header("retry-after"), "5");
        assert!(told.body.contains("Reload this page"), "{}", told.body);
        assert_eq!(
            remembered(&told),
            None,
            "the same request may be sent again"
        );
    }
    assert!(begin.elapsed() < PATIENCE, "they are told at once");
    // Twelve of one address are asked about at a time: those, and nobody else.
    let all_twelve = async {
        while asked("/token") - before < 12 {
            tokio::select! {
                _ = crowd.next() => panic!("answered while the provider hangs"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, all_twelve).await.unwrap();
    assert_eq!(asked("/token") - before, 12);
    // Somebody who is in is asked about all the same.
    hub.clock.advance(TimeDelta::seconds(301));
    let before = asked("/me");
    assert_eq!(home(&hub, &login).await, 200);
    assert_eq!(asked("/me"), before + 1);
    at.change(|world| world.tokens.clear());
    drop(crowd);
    // Their turns are free again.
    at.change(|world| world.hangs = false);
    log_in(&hub, &at).await.expect(302);
}
