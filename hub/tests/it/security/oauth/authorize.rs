//! Cases 5, 9-12: what a browser may be made to ask of the provider.

use std::collections::BTreeSet;

use super::*;

/// How many codes there are.
async fn codes(hub: &Hub) -> i64 {
    count(hub, "SELECT COUNT(*) FROM oauth_codes").await
}

#[tokio::test]
async fn case_05_redirect_uri_tricks() {
    const VARIANTS: &[&str] = &[
        "/services/whoami/oauth_callback/",
        "/services/whoami/oauth_callback?x",
        "/services/whoami/oauth_callback?",
        "/services/whoami/oauth_callback#f",
        "/services/whoami/oauth_callback;x",
        "/services/whoami/../whoami/oauth_callback",
        "/services/whoami/oauth_callback/../../../evil",
        "/services/./whoami/oauth_callback",
        "/services/Whoami/oauth_callback",
        "/services%2fwhoami/oauth_callback",
        "/services%252fwhoami/oauth_callback",
        "//services/whoami/oauth_callback",
        "///evil/services/whoami/oauth_callback",
        "\\services\\whoami\\oauth_callback",
        "http://127.0.0.1:8000/services/whoami/oauth_callback",
        "https://evil/services/whoami/oauth_callback",
        "http://user@127.0.0.1:8000/services/whoami/oauth_callback",
        "http://127.0.0.1:8001/services/whoami/oauth_callback",
        "http:/services/whoami/oauth_callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "/services/whoami/oauth_callback.",
        " /services/whoami/oauth_callback",
        "/services/whoami/oauth_callback ",
        "/services/whoami/oauth_callback\t",
        "/services/whoami/oauth_callback\r\nSet-Cookie: a=b",
        "/services/whoami/oauth_callback\0",
        "/services/whoami/oauth_callbac\u{212a}",
        "/services/whoami/",
        SERVER_CALLBACK,
    ];
    assert!(VARIANTS.len() >= 24);
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let usual = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    let twice: Vec<_> = [
        ("redirect_uri", SERVICE_CALLBACK),
        ("redirect_uri", "https://evil/"),
    ]
    .into_iter()
    .chain(usual.clone())
    .collect();
    let variants = VARIANTS
        .iter()
        .map(|uri| changed(&usual, "redirect_uri", Some(uri)));
    for pairs in variants.chain([twice]) {
        for method in ["GET", "POST"] {
            let path = format!("{AUTHORIZE}?{}", query(&pairs));
            let call = hub.request(method, &path).browser(&browser);
            let reply = call
                .form(&[("_xsrf", &browser.xsrf)])
                .send()
                .await
                .expect(400);
            assert_eq!(reply.header("location"), "", "{pairs:?}");
            assert!(reply.header("content-type").starts_with("text/html"));
            assert!(!reply.headers.contains_key("a"), "{pairs:?}");
        }
    }
    assert_eq!(codes(&hub).await, 0);
    hub.is_well().await;
}

#[tokio::test]
async fn case_09_pkce_methods() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let usual = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    let with = |method: Option<&'static str>, challenge: Option<&'static str>| {
        let fields = changed(&usual, "code_challenge_method", method);
        match challenge {
            Some("same") => fields,
            other => changed(&fields, "code_challenge", other),
        }
    };
    for pairs in [
        with(Some("plain"), Some("same")),
        with(Some("plain"), Some(VERIFIER)),
        with(None, Some("same")),
        with(Some(""), Some("same")),
        with(Some("s256"), Some("same")),
        with(Some("S512"), Some("same")),
        with(Some("none"), Some("same")),
        with(Some("S256"), None),
        with(Some("S256"), Some("")),
        with(Some("plain"), None),
        with(Some("S256"), Some("too-short")),
    ] {
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
        assert_eq!(
            (
                reply.location_argument("error").as_deref(),
                reply.location_argument("code"),
                reply.location_argument("state").as_deref()
            ),
            (Some("invalid_request"), None, Some("s1")),
            "{pairs:?}"
        );
    }
    assert_eq!(codes(&hub).await, 0);
    hub.is_well().await;
}

#[tokio::test]
async fn case_09_plain_by_an_explicit_switch() {
    let hub = Watched::with(|config| config.own.oauth_allow_plain_pkce = true).await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let usual = usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge);
    for method in [Some("plain"), None] {
        let pairs = changed(&usual, "code_challenge", Some(VERIFIER));
        let pairs = changed(&pairs, "code_challenge_method", method);
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
        let code = reply.location_argument("code").unwrap();
        let fields = redemption(&code, secret);
        let hashed = changed(&fields, "code_verifier", Some(&challenge));
        assert_eq!(
            redeem(&hub, &hashed).await.expect(400).json(),
            invalid_grant()
        );
        access_token(redeem(&hub, &fields).await);
    }
    // An S256 challenge is still one: the verifier must be hashed.
    let code = server_code(&hub, &browser).await;
    let fields = redemption(&code, secret);
    let same = changed(&fields, "code_verifier", Some(&challenge));
    assert_eq!(
        redeem(&hub, &same).await.expect(400).json(),
        invalid_grant()
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_10_response_types() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let usual = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    let mut twice = usual.clone();
    twice.push(("response_type", "code"));
    for (pairs, error) in [
        (
            changed(&usual, "response_type", Some("token")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some("id_token")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some("none")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some("code token")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some("token code")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some("CODE")),
            "unsupported_response_type",
        ),
        (
            changed(&usual, "response_type", Some(" code")),
            "unsupported_response_type",
        ),
        (changed(&usual, "response_type", None), "invalid_request"),
        (
            changed(&usual, "response_type", Some("")),
            "unsupported_response_type",
        ),
        (twice, "invalid_request"),
    ] {
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
        let location = reply.header("location");
        assert!(
            location.starts_with(&format!("{SERVICE_CALLBACK}?")),
            "{location}"
        );
        assert_eq!(
            reply.location_argument("error").as_deref(),
            Some(error),
            "{pairs:?}"
        );
        assert_eq!(reply.location_argument("code"), None, "{pairs:?}");
    }
    assert_eq!(codes(&hub).await, 0);
    hub.is_well().await;
}

