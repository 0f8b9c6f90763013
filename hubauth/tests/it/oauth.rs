//! The login flow, end to end.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use hub_types::clock::FakeClock;
use hubauth::testing::Mood;

use crate::harness::{Browser, PREFIX, Site};

pub(crate) const CALLBACK: &str = "/services/demo/oauth_callback";

/// Runs the first half of a login: gives the URL of the callback.
pub(crate) async fn to_callback(browser: &mut Browser, site: &Site, path: &str) -> String {
    let start = browser.get(site, path).await;
    assert_eq!(start.status(), StatusCode::FOUND, "{start:?}");
    let authorize = start.location().to_owned();
    let back = browser.get(site, &authorize).await;
    assert_eq!(back.status(), StatusCode::FOUND, "{back:?}");
    back.location().to_owned()
}

fn state_cookies(browser: &Browser) -> usize {
    browser
        .names()
        .iter()
        .filter(|name| name.contains("-oauth-state-"))
        .count()
}

#[tokio::test]
async fn a_login() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let start = browser
        .get(&site, "/services/demo/deep/page?x=1&token=t")
        .await;
    assert!(
        start.location().starts_with("/hub/api/oauth2/authorize?"),
        "{}",
        start.location()
    );
    for part in [
        "client_id=service-demo",
        "redirect_uri=%2Fservices%2Fdemo%2Foauth_callback",
        "response_type=code",
        "code_challenge_method=S256",
        "code_challenge=",
        "state=",
    ] {
        assert!(
            start.location().contains(part),
            "{part} in {}",
            start.location()
        );
    }
    let cookie = &start.set_cookies()[0];
    assert!(cookie.name().starts_with("service-demo-oauth-state-"));
    assert_eq!(
        (cookie.path(), cookie.http_only()),
        (Some(PREFIX), Some(true))
    );
    assert_eq!(cookie.max_age().unwrap().whole_seconds(), 600);

    let end = browser
        .open(&site, "/services/demo/deep/page?x=1&token=t")
        .await;
    assert_eq!((end.status(), end.body()), (StatusCode::OK, "hello alice"));
    assert_eq!(state_cookies(&browser), 0);
    assert!(browser.names().contains(&"service-demo") && browser.names().contains(&"_xsrf"));
    assert_eq!(site.hub.calls("POST /oauth2/token"), 1);
    assert_eq!(site.hub.calls("GET /user"), 1);
    browser.open(&site, PREFIX).await;
    assert_eq!(site.hub.calls("GET /user"), 1);
}

#[tokio::test]
async fn the_visitor_comes_back_to_where_they_wanted() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let callback = to_callback(
        &mut browser,
        &site,
        "/services/demo/deep/page?x=1&token=t&y",
    )
    .await;
    let end = browser.get(&site, &callback).await;
    assert_eq!(end.location(), "/services/demo/deep/page?x=1&y");
    assert_eq!(end.headers()["referrer-policy"], "no-referrer");
    assert_eq!(end.headers()["cache-control"], "no-store");
    let cookie = end
        .set_cookies()
        .into_iter()
        .find(|cookie| cookie.name() == "service-demo")
        .unwrap();
    assert_eq!(
        (cookie.path(), cookie.http_only(), cookie.secure()),
        (Some(PREFIX), Some(true), None)
    );
    assert_eq!(cookie.same_site(), Some(cookie::SameSite::Lax));
    assert_eq!(cookie.max_age().unwrap().whole_days(), 14);
}

#[tokio::test]
async fn callbacks_that_are_wrong() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    for (query, status) in [
        ("", 400),
        ("?code=c", 400),
        ("?state=s", 400),
        ("?error=access_denied&error_description=%3Cb%3E", 400),
        ("?code=c&state=junk", 403),
    ] {
        let reply = Browser::new()
            .get(&site, &format!("{CALLBACK}{query}"))
            .await;
        assert_eq!(reply.status(), status, "{query}");
        assert!(reply.set_cookies().is_empty());
        assert!(!reply.body().contains("<b>"));
    }
    assert_eq!(site.hub.calls("POST /oauth2/token"), 0);
}

#[tokio::test]
async fn a_state_of_another_browser_is_refused() {
    let site = Site::start().await;
    site.hub.log_in(Some("mallory"));
    let mut attacker = Browser::new();
    let callback = to_callback(&mut attacker, &site, PREFIX).await;
    let mut victim = Browser::new();
    assert_eq!(
        victim.get(&site, &callback).await.status(),
        StatusCode::FORBIDDEN
    );
    victim.get(&site, PREFIX).await;
    let reply = victim.get(&site, &callback).await;
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert!(!victim.names().contains(&"service-demo"));
    assert_eq!(site.hub.calls("POST /oauth2/token"), 0);
}

