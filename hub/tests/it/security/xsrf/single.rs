//! Cases 36-41: single ways around the XSRF check.

use super::*;

#[tokio::test]
async fn case_36_no_cors_posts() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    for site in ["cross-site", "same-site"] {
        for path in [
            "/hub/spawn",
            "/hub/spawn/alice",
            "/hub/spawn/alice/gpu",
            "/hub/accept-share",
            "/hub/home/stop-server",
            "/hub/token/revoke",
        ] {
            let reply = hub
                .request("POST", path)
                .browser(&browser)
                .header("sec-fetch-mode", "no-cors")
                .header("sec-fetch-site", site)
                .form(&[("server", "gpu"), ("id", "a1"), ("code", "x")])
                .send()
                .await;
            assert!(
                [403, 404].contains(&reply.status.as_u16()),
                "{path}: {reply:?}"
            );
            assert!(
                !reply.body.contains(&browser.xsrf),
                "{path}: no form comes back with a token"
            );
        }
    }
    assert_eq!(database(&hub).await, before);
    hub.is_well().await;
}

#[tokio::test]
async fn case_37_websocket_mode_is_no_exemption() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    let challenge = challenge();
    let authorize = format!(
        "{AUTHORIZE}?{}",
        query(&usual("service-whoami", SERVICE_CALLBACK, &challenge))
    );
    for (method, path) in [
        ("POST", "/hub/login"),
        ("POST", "/hub/spawn"),
        ("POST", "/hub/token"),
        ("POST", &authorize),
        ("POST", "/hub/api/users/alice/tokens"),
        ("DELETE", "/hub/api/users/alice/servers/gpu"),
        ("GET", "/hub/api/users"),
    ] {
        for upgrade in [false, true] {
            let mut call = hub
                .request(method, path)
                .browser(&browser)
                .header("sec-fetch-mode", "websocket");
            if upgrade {
                call = call
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket");
            }
            let form = [("username", "alice"), ("password", PASSWORD)];
            let call = if path.starts_with("/hub/api/users") {
                call.json(&json!({}))
            } else {
                call.form(&form)
            };
            call.send().await.expect(403);
        }
    }
    assert_eq!(database(&hub).await, before);
    hub.is_well().await;
}

#[tokio::test]
async fn case_38_json_api_with_a_cookie() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    let post = || hub.request("POST", "/hub/api/users").browser(&browser);
    let text = r#"{"usernames": ["eve"]}"#;
    for (kind, token) in [
        (Some("application/json"), false),
        (None, false),
        (Some("text/plain"), true),
        (Some("text/plain; charset=utf-8"), true),
        (Some("application/x-www-form-urlencoded"), true),
        (Some("multipart/form-data; boundary=x"), true),
        (Some("application/jsonx"), true),
        (Some("text/plain, application/json"), true),
        (Some(""), true),
    ] {
        let mut call = post().text(text);
        if let Some(kind) = kind {
            call = call.header("content-type", kind);
        }
        if token {
            call = call.header("x-xsrftoken", &browser.xsrf);
        }
        call.send().await.expect(403);
    }
    let wrong = post()
        .header("content-type", "application/json")
        .header("x-xsrftoken", &browser.xsrf);
    wrong
        .bytes(b"{\"usernames\": [\"\xff\xfe\"]}")
        .send()
        .await
        .expect(400);
    assert_eq!(database(&hub).await, before);
    // The control: with everything right it works.
    let right = post()
        .text(text)
        .header("content-type", "application/json; charset=utf-8");
    right
        .header("x-xsrftoken", &browser.xsrf)
        .send()
        .await
        .expect(201);
    hub.is_well().await;
}

