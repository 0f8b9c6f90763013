//! `GET` and `POST …/oauth2/authorize`.

use super::*;

#[tokio::test]
async fn somebody_unknown_logs_in_first() {
    let hub = Hub::start().await;
    let path = format!("{AUTHORIZE}?client_id=service-whoami&state=a%26b");
    let reply = hub.request("GET", &path).send().await.expect(302);
    assert_eq!(
        reply.header("location"),
        "/hub/login?next=%2Fhub%2Fapi%2Foauth2%2Fauthorize%3Fclient_id%3Dservice-whoami%26state%3Da%2526b"
    );
    // A token is no login.
    let alice = hub.token("alice", &["inherit"]).await;
    let reply = hub.call(&alice, "GET", &path).send().await.expect(302);
    assert!(reply.header("location").starts_with("/hub/login?next="));
    hub.request("POST", &path)
        .form(&[("_xsrf", "x")])
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn requests_that_cannot_be_trusted_stay_here() {
    let hub = Hub::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let with = |name: &str, value: Option<&'static str>| {
        let mut pairs = usual("service-whoami", SERVICE_CALLBACK, &challenge);
        pairs.retain(|(key, _)| *key != name);
        pairs.extend(value.map(|value| {
            (
                if name == "client_id" {
                    "client_id"
                } else {
                    "redirect_uri"
                },
                value,
            )
        }));
        pairs
    };
    let twice = |name: &'static str| {
        let mut pairs = usual("service-whoami", SERVICE_CALLBACK, &challenge);
        let value = pairs.iter().find(|(key, _)| *key == name).unwrap().1;
        pairs.push((name, value));
        pairs
    };
    // 5
    for (pairs, message) in [
        (with("client_id", None), "Missing client_id parameter."),
        (
            with("client_id", Some("nobody")),
            "Invalid client_id parameter value.",
        ),
        (
            with("client_id", Some("jupyterhub")),
            "Invalid client_id parameter value.",
        ),
        (
            with("redirect_uri", Some("/services/whoami/oauth_callback/")),
            "Mismatching redirect URI.",
        ),
        (
            with(
                "redirect_uri",
                Some("http://evil/services/whoami/oauth_callback"),
            ),
            "Mismatching redirect URI.",
        ),
        (
            with("redirect_uri", Some("//evil")),
            "Mismatching redirect URI.",
        ),
        (
            with("redirect_uri", Some("javascript:alert(1)")),
            "Mismatching redirect URI.",
        ),
        (twice("client_id"), "Duplicate client_id parameter."),
        (twice("redirect_uri"), "Duplicate redirect_uri parameter."),
    ] {
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(400);
        assert!(
            reply.header("content-type").starts_with("text/html"),
            "{pairs:?}"
        );
        assert!(reply.body.contains(message), "{message}: {}", reply.body);
        assert_eq!(reply.header("location"), "");
        assert!(
            reply
                .header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
    }
}

#[tokio::test]
async fn errors_that_the_client_is_told() {
    let hub = Hub::start().await;
    let browser = hub.log_in("alice").await;
    let base =
        "client_id=service-whoami&redirect_uri=%2Fservices%2Fwhoami%2Foauth_callback&state=s1";
    let callback = "/services/whoami/oauth_callback";
    let invalid =
        |text: &str| format!("{callback}?error=invalid_request&error_description={text}&state=s1");
    let scope = format!("{callback}?error=invalid_scope&state=s1");
    for (more, expected) in [
        (
            "response_type=token",
            format!("{callback}?error=unsupported_response_type&state=s1"),
        ),
        (
            "response_type=code+token",
            format!("{callback}?error=unsupported_response_type&state=s1"),
        ),
        ("", invalid("Missing+response_type+parameter.")),
        (
            "response_type=code&response_type=code",
            invalid("Duplicate+response_type+parameter."),
        ),
        // 9
        (
            "response_type=code&code_challenge=x&code_challenge_method=plain",
            invalid("Transform+algorithm+not+supported."),
        ),
        (
            "response_type=code&code_challenge=x",
            invalid("Transform+algorithm+not+supported."),
        ),
        (
            "response_type=code&code_challenge_method=S256",
            invalid("Code+challenge+required."),
        ),
        // 11
        ("response_type=code&scope=nope", scope.clone()),
        ("response_type=code&scope=admin:users", scope.clone()),
        ("response_type=code&scope=self", scope.clone()),
        ("response_type=code&scope=inherit", scope.clone()),
        ("response_type=code&scope=read:users", scope.clone()),
    ] {
        let reply = hub
            .request("GET", &format!("{AUTHORIZE}?{base}&{more}"))
            .browser(&browser)
            .send()
            .await
            .expect(302);
        assert_eq!(reply.header("location"), expected, "{more}");
    }
    let many = "read:users:name!user+".repeat(300);
    let path = format!("{AUTHORIZE}?{base}&response_type=code&scope={many}");
    assert_eq!(
        hub.request("GET", &path)
            .browser(&browser)
            .send()
            .await
            .expect(302)
            .header("location"),
        scope
    );
}