#[tokio::test]
async fn a_state_works_once() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let callback = to_callback(&mut browser, &site, PREFIX).await;
    let mut copy = browser.clone();
    assert_eq!(
        browser.get(&site, &callback).await.status(),
        StatusCode::FOUND
    );
    let replay = copy.get(&site, &callback).await;
    assert_eq!(
        (replay.status(), replay.set_cookies().len()),
        (StatusCode::FORBIDDEN, 0)
    );
    // In the browser that is logged in, the link just leads on; no second exchange.
    let again = browser.get(&site, &callback).await;
    assert_eq!((again.location(), again.set_cookies().len()), (PREFIX, 0));
    assert_eq!(site.hub.calls("POST /oauth2/token"), 1);
}

#[tokio::test]
async fn a_login_may_not_take_for_ever() {
    let clock = FakeClock::at(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
    let ours: Arc<FakeClock> = Arc::new(clock.clone());
    let site = Site::with(|config| config.with_clock(ours)).await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let callback = to_callback(&mut browser, &site, PREFIX).await;
    clock.advance(TimeDelta::seconds(601));
    assert_eq!(
        browser.get(&site, &callback).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn parallel_tabs_all_finish() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    // Truly parallel: no tab has seen the cookies of another when it starts.
    let mut callbacks = Vec::new();
    for n in 0..20 {
        let mut tab = Browser::new();
        callbacks.push(
            to_callback(
                &mut tab,
                &site,
                &format!("/services/demo/deep/page?tab={n}"),
            )
            .await,
        );
        for name in tab.names() {
            let path = if name.contains("-oauth-state-") {
                PREFIX
            } else {
                "/"
            };
            browser.set(name, path, tab.value(name).unwrap());
        }
    }
    assert_eq!(state_cookies(&browser), 20);
    for (n, callback) in callbacks.iter().enumerate() {
        let reply = browser.get(&site, callback).await;
        assert_eq!(
            reply.location(),
            format!("/services/demo/deep/page?tab={n}"),
            "{reply:?}"
        );
    }
    assert_eq!(browser.open(&site, PREFIX).await.body(), "hello alice");
    // Tabs that are opened one after the other share a cookie.
    let mut later = Browser::new();
    later.get(&site, PREFIX).await;
    later.get(&site, &format!("{PREFIX}deep/page")).await;
    assert_eq!(state_cookies(&later), 1);
}

#[tokio::test]
async fn case_16_two_hundred_browsers_at_once() {
    let site = Arc::new(Site::start().await);
    site.hub.log_in(Some("alice"));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { Browser::new().open(&site, PREFIX).await.body().to_owned() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "hello alice");
    }
}

#[tokio::test]
async fn a_revoked_token_leads_to_a_new_login() {
    let site = Site::with(|config| config.with_cache_max_age(std::time::Duration::ZERO)).await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    browser.open(&site, PREFIX).await;
    site.hub.revoke_all("alice");
    let reply = browser.get(&site, PREFIX).await;
    assert!(
        reply.location().starts_with("/hub/api/oauth2/authorize"),
        "{reply:?}"
    );
    assert!(
        !browser.names().contains(&"service-demo"),
        "the dead cookie is gone"
    );
    assert_eq!(browser.open(&site, PREFIX).await.body(), "hello alice");
}

#[tokio::test]
async fn logout_ends_the_login_here_and_goes_on_to_the_hub() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    browser.open(&site, PREFIX).await;
    let copy = browser.clone();
    let reply = browser.get(&site, &format!("{PREFIX}logout")).await;
    assert_eq!(reply.location(), "/hub/logout");
    assert!(!browser.names().contains(&"service-demo"));
    // The hub revokes the tokens of the session; a copied cookie is refused at once, because the answer was forgotten.
    site.hub.revoke_all("alice");
    let mut copy = copy;
    assert_eq!(copy.get(&site, PREFIX).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn cookies_of_others_do_not_count() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    browser.open(&site, PREFIX).await;
    let genuine = browser.value("service-demo").unwrap().to_owned();
    browser.set("service-demo", "/services/demo/deep/", "planted");
    assert_eq!(
        browser
            .get(&site, &format!("{PREFIX}deep/page"))
            .await
            .body(),
        "hello alice"
    );
    for bad in [
        "",
        "x",
        &genuine[1..],
        &format!("{genuine}A"),
        &"A".repeat(20_000),
    ] {
        let mut other = Browser::new();
        other.set("service-demo", "/", bad);
        let reply = other.get(&site, PREFIX).await;
        assert_eq!(reply.status(), StatusCode::FOUND, "{}", bad.len());
    }
    // Another service with another key and name cannot read it.
    let elsewhere = Site::start().await;
    assert_eq!(
        browser.get(&elsewhere, PREFIX).await.status(),
        StatusCode::FOUND
    );
}

#[tokio::test]
async fn a_hub_that_fails_in_the_middle_of_a_login() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    for (mood, status) in [
        (Mood::Status(500), StatusCode::BAD_GATEWAY),
        (Mood::Status(403), StatusCode::INTERNAL_SERVER_ERROR),
        (Mood::Status(400), StatusCode::INTERNAL_SERVER_ERROR),
        (Mood::Babble("{}".into()), StatusCode::BAD_GATEWAY),
    ] {
        let mut browser = Browser::new();
        let callback = to_callback(&mut browser, &site, PREFIX).await;
        site.hub.set_mood(mood.clone());
        let reply = browser.get(&site, &callback).await;
        site.hub.set_mood(Mood::Good);
        assert_eq!(reply.status(), status, "{mood:?} {}", reply.body());
        assert!(!browser.names().contains(&"service-demo"));
        assert_eq!(
            browser.open(&site, PREFIX).await.body(),
            "hello alice",
            "the next try works"
        );
    }
}

