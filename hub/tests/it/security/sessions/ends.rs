//! Cases 27-29: how sessions end.

use super::*;

/// A session of alice with everything that hangs on it.
struct Everything {
    browser: Browser,
    /// Of the service `whoami`, by OAuth.
    oauth_token: String,
    /// The cookie of the service `old`.
    service_cookie: String,
}

async fn with_everything() -> (Watched, Everything) {
    let hub = Watched::with(|config| {
        config.jupyterhub.services[1].cookie_auth = true;
    })
    .await;
    let everything = everything(&hub).await;
    (hub, everything)
}

async fn everything(hub: &Hub) -> Everything {
    let browser = hub.log_in("alice").await;
    let code = service_code(hub, &browser, &[]).await;
    let body = redeem_service(hub, &code).await.expect(200).json();
    let back = hub
        .request("GET", "/hub/login?next=%2Fservices%2Fwhoami%2F")
        .browser(&browser);
    let back = back.send().await.expect(302);
    Everything {
        browser,
        oauth_token: body["access_token"].as_str().unwrap().to_owned(),
        service_cookie: back.cookie("jupyterhub-services").unwrap(),
    }
}

/// Which of the credentials of a session still work: page, API, OAuth token, the cookie look-ups.
async fn works(hub: &Hub, had: &Everything) -> [bool; 5] {
    let ok = |reply: Reply| match reply.status.as_u16() {
        // Of whose session it is not everybody hears: `{}` to some.
        200 => true,
        403 | 404 => false,
        _ => panic!("{reply:?}"),
    };
    let api = hub
        .request("GET", "/hub/api/user")
        .browser(&had.browser)
        .send()
        .await;
    let token = hub
        .call(&had.oauth_token, "GET", "/hub/api/user")
        .send()
        .await;
    let look_up = |name: &str, value: &str| {
        let path = format!(
            "/hub/api/authorizations/cookie/{name}/{}",
            value.replace('|', "%7C")
        );
        hub.call(crate::harness::WHOAMI_TOKEN, "GET", &path)
    };
    let login = look_up("jupyterhub-hub-login", &had.browser.login)
        .send()
        .await;
    let service = look_up("jupyterhub-services", &had.service_cookie)
        .send()
        .await;
    [
        is_logged_in(hub, &had.browser.cookies).await,
        ok(api),
        ok(token),
        ok(login),
        ok(service),
    ]
}

const ALL: [bool; 5] = [true; 5];
const NONE: [bool; 5] = [false; 5];

#[tokio::test]
async fn case_27_replay_after_logout() {
    let (hub, had) = with_everything().await;
    let other = everything(&hub).await;
    assert_eq!(works(&hub, &had).await, ALL);
    let reply = hub
        .request("GET", "/hub/logout")
        .browser(&had.browser)
        .send()
        .await
        .expect(302);
    assert_eq!(reply.header("location"), "/hub/login");
    // At once, in the very next request; other browsers of the same user go on.
    assert_eq!(works(&hub, &had).await, NONE);
    assert_eq!(works(&hub, &other).await, ALL);
    hub.is_well().await;
}

