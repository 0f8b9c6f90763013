//! What holds for every URL of the API: methods, unknown URLs, headers, credentials, XSRF.

use serde_json::json;

use crate::harness::{CULLER_TOKEN, Hub, WHOAMI_TOKEN};

#[tokio::test]
async fn the_root_is_for_anybody() {
    let hub = Hub::start().await;
    for path in ["/hub/api", "/hub/api/"] {
        let reply = hub.request("GET", path).send().await.expect(200);
        assert_eq!(reply.json(), json!({ "version": "6.1.1" }));
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("x-jupyterhub-version"), "6.1.1");
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(
            reply.header("content-security-policy"),
            "frame-ancestors 'none'; report-uri /hub/security/csp-report; default-src 'none'"
        );
    }
    for (method, path) in [
        ("GET", "/hub/health"),
        ("HEAD", "/hub/health"),
        ("GET", "/hub/api/health"),
        ("HEAD", "/hub/api/health"),
    ] {
        let reply = hub.request(method, path).send().await.expect(200);
        assert_eq!(reply.body, "");
    }
}

/// Ours: whether the hub can do its work.
#[tokio::test]
async fn ready_when_the_database_answers_and_the_proxy_has_its_routes() {
    let hub = Hub::start().await;
    let paths = ["/hub/health?ready", "/hub/api/health?ready=1"];
    let refused = async |why: &str| {
        for path in paths {
            let reply = hub.request("GET", path).send().await.expect(503);
            assert_eq!(reply.header("retry-after"), "5");
            assert_eq!(reply.error(), (503, Some(why.to_owned())));
            hub.request("HEAD", path).send().await.expect(503);
        }
        hub.request("GET", "/hub/health").send().await.expect(200);
    };
    let routes = "The proxy has not been told all of its routes.";
    refused(routes).await;
    hub.state.routes.check().await.unwrap();
    for path in paths {
        let reply = hub.request("GET", path).send().await.expect(200);
        assert_eq!(reply.body, "");
    }
    hub.state.routes.mark_dirty();
    refused(routes).await;
    hub.state.routes.check().await.unwrap();
    hub.state.db.read().lose().await.unwrap();
    refused("The database does not answer.").await;
    hub.state.shutdown.cancel();
    refused("The hub is stopping.").await;
}

#[tokio::test]
async fn methods_and_unknown_urls() {
    let hub = Hub::start().await;
    for path in [
        "/hub/api",
        "/hub/api/users",
        "/hub/api/users/alice/server/progress",
    ] {
        let reply = hub
            .request("OPTIONS", path)
            .header("origin", "http://evil")
            .send()
            .await
            .expect(200);
        assert_eq!(reply.body, "");
        assert_eq!(
            reply.header("access-control-allow-headers"),
            "accept, content-type, authorization"
        );
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    for (method, path, status) in [
        ("GET", "/hub/api/nope", 404),
        ("OPTIONS", "/hub/api/nope/x", 404),
        ("POST", "/hub/api/nope/deeper", 404),
        ("GET", "/hub/api/users/", 404),
        ("GET", "/hub/api/users/alice/", 404),
        ("GET", "/hub/api/services/", 404),
        ("DELETE", "/hub/api/users", 405),
        ("PUT", "/hub/api/users/alice", 405),
        ("POST", "/hub/api/user", 405),
        ("GET", "/hub/api/shutdown", 405),
        ("PUT", "/hub/api/proxy", 405),
        ("GET", "/hub/api/oauth2/token", 405),
    ] {
        let reply = hub.request(method, path).send().await;
        assert_eq!(reply.error(), (status, None), "{method} {path}");
    }
}

#[tokio::test]
async fn credentials() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    for header in [
        format!("token {alice}"),
        format!("TOKEN {alice}"),
        format!("bEaReR  {alice}"),
    ] {
        hub.request("GET", "/hub/api/user")
            .header("authorization", &header)
            .send()
            .await
            .expect(200);
    }
    let missing = (403, Some("Missing or invalid credentials.".to_owned()));
    for header in [
        format!("Basic {alice}"),
        alice.clone(),
        "token unknown".into(),
        format!("token {alice} x"),
        format!("token {}", "a".repeat(100_000)),
    ] {
        let reply = hub
            .request("GET", "/hub/api/users")
            .header("authorization", &header)
            .send()
            .await;
        assert_eq!(reply.error(), missing);
        let reply = hub
            .request("GET", "/hub/api/user")
            .header("authorization", &header)
            .send()
            .await;
        assert_eq!(reply.error(), (403, None));
    }
    let in_query = hub
        .request("GET", &format!("/hub/api/users?token={alice}"))
        .send()
        .await;
    assert_eq!(in_query.error(), missing);
}

