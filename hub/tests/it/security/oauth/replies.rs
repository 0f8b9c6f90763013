//! Cases 17 and 18: what the provider's answers give away, and how they lead on.

use super::*;

#[tokio::test]
async fn case_17_codes_and_tokens_do_not_leak() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let pairs = usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge);
    let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
    let code = reply.location_argument("code").unwrap();
    assert_eq!(reply.body, "", "the code is in Location, and nowhere else");
    assert_eq!(
        (
            reply.header("cache-control"),
            reply.header("referrer-policy")
        ),
        ("no-store", "same-origin")
    );
    let given = redeem(&hub, &redemption(&code, secret)).await.expect(200);
    assert_eq!(
        (given.header("cache-control"), given.header("pragma")),
        ("no-store", "no-cache")
    );
    let token = access_token(given);
    for path in [
        "/hub/home",
        "/hub/token",
        "/hub/api/users/alice/tokens",
        "/hub/api/users/alice",
        "/hub/nope",
    ] {
        let page = hub.request("GET", path).browser(&browser).send().await;
        for secret in [&code, &token, &browser.login] {
            assert!(
                !page.body.contains(secret.as_str()),
                "{path} shows a secret"
            );
        }
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
    }
    // Whatever carries a secret in its URL, the log does not show it (the rest of the check is in `is_well`).
    for path in [
        format!("/hub/api/authorizations/token/{token}"),
        format!(
            "/hub/api/authorizations/cookie/jupyterhub-hub-login/{}",
            browser.login.replace('|', "%7C")
        ),
        format!("{SERVER_CALLBACK}?code={code}&state=a-state-of-the-client"),
        format!("/hub/login?next=%2Fhub%2Fhome%3Ftoken%3D{token}"),
        format!("/hub/home?_xsrf={}", browser.xsrf.replace('|', "%7C")),
        format!("/hub/error/503?url=%2Fuser%2Falice%2F%3Ftoken%3D{token}"),
        format!("/hub/api/users?{token}"),
        format!("/hub/api/%61uthorizations/token/{token}"),
    ] {
        hub.request("GET", &path).send().await;
    }
    hub.secret(&code);
    hub.secret(&token);
    hub.secret("a-state-of-the-client");
    assert!(
        hub.log
            .text()
            .contains("/hub/api/authorizations/token/[secret]"),
        "{}",
        hub.log.text()
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_18_redirects_and_framing() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let path = format!(
        "{AUTHORIZE}?{}",
        query(&usual("service-whoami", SERVICE_CALLBACK, &challenge))
    );
    let framing = |reply: &Reply| {
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    };
    let anonymous = hub.request("GET", &path).send().await;
    assert_eq!(anonymous.status, 302);
    let consent = hub
        .request("GET", &path)
        .browser(&browser)
        .send()
        .await
        .expect(200);
    framing(&consent);
    let confirmed = hub
        .request("POST", &path)
        .browser(&browser)
        .form(&[("_xsrf", &browser.xsrf)]);
    assert_eq!(confirmed.send().await.status, 302);
    let login = hub.request("GET", "/hub/login").send().await.expect(200);
    framing(&login);
    let cookies = format!("_xsrf={}", login.cookie("_xsrf").unwrap());
    for (password, status) in [("wrong", 403), (crate::harness::PASSWORD, 302)] {
        let sent = send_login_form(&hub, &cookies, "", "alice", password).await;
        assert_eq!(sent.status.as_u16(), status);
        framing(&sent);
    }
    let refused = authorize(&hub, &browser, &[("client_id", "nobody")])
        .send()
        .await
        .expect(400);
    framing(&refused);
    hub.is_well().await;
}