#[tokio::test]
async fn the_layer_answers_the_callback_where_nothing_else_does() {
    use hubauth::HubUser;
    use tower::{Layer as _, ServiceExt as _};
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let callback = to_callback(&mut browser, &site, PREFIX).await;
    let cookies: Vec<String> = browser
        .names()
        .iter()
        .map(|name| format!("{name}={}", browser.value(name).unwrap()))
        .collect();
    let inner = tower::service_fn(|request: http::Request<()>| async move {
        let known = request.extensions().get::<HubUser>().is_some();
        Ok::<_, std::convert::Infallible>(http::Response::new(known.to_string()))
    });
    let service = site.auth.layer().layer(inner);
    let request = http::Request::get(&callback)
        .header("cookie", cookies.join("; "))
        .body(())
        .unwrap();
    let reply = service.oneshot(request).await.unwrap();
    assert_eq!(reply.headers()["location"], PREFIX);
    assert_eq!(site.hub.calls("POST /oauth2/token"), 1);
}

#[tokio::test]
async fn behind_https_cookies_are_secure() {
    let site = Site::start().await;
    let reply = site
        .get(PREFIX, &[("x-forwarded-proto", "https,http")])
        .await;
    assert_eq!(reply.set_cookies()[0].secure(), Some(true));
}

#[tokio::test]
async fn the_prefix_without_its_slash_leads_there() {
    let site = Site::start().await;
    assert_eq!(site.get("/services/demo", &[]).await.location(), PREFIX);
}

#[tokio::test]
async fn what_the_hub_reports_is_one_line_and_what_it_is_stays_inside() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    let reported = "?error=x&error_description=a%0d%0a2026-01-01%20INFO%20forged%1b[2J";
    let reply = browser.get(&site, &format!("{CALLBACK}{reported}")).await;
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    let body = reply.body();
    assert!(
        body.contains("forged") && !body.contains(['\r', '\u{1b}']),
        "{body}"
    );
    assert!(
        !body.contains("\n2026") && !body.contains("\\n2026"),
        "{body}"
    );

    let callback = to_callback(&mut browser, &site, PREFIX).await;
    site.hub.set_mood(Mood::Status(400));
    let reply = browser.get(&site, &callback).await;
    assert!(reply.status().is_server_error());
    let body = reply.body();
    assert!(
        !body.contains("127.0.0.1") && !body.contains("/hub/api"),
        "{body}"
    );
}

#[tokio::test]
async fn no_secret_of_a_login_is_shown() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    browser.open(&site, PREFIX).await;
    let cookie = browser.value("service-demo").unwrap();
    let line = format!("service-demo={cookie}; jupyterhub-session-id=s");
    let request = http::Request::get(PREFIX)
        .header("cookie", &line)
        .body(())
        .unwrap();
    let found = site.auth.recognise(&request.into_parts().0).await.unwrap();
    let xsrf = found.xsrf.clone().unwrap();
    let shown = format!(
        "{found:?} {:?} {:?}",
        found.set_cookies,
        hubauth::XsrfToken(xsrf.clone())
    );
    assert!(shown.contains("alice") && !shown.contains(&xsrf), "{shown}");
}