#[tokio::test]
async fn cookies_need_a_token_of_the_page() {
    let hub = Hub::start().await;
    let browser = hub.log_in("admin").await;
    let get = |path: &str| hub.request("GET", path).browser(&browser);
    get("/hub/api/users").send().await.expect(200);
    get("/hub/api/users")
        .header("sec-fetch-mode", "navigate")
        .send()
        .await
        .expect(200);
    let fetch = get("/hub/api/users")
        .header("sec-fetch-mode", "cors")
        .send()
        .await;
    assert_eq!(
        fetch.error(),
        (403, Some("'_xsrf' argument missing from GET".into()))
    );
    get(&format!("/hub/api/users?_xsrf={}", browser.xsrf))
        .header("sec-fetch-mode", "cors")
        .send()
        .await
        .expect(200);

    let post = || {
        hub.request("POST", "/hub/api/users")
            .browser(&browser)
            .json(&json!({ "usernames": ["zoe"] }))
    };
    assert_eq!(
        post().send().await.error(),
        (403, Some("'_xsrf' argument missing from POST".into()))
    );
    let other = hub.log_in("admin").await;
    let wrong = post().header("x-xsrftoken", &other.xsrf).send().await;
    assert_eq!(
        wrong.error(),
        (403, Some("XSRF cookie does not match POST argument".into()))
    );
    post()
        .header("x-xsrftoken", &browser.xsrf)
        .send()
        .await
        .expect(201);
    let form = hub
        .request("POST", "/hub/api/users")
        .browser(&browser)
        .form(&[("usernames", "x")]);
    let form = form.header("x-xsrftoken", &browser.xsrf).send().await;
    assert_eq!(
        form.error(),
        (403, Some("Missing or invalid credentials.".into()))
    );
    // A token may come with any type: curl's default is a form's.
    let admin = hub.token("admin", &["inherit"]).await;
    let curl = hub
        .call(&admin, "POST", "/hub/api/users")
        .header("content-type", "application/x-www-form-urlencoded");
    curl.text(r#"{"usernames": ["yan"]}"#)
        .send()
        .await
        .expect(201);
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        "{",
        "junk",
        "{\"usernames\": [\"a\",]}",
        "\u{feff}{}",
        &deep,
    ] {
        let reply = hub
            .call(&admin, "POST", "/hub/api/users")
            .text(body)
            .send()
            .await;
        assert_eq!(
            reply.error(),
            (400, Some("Invalid JSON in body of request".into())),
            "{body:.20}"
        );
    }
    let large = "x".repeat(2 << 20);
    let look_up = "/hub/api/authorizations/cookie/jupyterhub-hub-login";
    for (method, path) in [
        ("POST", "/hub/api/users"),
        ("POST", "/hub/api/oauth2/token"),
        ("GET", look_up),
    ] {
        let reply = hub.call(&admin, method, path).text(&large).send().await;
        let (status, message) = reply.error();
        assert_eq!(status, 413, "{path}");
        assert!(message.unwrap().contains("larger than"), "{path}");
    }
    // What is wrong with a body is only for those who may ask.
    let reply = hub.request("GET", look_up).text(&large).send().await;
    assert_eq!(reply.error(), (403, None));
}

