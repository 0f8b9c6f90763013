//! The numbered cases of the security catalogue that concern the SDK: 16 and 21 (the client's half of a login), and 112 to 119
//! (the SDK and its cache).

mod logins;
mod numbers;
mod redirects;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chrono::TimeDelta;
use http::{Method, StatusCode};
use hubauth::resolve::BoxFuture;
use hubauth::testing::{FakeHub, Mood};
use hubauth::{
    CacheUse, ClientError, HubAuth, HubAuthConfig, Identity, LoginEnd, LoginWatch, Lookup, Resolve,
    Token,
};
use tokio::sync::oneshot;

use crate::cache::set;
use crate::harness::{PREFIX, Site, eventually, request, serve, within};
use crate::websocket::{handshake, logged_in};

#[tokio::test]
async fn case_112_a_revoked_token_works_no_longer_than_the_cache_says() {
    let set = set(|config| config).await;
    // Each is revoked at another age of its answer; refused in 100 of 100.
    for n in 0..100 {
        let token = set.hub.add_user(&format!("user{n}"));
        assert!(set.name(&token).await.is_some());
        set.clock.advance(TimeDelta::seconds(3 * n));
        set.hub.revoke(&token);
        set.clock.advance(TimeDelta::seconds(300 - 3 * n));
        assert_eq!(set.name(&token).await, None, "{n}");
    }
    let token = set.hub.add_user("alice");
    assert!(set.name(&token).await.is_some());
    set.hub.revoke(&token);
    let lookup = Lookup::Token(token.clone());
    let now = set.auth.look_up("", &lookup, CacheUse::Skip).await.unwrap();
    assert!(now.is_none(), "at once, where the cache is left out");
}

#[tokio::test]
async fn case_112_without_a_cache_it_ends_at_once() {
    let set = set(|config| config.with_cache_max_age(Duration::ZERO)).await;
    for n in 0..100 {
        let token = set.hub.add_user(&format!("user{n}"));
        assert!(set.name(&token).await.is_some());
        set.hub.revoke(&token);
        assert_eq!(set.name(&token).await, None, "{n}");
    }
}

#[tokio::test]
async fn case_113_misses_are_short_and_errors_never_kept() {
    let set = set(|config| config).await;
    let token = Token::generate();
    assert_eq!(set.name(&token).await, None);
    let alice = set.hub.add_user("alice");
    let identity = set.auth.client().whoami(&alice).await.unwrap().unwrap();
    set.hub.know_token(&token, identity);
    set.clock.advance(TimeDelta::seconds(3));
    assert_eq!(set.name(&token).await.as_deref(), Some("alice"));

    let late = set.hub.add_user("late");
    for mood in [
        Mood::Status(500),
        Mood::Status(503),
        Mood::Status(429),
        Mood::Status(404),
        Mood::Babble("{}".into()),
        Mood::Broken(2),
    ] {
        set.hub.set_mood(mood.clone());
        assert!(set.auth.user_for_token(&late).await.is_err(), "{mood:?}");
    }
    set.hub.set_mood(Mood::Good);
    assert_eq!(set.name(&late).await.as_deref(), Some("late"));
}