#[tokio::test]
async fn case_39_tokens_of_others() {
    let (hub, browser) = with_admin().await;
    let second = hub.log_in("alice").await;
    let bob = hub.log_in("bob").await;
    let now = hub.state.clock.now();
    let anonymous = xsrf::issue(&hub.state.cookies, None, now);
    let stranger = xsrf::issue(
        &hub::auth::cookies::CookieKeys::new(&[1; 32]),
        Some(&browser.session_id),
        now,
    );
    let of_service = hub::domain::session::sign(
        &[5; 32],
        "_xsrf",
        &format!("session:{}", browser.session_id),
        now,
    );
    let before = database(&hub).await;
    let post = |cookie: &str, shown: &str| {
        let cookies = format!("jupyterhub-hub-login={}; _xsrf={cookie}", browser.login);
        let call = hub
            .request("POST", "/hub/api/users/alice/tokens")
            .header("cookie", &cookies);
        call.header("x-xsrftoken", shown).json(&json!({})).send()
    };
    for foreign in [&second.xsrf, &bob.xsrf, &anonymous, &stranger, &of_service] {
        // As header alone, as both, as cookie alone.
        post(&browser.xsrf, foreign).await.expect(403);
        post(foreign, foreign).await.expect(403);
        post(foreign, &browser.xsrf).await.expect(403);
    }
    assert_eq!(database(&hub).await, before);
    post(&browser.xsrf, &browser.xsrf).await.expect(201);
    // The token of before the login is worth nothing after it, nor one of a session that has ended.
    let form = |cookies: &str, shown: &str| {
        let fields = [("_xsrf", shown), ("note", "x")];
        hub.request("POST", "/hub/token")
            .header("cookie", cookies)
            .form(&fields)
            .send()
    };
    let cookies = format!("jupyterhub-hub-login={}; _xsrf={anonymous}", browser.login);
    let tokens = count(&hub, "SELECT COUNT(*) FROM tokens").await;
    form(&cookies, &anonymous).await.expect(403);
    hub.request("GET", "/hub/logout")
        .browser(&second)
        .send()
        .await
        .expect(302);
    form(&second.cookies, &second.xsrf).await.expect(403);
    let cookies = format!(
        "jupyterhub-hub-login={}; _xsrf={}",
        browser.login, second.xsrf
    );
    form(&cookies, &second.xsrf).await.expect(403);
    assert_eq!(count(&hub, "SELECT COUNT(*) FROM tokens").await, tokens);
    hub.is_well().await;
}

