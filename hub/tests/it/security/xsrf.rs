//! Cases 35-41: what a page elsewhere can make a browser do.

mod single;

use chrono::TimeDelta;
use hub::http::xsrf;
use serde_json::json;

use super::{count, database, is_logged_in};
use crate::harness::{Browser, Call, Hub, PASSWORD, Reply};
use crate::oauth::{AUTHORIZE, SERVICE_CALLBACK, challenge, query, usual};
use crate::watch::Watched;

/// How a browser describes a request that a page made: headers, and whether the page is one of another origin.
const ORIGINS: [(&str, &[(&str, &str)]); 9] = [
    ("no headers", &[]),
    (
        "cors, cross-site",
        &[
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
    ),
    (
        "no-cors, cross-site",
        &[
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
    ),
    (
        "navigate, cross-site",
        &[
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
    ),
    (
        "no-cors, same-site",
        &[
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://evil.127.0.0.1:8000"),
        ],
    ),
    (
        "same-origin, wrong token",
        &[
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "same-origin"),
            ("x-xsrftoken", "1|1|x|y"),
        ],
    ),
    (
        "websocket",
        &[
            ("sec-fetch-mode", "websocket"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
    ),
    ("Origin: null", &[("origin", "null")]),
    (
        "a user's server on a host of its own",
        &[
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://mallory.hub.example"),
        ],
    ),
];

/// What a call sends.
enum Body {
    None,
    Form(&'static [(&'static str, &'static str)]),
    Json(&'static str),
}

/// The calls that change something: a name, method, path, body.
const CALLS: [(&str, &str, &str, Body); 14] = [
    (
        "login",
        "POST",
        "/hub/login",
        Body::Form(&[("username", "bob"), ("password", PASSWORD)]),
    ),
    ("spawn", "POST", "/hub/spawn", Body::Form(&[])),
    ("spawn by GET", "GET", "/hub/spawn", Body::None),
    (
        "accept-share",
        "POST",
        "/hub/accept-share?code=x",
        Body::Form(&[("code", "x")]),
    ),
    (
        "authorize",
        "POST",
        "/hub/api/oauth2/authorize?client_id=service-whoami&response_type=code",
        Body::Form(&[("scopes", "read:users!user")]),
    ),
    ("logout everywhere", "POST", "/hub/logout", Body::Form(&[])),
    (
        "token by form",
        "POST",
        "/hub/token",
        Body::Form(&[("note", "x")]),
    ),
    (
        "token by API",
        "POST",
        "/hub/api/users/alice/tokens",
        Body::Json("{}"),
    ),
    (
        "server start",
        "POST",
        "/hub/api/users/alice/server",
        Body::Json("{}"),
    ),
    (
        "server stop",
        "DELETE",
        "/hub/api/users/alice/servers/gpu",
        Body::Json("{\"remove\": true}"),
    ),
    (
        "user create",
        "POST",
        "/hub/api/users",
        Body::Json("{\"usernames\": [\"eve\"]}"),
    ),
    (
        "activity",
        "POST",
        "/hub/api/users/alice/activity",
        Body::Json("{\"last_activity\": \"2026-11-22T03:31:00Z\"}"),
    ),
    (
        "share",
        "POST",
        "/hub/api/shares/alice/",
        Body::Json("{\"user\": \"bob\"}"),
    ),
    (
        "csp-report",
        "POST",
        "/hub/security/csp-report",
        Body::Json("{}"),
    ),
];

fn call<'a>(
    hub: &'a Hub,
    browser: &Browser,
    (method, path, body): (&str, &str, &Body),
) -> Call<'a> {
    let call = hub
        .request(method, path)
        .browser(browser)
        .header("host", "127.0.0.1:8000");
    match body {
        Body::None => call,
        Body::Form(fields) => call.form(fields),
        Body::Json(text) => call.text(text).header("content-type", "application/json"),
    }
}

/// A hub whose alice is an administrator with a named server: whatever is not refused would change something.
async fn with_admin() -> (Watched, Browser) {
    let hub = Watched::with(|config| {
        config.authenticator.admin_users.insert("alice".into());
    })
    .await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "PUT", "/hub/api/users/alice/servers/gpu")
        .send()
        .await
        .expect(201);
    let browser = hub.log_in("alice").await;
    // So that activity can be reported which is newer than the login.
    hub.clock.advance(TimeDelta::minutes(1));
    (hub, browser)
}

#[tokio::test]
async fn case_35_the_whole_matrix() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    let mut cells = 0;
    for (origin, headers) in ORIGINS {
        for (name, method, path, body) in &CALLS {
            // A link that somebody clicked here may start the server: that is what the page is for (case 40).
            let own_link = *name == "spawn by GET"
                && !headers
                    .iter()
                    .any(|(_, value)| value.ends_with("-site") || *value == "null");
            if own_link {
                cells += 1;
                continue;
            }
            let mut request = call(&hub, &browser, (method, path, body));
            for (key, value) in headers {
                request = request.header(key, value);
            }
            let reply = request.send().await;
            let status = reply.status.as_u16();
            assert!(
                !reply.headers.contains_key("set-cookie") || *name != "login",
                "{name}, {origin}: {reply:?}"
            );
            match (*name, status) {
                ("spawn by GET", 200) => {
                    assert!(reply.body.contains("spawn_form"), "{origin}: asks first");
                }
                // Logs a line at most.
                ("csp-report", 200)
                    if !headers
                        .iter()
                        .any(|(_, value)| value.ends_with("-site") || *value == "null") => {}
                (_, 403..=405) => {}
                _ => panic!("{name}, {origin}: {status} {reply:?}"),
            }
            assert_eq!(
                database(&hub).await,
                before,
                "{name}, {origin}: something was changed"
            );
            cells += 1;
        }
    }
    assert_eq!(cells, 126);
    assert!(
        hub.proxy.0.lock().unwrap().is_empty(),
        "no server was started"
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_35_the_same_calls_with_the_token_do_something() {
    // The matrix could pass because the calls are wrong: with the page's token each of them works.
    for (name, method, path, body) in CALLS
        .iter()
        .filter(|(name, ..)| !["accept-share", "share", "spawn by GET"].contains(name))
    {
        let (hub, browser) = with_admin().await;
        let before = database(&hub).await;
        let mut request = call(&hub, &browser, (method, path, body));
        request = request
            .header("sec-fetch-site", "same-origin")
            .header("x-xsrftoken", &browser.xsrf);
        let reply = request.send().await;
        assert!(reply.status.as_u16() < 400, "{name}: {reply:?}");
        let same = database(&hub).await == before;
        assert_eq!(same, *name == "csp-report", "{name}");
    }
}