#[tokio::test]
async fn pkce_can_be_demanded() {
    let hub = Hub::with(|config| config.jupyterhub.oauth_require_pkce = true).await;
    let browser = hub.log_in("alice").await;
    let bare = [("client_id", "service-whoami"), ("response_type", "code")];
    let reply = authorize(&hub, &browser, &bare).send().await.expect(302);
    assert_eq!(
        reply.location_argument("error").as_deref(),
        Some("invalid_request")
    );
}

#[tokio::test]
async fn ones_own_server_asks_nothing() {
    let hub = Hub::start().await;
    running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let pairs = usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge);
    let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
    assert!(
        reply
            .header("location")
            .starts_with("/user/alice/oauth_callback?code=")
    );
    assert_eq!(reply.location_argument("state").as_deref(), Some("s1"));
    assert_eq!(
        (
            reply.header("cache-control"),
            reply.header("referrer-policy")
        ),
        ("no-store", "same-origin")
    );
    let code = reply.location_argument("code").unwrap();
    assert!(
        code.len() >= 30 && code.bytes().all(|b| b.is_ascii_alphanumeric()),
        "{code}"
    );
    // The registered redirect is the default, and a state is not needed.
    let bare = [
        ("client_id", "jupyterhub-user-alice"),
        ("response_type", "code"),
    ];
    let reply = authorize(&hub, &browser, &bare).send().await.expect(302);
    assert_eq!(reply.location_argument("state"), None);
}

#[tokio::test]
async fn no_way_in_for_others() {
    let hub = Hub::start().await;
    running_server(&hub).await;
    let browser = hub.log_in("bob").await;
    let challenge = challenge();
    for (client, callback, what) in [
        (
            "jupyterhub-user-alice",
            SERVER_CALLBACK,
            "Server at /user/alice/",
        ),
        ("service-whoami", SERVICE_CALLBACK, "whoami"),
    ] {
        let pairs = usual(client, callback, &challenge);
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(403);
        assert!(
            reply.body.contains("You do not have permission to access"),
            "{}",
            reply.body
        );
        assert!(reply.body.contains(what), "{}", reply.body);
        // 12: without a GET before it, too.
        let path = format!("{AUTHORIZE}?{}", query(&pairs));
        let post = hub
            .request("POST", &path)
            .browser(&browser)
            .form(&[("_xsrf", &browser.xsrf)])
            .send()
            .await;
        assert_eq!(post.expect(403).header("location"), "");
    }
    let admin = hub.log_in("admin").await;
    let reply = authorize(
        &hub,
        &admin,
        &usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge),
    )
    .send()
    .await;
    assert!(
        reply.expect(200).body.contains("Server at /user/alice/"),
        "somebody else's server is asked for"
    );
}

#[tokio::test]
async fn consent() {
    let hub = Hub::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let pairs = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    let page = authorize(&hub, &browser, &pairs).send().await.expect(200);
    for scope in [
        "access:services!service=whoami",
        "read:users!user",
        "read:users:groups!user",
        "read:users:name!user",
    ] {
        let field = format!("value=\"{scope}\"");
        assert!(page.body.contains(&field), "{scope}: {}", page.body);
    }
    assert!(page.body.contains(&browser.xsrf), "{}", page.body);
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );

    let path = format!("{AUTHORIZE}?{}", query(&pairs));
    let post = |fields: &[(&str, &str)]| hub.request("POST", &path).browser(&browser).form(fields);
    post(&[]).send().await.expect(403);
    post(&[("_xsrf", "wrong")]).send().await.expect(403);
    let websocket = post(&[]).header("sec-fetch-mode", "websocket").send().await;
    websocket.expect(403);
    // 18: after a form only 302 or 303.
    let reply = post(&[("_xsrf", &browser.xsrf), ("scopes", "read:users!user")])
        .send()
        .await
        .expect(302);
    assert!(
        reply
            .header("location")
            .starts_with("/services/whoami/oauth_callback?code=")
    );
}

#[tokio::test]
async fn the_form_narrows_and_never_widens() {
    let hub = Hub::start().await;
    let browser = hub.log_in("alice").await;
    let minimal = "access:services!service=whoami read:users:groups!user read:users:name!user";
    for (ticked, expected) in [
        (&[][..], minimal.to_owned()),
        (
            &["read:users!user"],
            "access:services!service=whoami read:users!user read:users:groups!user read:users:name!user".to_owned(),
        ),
    ] {
        let code = service_code(&hub, &browser, ticked).await;
        let reply = redeem_service(&hub, &code).await.expect(200).json();
        assert_eq!(reply["scope"], expected, "{ticked:?}");
    }
    let widened = ["read:users!user", "admin:users", "inherit", "self"];
    let reply = send_consent(&hub, &browser, &widened).await;
    let error = reply.location_argument("error");
    assert_eq!(error.as_deref(), Some("invalid_scope"));
    assert_eq!(reply.location_argument("code"), None);
    // Everything was given before: nobody is asked again.
    let challenge = challenge();
    let pairs = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    authorize(&hub, &browser, &pairs).send().await.expect(302);
}

#[tokio::test]
async fn services_that_need_no_consent() {
    let hub = Hub::with(|config| config.jupyterhub.services[1].oauth_no_confirm = true).await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let pairs = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    authorize(&hub, &browser, &pairs).send().await.expect(302);
}