/// A server of a user shares the host with the hub, where users have no hosts of their own: its scripts run in the browsers of
/// all who visit it.
#[tokio::test]
async fn case_39_scripts_of_servers_read_no_page_and_send_no_form() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    let by_script = |method: &'static str, path: &'static str, mode: &'static str| {
        let call = hub.request(method, path).browser(&browser);
        call.header("host", "127.0.0.1:8000")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-dest", "empty")
            .header("referer", "http://127.0.0.1:8000/user/bob/")
    };
    for mode in ["cors", "same-origin", "no-cors"] {
        for path in [
            "/hub/home",
            "/hub/token",
            "/hub/spawn",
            "/hub/spawn/alice/gpu",
            "/hub/manage/alice/gpu",
            "/hub/admin",
            "/hub/admin/user?name=bob",
            "/hub/nope",
            "/hub/error/404",
            "/hub/api/users",
        ] {
            for method in ["GET", "HEAD"] {
                let reply = by_script(method, path, mode).send().await;
                let open = ["/hub/nope", "/hub/error/404"].contains(&path)
                    || (method, path) == ("HEAD", "/hub/api/users");
                assert!(open || reply.status == 403, "{mode} {path}: {reply:?}");
                assert!(
                    !reply.body.contains(&browser.xsrf),
                    "{mode} {path}: {reply:?}"
                );
                assert!(reply.cookie("_xsrf").is_none(), "{mode} {path}");
            }
        }
        // Even with the token, as a popup might have told it.
        for (path, form) in [
            ("/hub/spawn", [("x", "")]),
            ("/hub/home/new-server", [("display_name", "Lab")]),
            ("/hub/token", [("note", "x")]),
            ("/hub/logout", [("x", "")]),
            ("/hub/admin/add-users", [("names", "eve")]),
        ] {
            let form = [("_xsrf", browser.xsrf.as_str()), form[0]];
            let reply = by_script("POST", path, mode)
                .form(&form)
                .send()
                .await
                .expect(403);
            assert!(
                reply.body.contains("No page of the hub sent this form"),
                "{reply:?}"
            );
        }
    }
    // A form in its page, and one in a frame, are navigations.
    for (dest, referer) in [("document", "/user/bob/"), ("iframe", "/hub/home")] {
        let referer = format!("http://127.0.0.1:8000{referer}");
        let call = hub.request("POST", "/hub/token").browser(&browser);
        let call = call
            .header("host", "127.0.0.1:8000")
            .header("sec-fetch-mode", "navigate");
        let call = call
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-dest", dest);
        let form = [("_xsrf", browser.xsrf.as_str()), ("note", "x")];
        call.header("referer", &referer)
            .form(&form)
            .send()
            .await
            .expect(403);
    }
    assert_eq!(database(&hub).await, before);
    // Scripts of our own pages show the token, and read.
    let call = by_script("GET", "/hub/home", "cors").header("x-xsrftoken", &browser.xsrf);
    let page = call.send().await.expect(200);
    assert!(page.body.contains(&browser.xsrf));
    // Who has the page in a window of their own has no hold of it, and nobody has it in a frame.
    for path in [
        "/hub/home",
        "/hub/nope",
        "/hub/static/favicon.svg",
        "/hub/api/",
        "/hub/health",
    ] {
        let reply = hub.request("GET", path).browser(&browser).send().await;
        assert_eq!(
            reply.header("cross-origin-opener-policy"),
            "noopener-allow-popups",
            "{path}"
        );
        assert!(
            reply
                .header("content-security-policy")
                .contains("frame-ancestors 'none'"),
            "{path}"
        );
    }
    // What a page asks of its own server that has stopped is answered as before.
    by_script("GET", "/hub/user/alice/api/status", "cors")
        .send()
        .await
        .expect(424);
    hub.is_well().await;
}

/// Over plain HTTP browsers say nothing of where a link was, but for the `Referer`.
#[tokio::test]
async fn case_40_links_over_plain_http() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    let asks = |path: &'static str, referer: &'static str| {
        let call = hub
            .request("GET", path)
            .browser(&browser)
            .header("host", "127.0.0.1:8000");
        let call = match referer {
            "" => call,
            _ => call.header("referer", referer),
        };
        call.send()
    };
    let (ours, bobs, evil) = (
        "http://127.0.0.1:8000/hub/home",
        "http://127.0.0.1:8000/user/bob/",
        "http://evil.example/",
    );
    for (path, referer) in [
        ("/hub/spawn", evil),
        ("/hub/spawn/alice/gpu", evil),
        ("/hub/spawn?opt-a=1", evil),
        ("/hub/spawn?opt-a=1", bobs),
        ("/hub/spawn?opt-a=1", ours),
        ("/hub/spawn?opt-a=1", ""),
        ("/hub/spawn/alice/gpu?a=1", ""),
    ] {
        let page = asks(path, referer).await.expect(200);
        assert!(
            page.body.contains("spawn_form"),
            "{path} from {referer:?} asks first"
        );
    }
    assert_eq!(database(&hub).await, before);
    // Our own link, and an address without options that somebody typed.
    for (path, referer) in [("/hub/spawn", ours), ("/hub/spawn/alice/gpu", "")] {
        asks(path, referer).await.expect(302);
    }
    hub.state.manager.idle().await;
    assert_eq!(hub.proxy.0.lock().unwrap().len(), 2);
    hub.is_well().await;
}

/// Asks for a page by GET as a link, picture or frame on some page does.
async fn by_get(hub: &Hub, browser: &Browser, path: &str, mode: &str, site: &str) -> Reply {
    let call = hub.request("GET", path).browser(browser);
    call.header("sec-fetch-mode", mode)
        .header("sec-fetch-site", site)
        .send()
        .await
}

