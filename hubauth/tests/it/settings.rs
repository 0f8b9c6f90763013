//! Every setting of the configuration does what it says, seen from outside; and every one has its test.

mod internal_tls;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use hub_types::clock::FakeClock;
use hubauth::config::{CookieLife, CookieOptions, DefaultAccess, SameSite};
use hubauth::testing::FakeHub;
use hubauth::{HubAuth, HubAuthConfig, HubOAuth, Token};

use crate::cache::set;
use crate::harness::{Browser, PREFIX, Site};
use crate::oauth::{CALLBACK, to_callback};
use crate::websocket::{handshake, logged_in};

/// All files of these tests.
const TESTS: [&str; 12] = [
    include_str!("settings.rs"),
    include_str!("settings/internal_tls.rs"),
    include_str!("cache.rs"),
    include_str!("oauth.rs"),
    include_str!("pieces.rs"),
    include_str!("requests.rs"),
    include_str!("security.rs"),
    include_str!("security/logins.rs"),
    include_str!("security/numbers.rs"),
    include_str!("services_cookie.rs"),
    include_str!("websocket.rs"),
    include_str!("xsrf.rs"),
];

#[test]
fn no_setting_is_without_a_test() {
    let setters = include_str!("../../src/config/setters.rs");
    let names: Vec<_> = setters
        .split("pub fn ")
        .skip(1)
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let untested: Vec<_> = names
        .iter()
        .filter(|name| {
            let call = format!(".{name}(");
            !TESTS.iter().any(|text| text.contains(&call))
        })
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

/// Where a service with this configuration sends a stranger.
async fn login(change: impl FnOnce(HubAuthConfig) -> HubAuthConfig) -> String {
    let site = Site::with(change).await;
    site.get(PREFIX, &[]).await.location().to_owned()
}

#[tokio::test]
async fn where_the_login_is() {
    for (location, expected) in [
        (
            login(|config| config.with_base_url("/base/")).await,
            "/base/hub/api/oauth2/authorize?",
        ),
        (
            login(|config| config.with_hub_prefix("/elsewhere")).await,
            "/elsewhere/api/oauth2/authorize?",
        ),
        (
            login(|config| config.with_hub_host("https://hub.test")).await,
            "https://hub.test/hub/api/oauth2/authorize?",
        ),
        (
            login(|config| config.with_authorization_url("https://login.test/go?a=b")).await,
            "https://login.test/go?a=b&",
        ),
        (
            login(|config| config.with_client_id("service-other")).await,
            "/hub/api/oauth2/authorize?",
        ),
    ] {
        assert!(location.starts_with(expected), "{location}");
    }
    let other = login(|config| config.with_client_id("service-other")).await;
    assert!(other.contains("client_id=service-other"), "{other}");
}

#[test]
fn one_setting_moves_no_other_that_was_given() {
    let new = || HubAuthConfig::new(Token::from_config("t")).unwrap();
    let moved = new().with_base_url("/base/");
    assert_eq!(moved.api_url, "http://127.0.0.1:8081/base/hub/api");
    let given = new().with_api_url("http://hub/api").with_base_url("/base/");
    assert_eq!(given.api_url, "http://hub/api");
    let given = new()
        .with_callback_url("/elsewhere/back")
        .with_service_prefix("/services/demo/");
    assert_eq!(given.callback_url, "/elsewhere/back");
    let listens = new().with_service_url("http://127.0.0.1:9000/");
    let address = listens.listen_address().unwrap();
    assert_eq!(address, ("127.0.0.1".to_owned(), 9000));
}

#[tokio::test]
async fn where_a_code_becomes_a_token() {
    let other = FakeHub::start().await.unwrap();
    let token_url = format!("{}/oauth2/token", other.api_url());
    let site = Site::with(|config| config.with_token_url(token_url)).await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let callback = to_callback(&mut browser, &site, PREFIX).await;
    // The other hub knows neither the client nor its code.
    let reply = browser.get(&site, &callback).await;
    assert!(reply.status().is_server_error(), "{reply:?}");
    assert_eq!(other.calls("POST /oauth2/token"), 1);
    assert_eq!(site.hub.calls("POST /oauth2/token"), 0);
}

#[tokio::test]
async fn how_long_a_login_may_take() {
    let clock = FakeClock::at(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
    let ours = Arc::new(clock.clone());
    let site = Site::with(|config| {
        config
            .with_clock(ours)
            .with_state_max_age(Duration::from_secs(30))
    })
    .await;
    site.hub.log_in(Some("alice"));
    for (seconds, expected) in [(29, StatusCode::FOUND), (30, StatusCode::FORBIDDEN)] {
        let mut browser = Browser::new();
        let callback = to_callback(&mut browser, &site, PREFIX).await;
        clock.advance(TimeDelta::seconds(seconds));
        let reply = browser.get(&site, &callback).await;
        assert_eq!(reply.status(), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn which_scopes_let_in() {
    let scope = "access:services!service=chosen".parse().unwrap();
    let site = Site::with(|config| config.with_access_scopes([scope])).await;
    let nobody = Site::with(|config| config.with_access_scopes([])).await;
    for (have, expected) in [
        ("access:services!service=chosen", StatusCode::OK),
        ("access:services", StatusCode::OK),
        ("access:services!service=demo", StatusCode::FORBIDDEN),
    ] {
        let ask = async |site: &Site| {
            let token = site.hub.add_user_with("alice", &[], &[have]);
            let value = format!("token {}", token.expose());
            site.get(PREFIX, &[("authorization", &value)]).await
        };
        assert_eq!(ask(&site).await.status(), expected, "{have}");
        let closed = ask(&nobody).await;
        assert_eq!(closed.status(), StatusCode::FORBIDDEN, "no scopes at all");
    }
    // Without any scope: decided by the rule alone.
    for (access, expected) in [
        (DefaultAccess::AnyUser, StatusCode::OK),
        (DefaultAccess::Nobody, StatusCode::FORBIDDEN),
    ] {
        let site = Site::with(|config| config.with_access(access)).await;
        let token = site.hub.add_user_with("alice", &[], &[]);
        let value = format!("token {}", token.expose());
        let reply = site.get(PREFIX, &[("authorization", &value)]).await;
        assert_eq!(reply.status(), expected);
    }
}

#[tokio::test]
async fn where_the_service_is() {
    let site = Site::with(|config| config.with_service_prefix("/moved/here")).await;
    let stranger = site.get("/moved/here/deep/page", &[]).await;
    let callback = "redirect_uri=%2Fmoved%2Fhere%2Foauth_callback";
    assert!(stranger.location().contains(callback), "{stranger:?}");
    let cookies = stranger.set_cookies();
    assert!(
        cookies
            .iter()
            .all(|cookie| cookie.path().unwrap().starts_with("/moved/here/")),
        "{cookies:?}"
    );
    assert_eq!(site.get(PREFIX, &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn how_cookies_are_set() {
    let options = {
        let mut options = CookieOptions::default();
        options.same_site = SameSite::Strict;
        options.secure = Some(true);
        options.domain = Some("test.example".into());
        options.life = CookieLife::AtMost(Duration::from_secs(60));
        options
    };
    let site = Site::with(|config| config.with_cookie_options(options)).await;
    let host = Site::with(|config| config.with_cookie_host_prefix(true)).await;
    for (site, name, expected) in [
        (
            &site,
            "service-demo=",
            &[
                "SameSite=Strict",
                "Secure",
                "Domain=test.example",
                "Max-Age=60",
                "Path=/services/demo/",
            ][..],
        ),
        (
            &host,
            "__Host-service-demo=",
            &["Secure", "Path=/", "HttpOnly"][..],
        ),
    ] {
        site.hub.log_in(Some("alice"));
        let mut browser = Browser::new();
        let callback = to_callback(&mut browser, site, PREFIX).await;
        let reply = browser.get(site, &callback).await;
        let cookies: Vec<_> = reply
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        let cookie = cookies.iter().find(|cookie| cookie.starts_with(name));
        let cookie = cookie.unwrap_or_else(|| panic!("{name} in {cookies:?}"));
        let attributes: Vec<_> = cookie.split("; ").collect();
        for wanted in expected {
            assert!(attributes.contains(wanted), "{wanted} in {cookie}");
        }
        assert!(
            !(name.starts_with("__Host-") && cookie.contains("Domain=")),
            "{cookie}"
        );
    }
}

/// Replicas that share the key know each other's logins; a service with another key does not.
#[tokio::test]
async fn whose_cookies_count() {
    let hub = FakeHub::start().await.unwrap();
    let alice = hub.add_user("alice");
    let config = hub.config("demo").unwrap();
    let with_key =
        |key: &str| HubOAuth::new(config.clone().with_cookie_key(Token::from_config(key))).unwrap();
    let (first, replica, stranger) = (
        with_key("one key of the replicas"),
        with_key("one key of the replicas"),
        with_key("another key"),
    );
    let parts = |cookie: &str| {
        let request = http::Request::get(PREFIX).header("cookie", cookie);
        request.body(()).unwrap().into_parts().0
    };
    // A page that is opened with a token in its URL becomes a login.
    let opened = http::Request::get(format!("{PREFIX}?token={}", alice.expose()))
        .body(())
        .unwrap()
        .into_parts()
        .0;
    let opening = HubOAuth::new(
        first
            .config()
            .clone()
            .with_token_in_url(true)
            .with_cookie_key(Token::from_config("one key of the replicas")),
    )
    .unwrap();
    let found = opening.recognise(&opened).await.unwrap();
    let cookie = found.set_cookies[0].to_str().unwrap();
    let pair = cookie.split(';').next().unwrap();
    for (hub, expected) in [(&first, true), (&replica, true), (&stranger, false)] {
        let user = hub.user_for_request(&parts(pair)).await.unwrap();
        assert_eq!(user.is_some(), expected);
    }
}

#[tokio::test]
async fn how_long_answers_are_believed() {
    let one = set(|config| config.with_cookie_cache_max_age(Duration::from_secs(10))).await;
    let token = one.hub.add_user("alice");
    for (seconds, asked) in [(0, 1), (9, 1), (1, 2)] {
        one.clock.advance(TimeDelta::seconds(seconds));
        assert!(one.name(&token).await.is_some());
        assert_eq!(one.asked(), asked, "{seconds} s later");
    }
    let other = set(|config| config.with_negative_max_age(Duration::from_secs(60))).await;
    let unknown = Token::generate();
    for (seconds, asked) in [(0, 1), (59, 1), (1, 2)] {
        other.clock.advance(TimeDelta::seconds(seconds));
        assert!(other.name(&unknown).await.is_none());
        assert_eq!(other.asked(), asked, "{seconds} s later");
    }
}

#[tokio::test]
async fn which_cookie_of_the_hub_counts() {
    let hub = FakeHub::start().await.unwrap();
    hub.add_cookie("of-old", "v", "alice");
    let config = hub.config("demo").unwrap().with_cookie_name("of-old");
    let auth = HubAuth::new(config.with_cookie_auth(true)).unwrap();
    let value = Token::from_config("v");
    let user = auth.user_for_cookie(&value).await.unwrap().unwrap();
    assert_eq!(user.name, "alice");
    assert_eq!(hub.calls("GET /authorizations/cookie/of-old/v"), 1);
    for (cookie, expected) in [("of-old=v", true), ("jupyterhub-services=v", false)] {
        let request = http::Request::get(PREFIX).header("cookie", cookie);
        let parts = request.body(()).unwrap().into_parts().0;
        let user = auth.user_for_request(&parts).await.unwrap();
        assert_eq!(user.is_some(), expected, "{cookie}");
    }
}

#[tokio::test]
async fn whether_websockets_take_cookies() {
    for (allow, expected) in [(true, StatusCode::OK), (false, StatusCode::FOUND)] {
        let site = Site::with(|config| config.with_websocket_cookie_auth(allow)).await;
        let mut browser = logged_in(&site).await;
        let reply = browser
            .send(&site, handshake(&[("origin", "http://site.test")]))
            .await;
        assert_eq!(reply.status(), expected, "{allow}");
    }
}

/// Who sent a request, without any framework.
#[tokio::test]
async fn requests_without_a_layer() {
    let hub = FakeHub::start().await.unwrap();
    let token = hub.add_user("alice");
    let config = hub.config("demo").unwrap();
    let auth = HubAuth::new(config.clone()).unwrap();
    let oauth = HubOAuth::new(config).unwrap();
    let parts = |value: &str| {
        let request = http::Request::get(CALLBACK).header("authorization", value);
        request.body(()).unwrap().into_parts().0
    };
    let good = parts(&format!("Bearer {}", token.expose()));
    for (request, expected) in [
        (&good, Some("alice")),
        (&parts("token unknown"), None),
        (&parts("Basic eDp5"), None),
    ] {
        for found in [
            auth.user_for_request(request).await.unwrap(),
            oauth.user_for_request(request).await.unwrap(),
        ] {
            assert_eq!(found.as_ref().map(|user| user.name.as_str()), expected);
        }
    }
}