#[tokio::test]
async fn case_11_scopes_beyond_client_or_user() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let usual = usual("service-whoami", SERVICE_CALLBACK, &challenge);
    let ask = |scope: &str| {
        let mut pairs = usual.clone();
        pairs.push(("scope", scope));
        format!("{AUTHORIZE}?{}", query(&pairs))
    };
    let many = "proxy ".repeat(10_000);
    for scope in [
        "admin:users",
        "users!user",
        "servers!user",
        "tokens!user",
        "read:users",
        "read:users!user=bob",
        "list:users",
        "self",
        "inherit",
        "all",
        "nope",
        "read:users!user nope",
        "access:services",
        "access:services!service=culler",
        "access:servers",
        "read:users!group=lab",
        "admin",
        "cull-idle",
        "shutdown",
        "read:users!",
        "!user",
        "read:users!user!user",
        "read:users\u{a0}",
        &many,
    ] {
        for method in ["GET", "POST"] {
            let call = hub.request(method, &ask(scope)).browser(&browser);
            let reply = call
                .form(&[("_xsrf", &browser.xsrf)])
                .send()
                .await
                .expect(302);
            assert_eq!(
                (
                    reply.location_argument("error").as_deref(),
                    reply.location_argument("code")
                ),
                (Some("invalid_scope"), None),
                "{method} {scope:.40}"
            );
        }
    }
    assert_eq!(codes(&hub).await, 0);

    // The form of the consent page can narrow, not widen; and what is given is never wider than client ∩ user.
    for ticked in [
        &["admin:users", "inherit", "self", "users!user", "list:users"][..],
        &["read:users", "read:users!user=bob", "read:users!user"],
        &["user", "admin", "access:services", "nope", ""],
    ] {
        let reply = send_consent(&hub, &browser, ticked).await;
        let error = reply.location_argument("error");
        assert_eq!(error.as_deref(), Some("invalid_scope"), "{ticked:?}");
        assert_eq!(reply.location_argument("code"), None, "{ticked:?}");
    }
    assert_eq!(codes(&hub).await, 0);
    let most: BTreeSet<&str> = [
        "access:services!service=whoami",
        "read:users!user",
        "read:users:groups!user",
        "read:users:name!user",
    ]
    .into();
    for ticked in [
        &[][..],
        &["read:users!user"],
        &["read:users:name!user=alice", ""],
    ] {
        let code = service_code(&hub, &browser, ticked).await;
        let reply = redeem_service(&hub, &code).await.expect(200).json();
        let given: BTreeSet<&str> = reply["scope"].as_str().unwrap().split(' ').collect();
        assert!(given.is_subset(&most), "{ticked:?} gave {given:?}");
        let token = reply["access_token"].as_str().unwrap();
        hub.call(token, "GET", "/hub/api/users")
            .send()
            .await
            .expect(403);
        hub.call(token, "GET", "/hub/api/users/bob")
            .send()
            .await
            .expect(404);
        hub.call(token, "PATCH", "/hub/api/users/alice")
            .send()
            .await
            .expect(403);
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_12_consent_cannot_be_skipped() {
    let hub = Watched::start().await;
    running_server(&hub).await;
    let challenge = challenge();
    // bob may enter neither; no GET before.
    let bob = hub.log_in("bob").await;
    for (client, callback) in [
        ("service-whoami", SERVICE_CALLBACK),
        ("jupyterhub-user-alice", SERVER_CALLBACK),
    ] {
        let path = format!(
            "{AUTHORIZE}?{}",
            query(&usual(client, callback, &challenge))
        );
        let reply = hub
            .request("POST", &path)
            .browser(&bob)
            .form(&[("_xsrf", &bob.xsrf), ("scopes", "inherit")])
            .send()
            .await
            .expect(403);
        assert_eq!(reply.header("location"), "");
    }
    // alice may, but it is the page that asks: a POST without its token gives nothing.
    let alice = hub.log_in("alice").await;
    let path = format!(
        "{AUTHORIZE}?{}",
        query(&usual("service-whoami", SERVICE_CALLBACK, &challenge))
    );
    let other = hub.log_in("alice").await;
    for xsrf in ["", "x", &bob.xsrf, &other.xsrf] {
        let call = hub.request("POST", &path).browser(&alice);
        let reply = call.form(&[("_xsrf", xsrf)]).send().await.expect(403);
        assert_eq!(reply.header("location"), "");
        assert!(
            reply.body.contains(&alice.xsrf),
            "the page comes back with a token that works"
        );
    }
    let elsewhere = hub
        .request("POST", &path)
        .browser(&alice)
        .header("sec-fetch-site", "cross-site")
        .form(&[("_xsrf", "x")]);
    let reply = elsewhere.send().await.expect(403);
    assert!(
        !reply.body.contains("oauth-form"),
        "another site's form does not come back"
    );
    // No login, no code.
    let reply = hub
        .request("POST", &path)
        .form(&[("_xsrf", &alice.xsrf)])
        .send()
        .await;
    assert_eq!(reply.expect(403).header("location"), "");
    assert_eq!(codes(&hub).await, 0);
    hub.is_well().await;
}
