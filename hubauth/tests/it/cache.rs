//! The cache: bound, age, single flight, misses, errors. Its numbered cases are in `security`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::FakeClock;
use hubauth::testing::{FakeHub, Mood};
use hubauth::{CacheUse, HubAuth, HubAuthConfig, Lookup, Token};

use crate::harness::{eventually, within};

pub(crate) struct Set {
    pub(crate) hub: FakeHub,
    pub(crate) auth: HubAuth,
    pub(crate) clock: FakeClock,
}

pub(crate) async fn set(change: impl FnOnce(HubAuthConfig) -> HubAuthConfig) -> Set {
    let hub = FakeHub::start().await.unwrap();
    let clock = FakeClock::at(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
    let config = hub
        .config("demo")
        .unwrap()
        .with_clock(Arc::new(clock.clone()));
    let auth = HubAuth::new(change(config)).unwrap();
    Set { hub, auth, clock }
}

impl Set {
    pub(crate) async fn name(&self, token: &Token) -> Option<String> {
        self.auth
            .user_for_token(token)
            .await
            .unwrap()
            .map(|user| user.name.clone())
    }

    pub(crate) fn asked(&self) -> u64 {
        self.hub.calls("GET /user")
    }
}

#[tokio::test]
async fn an_answer_is_believed_for_its_age_and_no_longer() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    for _ in 0..5 {
        assert_eq!(set.name(&token).await.as_deref(), Some("alice"));
    }
    assert_eq!(set.asked(), 1);
    set.hub.revoke(&token);
    set.clock.advance(TimeDelta::seconds(299));
    assert_eq!(set.name(&token).await.as_deref(), Some("alice"));
    set.clock.advance(TimeDelta::seconds(1));
    assert_eq!(set.name(&token).await, None);
    assert_eq!(set.asked(), 2);
    let stats = set.auth.cache_stats();
    assert_eq!((stats.hits, stats.misses, stats.calls), (5, 2, 2));
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_lengthen_it() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    set.name(&token).await;
    set.hub.revoke(&token);
    set.clock.advance(TimeDelta::hours(-5));
    assert_eq!(set.name(&token).await, None);
}

#[tokio::test]
async fn misses_are_believed_for_seconds() {
    let set = set(|config| config).await;
    let token = Token::generate();
    for _ in 0..5 {
        assert_eq!(set.name(&token).await, None);
    }
    assert_eq!(set.asked(), 1);
    let alice = set.hub.add_user("alice");
    let identity = set.auth.client().whoami(&alice).await.unwrap().unwrap();
    set.hub.know_token(&token, identity);
    set.clock.advance(TimeDelta::seconds(3));
    assert_eq!(set.name(&token).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn errors_are_never_kept() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    for mood in [
        Mood::Status(500),
        Mood::Status(401),
        Mood::Babble("no".into()),
    ] {
        set.hub.set_mood(mood);
        assert!(set.auth.user_for_token(&token).await.is_err());
    }
    set.hub.set_mood(Mood::Good);
    assert_eq!(set.name(&token).await.as_deref(), Some("alice"));
    set.hub.set_mood(Mood::Status(503));
    assert_eq!(
        set.name(&token).await.as_deref(),
        Some("alice"),
        "who is known stays known"
    );
}

#[tokio::test]
async fn a_visitor_who_goes_away_does_not_end_the_call_of_others() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    set.hub.hold();
    let ask = || {
        let (auth, token) = (set.auth.clone(), token.clone());
        tokio::spawn(async move {
            auth.user_for_token(&token)
                .await
                .unwrap()
                .unwrap()
                .name
                .clone()
        })
    };
    let first = ask();
    eventually("the hub was asked", || set.asked() == 1).await;
    let second = ask();
    eventually("both wait", || set.auth.cache_stats().misses == 2).await;
    first.abort();
    set.hub.release();
    assert_eq!(within(10, second).await.unwrap(), "alice");
    assert_eq!(set.asked(), 1);
}

