//! Cases 24-34: cookies and sessions.

mod attributes;
mod ends;

use chrono::TimeDelta;
use hub::auth::cookies::CookieKeys;
use hub_types::names::ServiceName;
use serde_json::json;

use super::{admin, count, database, is_logged_in, login_only, send_login_form};
use crate::harness::{Browser, COOKIE_SECRET, Hub, PASSWORD, Reply};
use crate::oauth::{redeem_service, service_code};
use crate::watch::Watched;

/// The keys of a hub of these tests.
fn keys() -> CookieKeys {
    CookieKeys::new(&COOKIE_SECRET)
}

#[tokio::test]
async fn case_24_tampered_cookies() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let good = browser.login.clone();
    assert!(is_logged_in(&hub, &login_only(&browser)).await);
    let mut tampered: Vec<String> = Vec::new();
    for at in 0..good.len() {
        for bit in [1, 2, 32] {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= bit;
            tampered.extend(String::from_utf8(bytes).ok());
        }
        tampered.push(good[..at].to_owned());
        tampered.push(good[at + 1..].to_owned());
    }
    let (version, rest) = good.split_once('|').unwrap();
    assert_eq!(version, "1");
    tampered.extend(["", "0", "2", "1|1", "v2"].map(|version| format!("{version}|{rest}")));
    tampered.push(format!("{good}|"));
    tampered.push(format!("{good}{good}"));
    tampered.push(good.to_uppercase());
    tampered.push("x".repeat(20 << 10));
    tampered.push(format!("1|0|{}|x", "QQ".repeat(5 << 10)));
    tampered.extend(
        [
            "|||",
            "1|9999999999999999999|eA|eA",
            "1|-1|eA|eA",
            "caf\u{e9}",
            "\u{1f36a}",
        ]
        .map(ToOwned::to_owned),
    );
    for value in tampered
        .iter()
        .filter(|value| **value != good && !value.contains(['\0', '\n', '\r']))
    {
        let cookies = format!("jupyterhub-hub-login={value}");
        if http::HeaderValue::from_str(&cookies).is_err() && value.is_ascii() {
            continue;
        }
        assert!(!is_logged_in(&hub, &cookies).await, "{value:.100}");
    }
    let reply = hub
        .request("GET", "/hub/api/user")
        .header("cookie", "jupyterhub-hub-login=x")
        .send()
        .await;
    reply.expect(403);
    hub.is_well().await;
}