#[tokio::test]
async fn shutdown_is_told_before_it_happens() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let alice = hub.token("alice", &["inherit"]).await;
    hub.call(&alice, "POST", "/hub/api/shutdown")
        .send()
        .await
        .expect(403);
    let reply = hub
        .call(&admin, "POST", "/hub/api/shutdown")
        .json(&json!({ "proxy": "maybe" }))
        .send()
        .await;
    assert_eq!(
        reply.error(),
        (400, Some("proxy must be true or false, got 'maybe'".into()))
    );
    assert!(!hub.state.shutdown.is_cancelled());
    let reply = hub
        .call(&admin, "POST", "/hub/api/shutdown")
        .json(&json!({ "servers": true }))
        .send()
        .await
        .expect(202);
    assert_eq!(reply.json(), json!({ "message": "Shutting down Hub" }));
    assert!(hub.state.shutdown.is_cancelled());
    let request = *hub.state.shutdown_request.lock().unwrap();
    assert_eq!((request.servers, request.proxy), (Some(true), None));
}

#[tokio::test]
async fn look_ups_of_old_services() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["(no_scope)"]).await;
    let browser = hub.log_in("alice").await;
    let path = format!("/hub/api/authorizations/token/{alice}");
    assert_eq!(hub.request("GET", &path).send().await.error(), (403, None));
    assert_eq!(
        hub.request("GET", &path)
            .browser(&browser)
            .send()
            .await
            .error(),
        (403, None)
    );
    let model = hub
        .call(CULLER_TOKEN, "GET", &path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["kind"], &model["name"], &model["groups"]),
        (&json!("user"), &json!("alice"), &json!([]))
    );
    let gone = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/authorizations/token/unknown")
        .send()
        .await;
    assert_eq!(gone.error(), (404, None));
    assert_eq!(
        hub.request("POST", "/hub/api/authorizations/token")
            .send()
            .await
            .error()
            .0,
        404
    );

    let value = browser.login.replace('|', "%7C");
    let cookie = |name: &str, value: &str| format!("/hub/api/authorizations/cookie/{name}/{value}");
    let reply = hub
        .call(CULLER_TOKEN, "GET", &cookie("jupyterhub-hub-login", &value))
        .send()
        .await
        .expect(200);
    assert_eq!(reply.json()["name"], "alice");
    // Of a login callers hear what they may read anyway.
    let path = cookie("jupyterhub-hub-login", &value);
    let reply = hub.call(WHOAMI_TOKEN, "GET", &path).send().await;
    assert_eq!(reply.expect(200).json(), json!({}));
    for path in [
        cookie("jupyterhub-services", &value),
        cookie("jupyterhub-hub-login", "junk"),
    ] {
        assert_eq!(
            hub.call(CULLER_TOKEN, "GET", &path).send().await.error(),
            (404, None),
            "{path}"
        );
    }
}

#[tokio::test]
async fn whoever_has_the_answer_already_gets_none() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    for path in ["/hub/api", "/hub/api/users", "/hub/api/groups/lab"] {
        let reply = hub.call(&admin, "GET", path).send().await.expect(200);
        let tag = reply.header("etag").to_owned();
        assert!(tag.len() == 42 && tag.starts_with('"'), "{path}: {tag}");
        for condition in [&tag, &format!("\"other\", W/{tag}"), "*"] {
            let again = hub
                .call(&admin, "GET", path)
                .header("if-none-match", condition)
                .send()
                .await
                .expect(304);
            assert_eq!((again.header("etag"), &*again.body), (&*tag, ""));
            assert_eq!(again.header("content-type"), "");
        }
        let other = hub
            .call(&admin, "GET", path)
            .header("if-none-match", "\"other\"")
            .send()
            .await
            .expect(200);
        assert_eq!(other.body, reply.body);
    }
    let before = hub.call(&admin, "GET", "/hub/api/groups").send().await;
    hub.call(&admin, "POST", "/hub/api/groups/new")
        .send()
        .await
        .expect(201);
    let after = hub
        .call(&admin, "GET", "/hub/api/groups")
        .header("if-none-match", before.header("etag"))
        .send()
        .await
        .expect(200);
    assert_ne!(before.header("etag"), after.header("etag"));
    // Only answers to GET, and only good ones.
    let post = hub
        .call(&admin, "POST", "/hub/api/groups/newer")
        .send()
        .await;
    let missing = hub
        .call(&admin, "GET", "/hub/api/users/nobody")
        .send()
        .await;
    assert_eq!((post.header("etag"), missing.header("etag")), ("", ""));
}