#[tokio::test]
async fn case_28_logout_during_traffic() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let tabs = (0..24).map(|tab| {
        let (hub, browser) = (&hub, &browser);
        async move {
            let mut fresh = Vec::new();
            for _ in 0..4 {
                let page = hub
                    .request("GET", "/hub/home")
                    .browser(browser)
                    .send()
                    .await;
                fresh.extend(page.set_cookies());
                if tab == 11 {
                    hub.request("GET", "/hub/logout")
                        .browser(browser)
                        .send()
                        .await;
                }
                let challenge = crate::oauth::challenge();
                let query = crate::oauth::usual(
                    "service-whoami",
                    crate::oauth::SERVICE_CALLBACK,
                    &challenge,
                );
                let path = format!(
                    "{}?{}",
                    crate::oauth::AUTHORIZE,
                    crate::oauth::query(&query)
                );
                let confirmed = hub
                    .request("POST", &path)
                    .browser(browser)
                    .form(&[("_xsrf", &browser.xsrf)])
                    .send()
                    .await;
                fresh.extend(confirmed.set_cookies());
                if let Some(code) = confirmed.location_argument("code") {
                    redeem_service(hub, &code).await;
                }
            }
            fresh
        }
    });
    let fresh = futures_util::future::join_all(tabs).await.concat();
    assert_eq!(
        count(
            &hub,
            "SELECT COUNT(*) FROM tokens WHERE session_id IS NOT NULL"
        )
        .await,
        0,
        "no token outlived the logout"
    );
    assert!(!is_logged_in(&hub, &browser.cookies).await);
    for (name, value) in fresh
        .iter()
        .filter(|(name, _)| name == "jupyterhub-hub-login")
    {
        let value = value.split(';').next().unwrap();
        assert!(
            !is_logged_in(&hub, &format!("{name}={value}")).await,
            "a fresh login appeared"
        );
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_29_logout_everywhere() {
    let (hub, had) = with_everything().await;
    let other = everything(&hub).await;
    let api_token = hub.token("alice", &["inherit"]).await;
    let bob = hub.log_in("bob").await;
    let everywhere = |xsrf: &str| {
        hub.request("POST", "/hub/logout")
            .browser(&had.browser)
            .form(&[("_xsrf", xsrf)])
    };
    everywhere("wrong").send().await.expect(403);
    assert_eq!(works(&hub, &had).await, ALL);
    everywhere(&had.browser.xsrf).send().await.expect(302);
    assert_eq!(
        [works(&hub, &had).await, works(&hub, &other).await],
        [NONE, NONE]
    );
    assert!(is_logged_in(&hub, &bob.cookies).await);
    hub.call(&api_token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);

    // By an administrator, or with a token; not by others.
    let had = everything(&hub).await;
    let admin = admin(&hub).await;
    let mallory = hub.token("bob", &["inherit"]).await;
    let sessions = "/hub/api/users/alice/sessions";
    hub.call(&mallory, "DELETE", sessions)
        .send()
        .await
        .expect(404);
    let narrow = hub.token("alice", &["read:tokens!user"]).await;
    hub.call(&narrow, "DELETE", sessions)
        .send()
        .await
        .expect(403);
    hub.call(&admin, "DELETE", "/hub/api/users/nobody/sessions")
        .send()
        .await
        .expect(404);
    assert_eq!(works(&hub, &had).await, ALL);
    hub.call(&admin, "DELETE", sessions)
        .send()
        .await
        .expect(204);
    assert_eq!(works(&hub, &had).await, NONE);
    hub.is_well().await;
}

#[tokio::test]
async fn case_29_sessions_of_users_who_are_deleted_renamed_or_blocked() {
    let alice = "/hub/api/users/alice";
    // Deleted; somebody else takes the name.
    let (hub, had) = with_everything().await;
    let (root, api_token) = (admin(&hub).await, hub.token("alice", &["inherit"]).await);
    hub.call(&root, "DELETE", alice).send().await.expect(204);
    assert_eq!(works(&hub, &had).await, NONE);
    hub.call(&root, "POST", alice).send().await.expect(201);
    assert_eq!(works(&hub, &had).await, NONE);
    hub.call(&api_token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    hub.is_well().await;

    // Renamed; the new name has none of it, nor has somebody new under the old one.
    let (hub, had) = with_everything().await;
    let (root, api_token) = (admin(&hub).await, hub.token("alice", &["inherit"]).await);
    let rename = hub
        .call(&root, "PATCH", alice)
        .json(&json!({"name": "alicia"}));
    rename.send().await.expect(200);
    assert_eq!(works(&hub, &had).await, NONE);
    hub.call(&api_token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    hub.call(&root, "POST", alice).send().await.expect(201);
    let fresh = hub.token("alice", &["inherit"]).await;
    for path in ["/hub/api/users/alicia", "/hub/api/users/alicia/tokens"] {
        hub.call(&fresh, "GET", path).send().await.expect(404);
    }
    let model = hub
        .call(&fresh, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["groups"], &model["admin"]),
        (&json!([]), &json!(false))
    );
    assert!(
        !model["scopes"].to_string().contains("access:services"),
        "the old alice's role: {model}"
    );
    hub.is_well().await;

    // Blocked, at the next start.
    let (hub, had) = with_everything().await;
    let api_token = hub.token("bob", &["inherit"]).await;
    let bob = hub.log_in("bob").await;
    let hub = hub
        .restarted(COOKIE_SECRET, |config| {
            config.authenticator.blocked_users.insert(" BOB ".into());
        })
        .await;
    assert!(!is_logged_in(&hub, &bob.cookies).await);
    hub.call(&api_token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    assert_eq!(works(&hub, &had).await, ALL, "nobody else is touched");
    hub.is_well().await;
}