#[tokio::test]
async fn case_25_cookies_under_another_name() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let now = hub.state.clock.now();
    let service = keys().service_value(&ServiceName::stored("whoami"), &browser.session_id, now);
    for (name, value) in [
        ("jupyterhub-hub-login", &browser.xsrf),
        ("jupyterhub-hub-login", &service),
        ("jupyterhub-hub-login", &browser.session_id),
        ("__Host-jupyterhub-hub-login", &browser.login),
        ("jupyterhub-services", &browser.login),
        ("jupyterhub-session-id", &browser.login),
        ("JUPYTERHUB-HUB-LOGIN", &browser.login),
        ("_xsrf", &browser.login),
    ] {
        assert!(
            !is_logged_in(&hub, &format!("{name}={value}")).await,
            "{name}"
        );
    }
    // A login value is no XSRF token, nor is a service's cookie.
    for value in [&browser.login, &service, &browser.session_id] {
        let cookies = format!("{}; _xsrf={value}", login_only(&browser));
        let call = hub
            .request("DELETE", "/hub/api/users/alice/server")
            .header("cookie", &cookies);
        call.header("x-xsrftoken", value).send().await.expect(403);
    }
    // Neither is a session's secret a token, whether the session is known already or not.
    let payload = browser.login.split('|').nth(2).unwrap();
    let payload =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let secret = String::from_utf8(payload).unwrap();
    hub.secret(&secret);
    assert!(is_logged_in(&hub, &login_only(&browser)).await);
    hub.call(&secret, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    let token = hub.token("alice", &["inherit"]).await;
    let signed = keys().login_value(&hub_types::secret::Token::from_config(token.clone()), now);
    hub.call(&token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    assert!(
        !is_logged_in(&hub, &format!("jupyterhub-hub-login={signed}")).await,
        "a token is no session"
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_26_cookies_out_of_time() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let cookies = login_only(&browser);
    for (ahead, good) in [
        (TimeDelta::days(13), true),
        (TimeDelta::days(14) - TimeDelta::seconds(1), true),
        (TimeDelta::days(14), false),
        (TimeDelta::days(15), false),
        (TimeDelta::days(4_000), false),
        // Signed in what is now the future: a clock that was set back, or somebody who knows the key.
        (-TimeDelta::minutes(4), true),
        (-TimeDelta::minutes(6), false),
        (-TimeDelta::days(365), false),
    ] {
        hub.clock.advance(ahead);
        assert_eq!(is_logged_in(&hub, &cookies).await, good, "{ahead}");
        hub.clock.advance(-ahead);
    }
    // XSRF tokens likewise, after their 31 days.
    let now = hub.state.clock.now();
    let old = hub::http::xsrf::issue(
        &keys(),
        Some(&browser.session_id),
        now - TimeDelta::days(32),
    );
    let cookies = format!("{cookies}; _xsrf={old}");
    let call = hub
        .request("DELETE", "/hub/api/users/alice/server")
        .header("cookie", &cookies);
    call.header("x-xsrftoken", &old).send().await.expect(403);
    hub.is_well().await;
}

#[tokio::test]
async fn case_30_session_fixation() {
    let hub = Watched::start().await;
    let planted = "0123456789abcdef0123456789abcdef";
    let mut ids = vec![planted.to_owned()];
    let mut cookies = format!("jupyterhub-session-id={planted}");
    for _ in 0..3 {
        let reply = send_login_form(&hub, &cookies, "", "alice", PASSWORD)
            .await
            .expect(302);
        let id = reply.cookie("jupyterhub-session-id").unwrap();
        assert!(!ids.contains(&id), "an id is used twice: {id}");
        // Whoever knows the old id, or the new one, has nothing.
        assert!(!is_logged_in(&hub, &format!("jupyterhub-session-id={id}")).await);
        cookies = format!("jupyterhub-session-id={id}");
        ids.push(id);
    }
    // A second login in the same browser ends the first session.
    let first = hub.log_in("alice").await;
    let planted = format!("{}; jupyterhub-session-id={planted}", login_only(&first));
    let page = hub
        .request("GET", "/hub/home")
        .header("cookie", &planted)
        .send()
        .await
        .expect(200);
    assert_eq!(
        page.cookie("jupyterhub-session-id").as_ref(),
        Some(&first.session_id),
        "the real id is set again"
    );
    let form = [
        ("_xsrf", first.xsrf.as_str()),
        ("username", "bob"),
        ("password", PASSWORD),
    ];
    hub.request("POST", "/hub/login")
        .browser(&first)
        .form(&form)
        .send()
        .await
        .expect(302);
    assert!(!is_logged_in(&hub, &first.cookies).await);
    hub.is_well().await;
}

#[tokio::test]
async fn case_34_cookie_secret_rotation() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let api = hub.token("alice", &["inherit"]).await;
    // A restart with the same secret: nothing is noticed.
    let hub = hub.restarted(COOKIE_SECRET, |_| {}).await;
    assert!(is_logged_in(&hub, &browser.cookies).await);
    // With another one: sessions end cleanly, tokens go on.
    let hub = hub.restarted([9; 32], |_| {}).await;
    assert!(!is_logged_in(&hub, &browser.cookies).await);
    hub.request("GET", "/hub/api/user")
        .browser(&browser)
        .send()
        .await
        .expect(403);
    hub.call(&api, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    let reply = send_login_form(&hub, &browser.cookies, "", "alice", PASSWORD)
        .await
        .expect(302);
    let cookies = format!(
        "jupyterhub-hub-login={}",
        reply.cookie("jupyterhub-hub-login").unwrap()
    );
    assert!(is_logged_in(&hub, &cookies).await);
    hub.is_well().await;
}