#[tokio::test]
async fn case_40_changes_by_get() {
    let (hub, browser) = with_admin().await;
    let before = database(&hub).await;
    for (mode, site) in [
        ("navigate", "cross-site"),
        ("navigate", "same-site"),
        ("no-cors", "cross-site"),
        ("cors", "cross-site"),
    ] {
        for path in [
            "/hub/spawn",
            "/hub/spawn/alice",
            "/hub/spawn/alice/gpu",
            "/hub/spawn/bob",
        ] {
            let reply = by_get(&hub, &browser, path, mode, site).await;
            match mode {
                "navigate" => assert!(reply.body.contains("spawn_form"), "{path} asks first"),
                // No script gets a page without the token (case 39).
                _ => assert_eq!(reply.status.as_u16(), 403, "{path}"),
            }
        }
        for path in [
            "/hub/token",
            "/hub/home",
            "/hub/login",
            "/hub/spawn-pending/alice",
            "/hub/home/stop-server",
            "/hub/token/revoke",
            "/hub/accept-share?code=x",
        ] {
            by_get(&hub, &browser, path, mode, site).await;
        }
    }
    // A frame in a page of a server on this host.
    for dest in ["iframe", "frame", "object", "embed"] {
        let call = hub.request("GET", "/hub/spawn").browser(&browser);
        let call = call
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "navigate");
        let page = call.header("sec-fetch-dest", dest).send().await.expect(200);
        assert!(page.body.contains("spawn_form"), "{dest} asks first");
    }
    assert_eq!(database(&hub).await, before);
    // One's own link does start it.
    by_get(&hub, &browser, "/hub/spawn", "navigate", "same-origin")
        .await
        .expect(302);
    assert_ne!(database(&hub).await, before);
    // Logging out by a link of another site: ends that browser's own session, nobody else's, and stops nothing.
    let (other, bob) = (hub.log_in("alice").await, hub.log_in("bob").await);
    by_get(&hub, &browser, "/hub/logout", "navigate", "cross-site")
        .await
        .expect(302);
    for (who, lives) in [(&browser, false), (&other, true), (&bob, true)] {
        assert_eq!(is_logged_in(&hub, &who.cookies).await, lives);
    }
    assert_eq!(hub.proxy.0.lock().unwrap().len(), 1, "the server goes on");
    hub.is_well().await;
}

#[tokio::test]
async fn case_41_cors() {
    let (hub, browser) = with_admin().await;
    let me = hub.token("alice", &["inherit"]).await;
    for path in [
        "/hub/api",
        "/hub/api/",
        "/hub/api/users",
        "/hub/api/user",
        "/hub/api/users/alice/tokens",
        "/hub/api/nope",
        "/hub/home",
        "/hub/login",
        "/hub/api/oauth2/token",
        "/hub/health",
    ] {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8000"] {
            for method in ["OPTIONS", "GET"] {
                for token in [true, false] {
                    let call = hub
                        .request(method, path)
                        .header("origin", origin)
                        .header("access-control-request-method", "POST")
                        .header(
                            "access-control-request-headers",
                            "authorization, x-xsrftoken",
                        );
                    let call = match token {
                        true => call.header("authorization", &format!("token {me}")),
                        false => call.browser(&browser),
                    };
                    let reply = call.send().await;
                    assert_eq!(
                        reply.header("access-control-allow-credentials"),
                        "",
                        "{method} {path}"
                    );
                    let root = matches!(path, "/hub/api" | "/hub/api/");
                    let allowed = reply.header("access-control-allow-origin");
                    // The root says only which version this is.
                    assert!(
                        allowed.is_empty() || (root && allowed == "*"),
                        "{method} {path}: {allowed}"
                    );
                }
            }
        }
    }
    hub.is_well().await;
}