#[tokio::test]
async fn an_answer_from_before_invalidate_is_not_kept() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    set.hub.hold();
    let early = {
        let (auth, token) = (set.auth.clone(), token.clone());
        tokio::spawn(async move { auth.user_for_token(&token).await.unwrap().is_some() })
    };
    eventually("the hub was asked", || set.asked() == 1).await;
    set.auth.invalidate("", &token);
    set.hub.release();
    assert!(within(10, early).await.unwrap());
    set.hub.revoke(&token);
    assert_eq!(set.name(&token).await, None);
}

#[tokio::test]
async fn skip_asks_now_and_replaces() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    assert!(set.name(&token).await.is_some());
    set.hub.revoke(&token);
    assert!(set.name(&token).await.is_some());
    let skipped = set
        .auth
        .look_up("", &Lookup::Token(token.clone()), CacheUse::Skip)
        .await
        .unwrap();
    assert!(skipped.is_none());
    assert!(set.name(&token).await.is_none());
    assert_eq!(set.asked(), 2);
}

#[tokio::test]
async fn age_zero_asks_every_time() {
    let set = set(|config| config.with_cache_max_age(Duration::ZERO)).await;
    let token = set.hub.add_user("alice");
    for n in 1..=3 {
        assert!(set.name(&token).await.is_some());
        assert_eq!(set.asked(), n);
    }
    set.hub.revoke(&token);
    assert_eq!(set.name(&token).await, None);
}

#[tokio::test]
async fn sessions_are_kept_apart() {
    let set = set(|config| config).await;
    let lookup = Lookup::Token(set.hub.add_user("alice"));
    for session in ["", "a", "b", "a", "b", ""] {
        assert!(
            set.auth
                .look_up(session, &lookup, CacheUse::Normal)
                .await
                .unwrap()
                .is_some()
        );
    }
    assert_eq!(set.asked(), 3);
}

#[tokio::test]
async fn the_cache_is_bounded_and_misses_do_not_push_users_out() {
    let set = set(|config| config.with_cache_size(100)).await;
    let alice = set.hub.add_user("alice");
    set.name(&alice).await;
    for _ in 0..300 {
        set.name(&Token::generate()).await;
    }
    let before = set.asked();
    assert!(set.name(&alice).await.is_some());
    assert_eq!(set.asked(), before);
    for n in 0..300 {
        set.name(&set.hub.add_user(&format!("user{n}"))).await;
    }
    assert!(
        set.auth.cache_stats().size <= 100,
        "{:?}",
        set.auth.cache_stats()
    );
}

#[tokio::test]
async fn cookies_are_kept_too() {
    let set = set(|config| config).await;
    set.hub.add_cookie("jupyterhub-services", "v", "alice");
    for _ in 0..3 {
        let user = set
            .auth
            .user_for_cookie(&Token::from_config("v"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(user.name, "alice");
    }
    assert_eq!(
        set.hub
            .calls("GET /authorizations/cookie/jupyterhub-services/v"),
        1
    );
}

/// What does not hold any more must not keep new answers out.
#[tokio::test]
async fn answers_that_have_ended_are_removed() {
    let hub = FakeHub::start().await.unwrap();
    let config = hub.config("demo").unwrap();
    let age = Duration::from_millis(30);
    let config = config.with_cache_max_age(age).with_negative_max_age(age);
    let auth = HubAuth::new(config).unwrap();
    for token in [hub.add_user("alice"), Token::generate()] {
        auth.user_for_token(&token).await.unwrap();
    }
    eventually("both are gone", || {
        let stats = auth.cache_stats();
        (stats.size, stats.negative_size) == (0, 0)
    })
    .await;
}

#[tokio::test]
async fn an_age_beyond_all_calendars_is_a_long_one() {
    let set = set(|config| config.with_cache_max_age(Duration::from_secs(9_000_000_000_000))).await;
    let token = set.hub.add_user("alice");
    for _ in 0..2 {
        assert!(set.name(&token).await.is_some());
    }
    assert_eq!(set.asked(), 1);
}