#[tokio::test]
async fn case_114_websockets_are_checked_like_pages() {
    let site = Site::start().await;
    let token = site.hub.add_user("alice");
    let mut browser = logged_in(&site).await;
    for (extra, expected) in [
        (vec![], StatusCode::OK),
        (vec![("origin", "http://site.test")], StatusCode::OK),
        (vec![("origin", "http://evil.test")], StatusCode::FOUND),
        (vec![("origin", "null")], StatusCode::FOUND),
    ] {
        let reply = browser.send(&site, handshake(&extra)).await;
        assert_eq!(reply.status(), expected, "a cookie with {extra:?}");
    }
    let path = format!("{PREFIX}?token={}", token.expose());
    for (mode, expected) in [
        ("websocket", StatusCode::OK),
        ("navigate", StatusCode::FOUND),
    ] {
        let asked = request(Method::GET, &path, &[("sec-fetch-mode", mode)]);
        assert_eq!(
            site.send(asked).await.status(),
            expected,
            "a token in the query, {mode}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn case_114_a_socket_is_told_when_its_login_ends() {
    let hub = FakeHub::start().await.unwrap();
    let token = hub.add_user("alice");
    let config = hub
        .config("demo")
        .unwrap()
        .with_cache_max_age(Duration::from_secs(60));
    let auth = HubAuth::new(config).unwrap();
    let (sender, opened) = oneshot::channel();
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let app = Router::new()
        .route(
            "/",
            get(async move |watch: LoginWatch| {
                if let Some(sender) = sender.lock().unwrap().take() {
                    sender.send(watch).unwrap();
                }
            }),
        )
        .layer(auth.layer());
    let origin = format!("http://{}/", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let authorization = format!("token {}", token.expose());
    let page = request(Method::GET, &origin, &[("authorization", &authorization)]);
    assert_eq!(
        http.request(page).await.unwrap().status(),
        400,
        "not a WebSocket"
    );
    let socket = [
        ("authorization", authorization.as_str()),
        ("upgrade", "websocket"),
        ("connection", "keep-alive"),
    ];
    let reply = http
        .request(request(Method::GET, &origin, &socket))
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    let watch = opened.await.unwrap();

    assert_eq!(watch.look().await, None);
    hub.set_mood(Mood::Status(500));
    auth.invalidate_all();
    assert_eq!(watch.look().await, None, "a hub that is away ends nothing");
    hub.set_mood(Mood::Good);
    let ended = tokio::spawn(async move { watch.ended().await });
    // It has just been asked and believed; that lengthens nothing.
    hub.revoke(&token);
    let end = tokio::time::timeout(Duration::from_secs(61), ended).await;
    assert_eq!(end.unwrap().unwrap(), LoginEnd::Unknown);
}

#[tokio::test]
async fn case_115_five_thousand_at_once_make_one_call() {
    let set = set(|config| config).await;
    let token = set.hub.add_user("alice");
    set.hub.hold();
    let tasks: Vec<_> = (0..5_000)
        .map(|_| {
            let (auth, token) = (set.auth.clone(), token.clone());
            tokio::spawn(async move {
                let user = auth.user_for_token(&token).await.unwrap().unwrap();
                user.name.clone()
            })
        })
        .collect();
    eventually("all are waiting", || set.auth.cache_stats().misses == 5_000).await;
    eventually("the hub was asked", || set.asked() == 1).await;
    set.hub.release();
    for task in tasks {
        assert_eq!(within(10, task).await.unwrap(), "alice");
    }
    assert_eq!(set.asked(), 1);
}

#[tokio::test]
async fn case_115_five_thousand_wrong_tokens_are_bounded() {
    let set = set(|config| config).await;
    let alice = set.hub.add_user("alice");
    assert!(set.name(&alice).await.is_some());
    let tasks: Vec<_> = (0..5_000)
        .map(|_| {
            let auth = set.auth.clone();
            tokio::spawn(async move { auth.user_for_token(&Token::generate()).await })
        })
        .collect();
    for task in tasks {
        match within(60, task).await.unwrap() {
            Ok(user) => assert!(user.is_none()),
            Err(error) => assert_eq!(error.status_for_visitor(), 503, "{error}"),
        }
    }
    assert_eq!(set.auth.cache_stats().size, 1);
    let asked = set.asked();
    assert!(set.name(&alice).await.is_some());
    assert_eq!(set.asked(), asked, "who is known is not pushed out");
}

#[tokio::test]
async fn case_116_a_token_for_one_service_is_none_for_another() {
    let site = Site::start().await;
    for (scope, expected) in [
        ("access:services!service=demo", StatusCode::OK),
        ("access:services", StatusCode::OK),
        ("access:services!service=other", StatusCode::FORBIDDEN),
        ("access:servers", StatusCode::FORBIDDEN),
    ] {
        let token = site.hub.add_user_with("alice", &[], &[scope]);
        let value = format!("token {}", token.expose());
        let reply = site.get(PREFIX, &[("authorization", &value)]).await;
        assert_eq!(reply.status(), expected, "{scope}");
    }
}

#[tokio::test]
async fn case_119_a_hub_that_is_away_slow_or_wrong_lets_nobody_new_in() {
    let evil = FakeHub::start().await.unwrap();
    let site = Site::start().await;
    let known = format!("token {}", site.hub.add_user("alice").expose());
    let new = format!("token {}", site.hub.add_user("zoe").expose());
    let ask = async |value: &str| site.get(PREFIX, &[("authorization", value)]).await;
    assert_eq!(ask(&known).await.status(), StatusCode::OK);
    for (mood, expected) in [
        (Mood::Status(500), StatusCode::BAD_GATEWAY),
        (Mood::Status(401), StatusCode::BAD_GATEWAY),
        (Mood::Status(200), StatusCode::BAD_GATEWAY),
        (Mood::Babble("<html>".into()), StatusCode::BAD_GATEWAY),
        (
            Mood::Babble(r#"{"name": "root"}"#.into()),
            StatusCode::BAD_GATEWAY,
        ),
        (
            Mood::Redirect(format!("{}/user", evil.api_url())),
            StatusCode::BAD_GATEWAY,
        ),
        (Mood::Broken(2), StatusCode::SERVICE_UNAVAILABLE),
        (Mood::Silent, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        site.hub.set_mood(mood.clone());
        let reply = within(5, ask(&new)).await;
        assert_eq!(reply.status(), expected, "{mood:?}");
        assert_eq!(
            ask(&known).await.status(),
            StatusCode::OK,
            "who is known goes on"
        );
    }
    assert!(evil.all_calls().is_empty(), "no token went elsewhere");
}

/// Never answers.
struct Hangs;

impl Resolve for Hangs {
    fn resolve<'a>(
        &'a self,
        _: &'a Lookup,
    ) -> BoxFuture<'a, Result<Option<Identity>, ClientError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn case_119_what_hangs_is_given_up() {
    let config = HubAuthConfig::new(Token::from_config("t")).unwrap();
    let auth = HubAuth::with_resolver(config, Arc::new(Hangs)).unwrap();
    let token = Token::from_config("x");
    for _ in 0..2 {
        let start = tokio::time::Instant::now();
        let error = auth.user_for_token(&token).await.unwrap_err();
        assert_eq!(error.status_for_visitor(), 503);
        assert!(start.elapsed() < Duration::from_secs(5), "{error}");
    }
}
