//! `POST …/oauth2/token`.

use chrono::TimeDelta;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_code_for_a_token() {
    let hub = Hub::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let own = format!("token {secret}");
    let reply = hub
        .request("POST", TOKEN)
        .header("authorization", &own)
        .form(&redemption(&code, secret))
        .send()
        .await;
    let reply = reply.expect(200);
    assert_eq!(
        (reply.header("cache-control"), reply.header("pragma")),
        ("no-store", "no-cache")
    );
    let body = reply.json();
    assert_eq!(
        body["scope"],
        "access:servers!server=alice/ read:users:groups!user read:users:name!user"
    );
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(1_209_600))
    );

    let token = body["access_token"].as_str().unwrap();
    let who = hub
        .call(token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(who["name"], "alice");
    assert_eq!(who["session_id"], browser.session_id);
    let scopes = [
        "access:servers!server=alice/",
        "read:users:groups!user=alice",
        "read:users:name!user=alice",
    ];
    assert_eq!(who["scopes"], json!(scopes));
    hub.clock.advance(TimeDelta::days(14));
    hub.call(token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn what_is_refused() {
    let hub = Hub::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let post = |fields: &[(&str, &str)]| hub.request("POST", TOKEN).form(fields);
    let changed = |name: &str, value: Option<&'static str>| {
        let mut fields = redemption(&code, secret);
        match value {
            Some(value) => fields
                .iter_mut()
                .filter(|(key, _)| *key == name)
                .for_each(|field| field.1 = value),
            None => fields.retain(|(key, _)| *key != name),
        }
        fields
    };
    let told = |error: &str, text: &str| json!({"error": error, "error_description": text});
    let (grant, client) = (
        json!({"error": "invalid_grant"}),
        json!({"error": "invalid_client"}),
    );
    let short: &'static str = &VERIFIER[..42];
    let challenge: &'static str = challenge().leak();
    let long: &'static str = "a".repeat(64 << 10).leak();
    for (fields, status, body) in [
        (vec![], 400, json!({"error": "unsupported_grant_type"})),
        (
            changed("grant_type", Some("password")),
            400,
            json!({"error": "unsupported_grant_type"}),
        ),
        (
            changed("code", None),
            400,
            told("invalid_request", "Missing code parameter."),
        ),
        // 4
        (changed("client_secret", Some("wrong")), 401, client.clone()),
        (changed("client_secret", None), 401, client.clone()),
        (changed("client_secret", Some("")), 401, client.clone()),
        (changed("client_secret", Some(long)), 401, client.clone()),
        (changed("client_id", Some("nobody")), 401, client.clone()),
        (
            changed("client_id", Some("service-whoami")),
            401,
            client.clone(),
        ),
        (changed("code", Some("unknown")), 400, grant.clone()),
        // 6
        (
            changed("redirect_uri", Some("/user/alice/oauth_callback/")),
            400,
            told("invalid_request", "Mismatching redirect URI."),
        ),
        (
            changed("redirect_uri", None),
            400,
            told("invalid_request", "Missing redirect_uri parameter."),
        ),
        // 7
        (
            changed("code_verifier", None),
            400,
            told("invalid_request", "Code verifier required."),
        ),
        (
            changed(
                "code_verifier",
                Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx"),
            ),
            400,
            grant.clone(),
        ),
        (changed("code_verifier", Some(short)), 400, grant.clone()),
        (
            changed("code_verifier", Some(challenge)),
            400,
            grant.clone(),
        ),
    ] {
        let reply = post(&fields).send().await.expect(status);
        assert_eq!(reply.json(), body, "{fields:.300?}");
        assert_eq!(reply.header("cache-control"), "no-store");
        let www = if status == 401 {
            "Bearer error=\"invalid_client\""
        } else {
            ""
        };
        assert_eq!(reply.header("www-authenticate"), www);
    }
    let mut twice = redemption(&code, secret);
    twice.push(("grant_type", "authorization_code"));
    assert_eq!(
        post(&twice).send().await.expect(400).json(),
        told("invalid_request", "Duplicate grant_type parameter.")
    );
    // Of two codes none is taken, wherever the good one stands. Only a client that has proved itself hears why.
    for place in [0, 2] {
        let mut two = redemption(&code, secret);
        two.insert(place, ("code", "another"));
        assert_eq!(
            post(&two).send().await.expect(400).json(),
            told("invalid_request", "Duplicate code parameter.")
        );
        two.retain(|(name, _)| *name != "client_secret");
        two.push(("client_secret", "wrong"));
        assert_eq!(post(&two).send().await.expect(401).json(), client);
    }
    let basic = post(&redemption(&code, secret))
        .header("authorization", "Basic YTpi")
        .send()
        .await;
    assert_eq!(basic.expect(401).json(), client);
    let in_url = format!("{TOKEN}?client_secret={secret}");
    let in_url = hub
        .request("POST", &in_url)
        .form(&redemption(&code, secret))
        .send()
        .await;
    assert_eq!(in_url.expect(400).json()["error"], "invalid_request");
    let as_json = hub
        .request("POST", TOKEN)
        .json(&json!({"grant_type": "authorization_code"}))
        .send()
        .await;
    assert_eq!(
        as_json.expect(400).json(),
        json!({"error": "unsupported_grant_type"})
    );
    assert_eq!(hub.request("GET", TOKEN).send().await.error(), (405, None));
    // None of this has burnt the code.
    post(&redemption(&code, secret)).send().await.expect(200);
}

#[tokio::test]
async fn a_logout_and_a_revocation_are_seen_at_once() {
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    let browser = hub.log_in("alice").await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let code = service_code(&hub, &browser, &[]).await;
        let reply = redeem_service(&hub, &code).await.expect(200).json();
        tokens.push(reply["access_token"].as_str().unwrap().to_owned());
    }
    for token in &tokens {
        hub.call(token, "GET", "/hub/api/user")
            .send()
            .await
            .expect(200);
    }
    // One token of an application takes all of that application's with it.
    let all = hub
        .call(&me, "GET", "/hub/api/users/alice/tokens")
        .send()
        .await
        .expect(200)
        .json();
    let of_client = all["api_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["oauth_client"] != "JupyterHub");
    let id = of_client.unwrap()["id"].as_str().unwrap().to_owned();
    hub.call(&me, "DELETE", &format!("/hub/api/users/alice/tokens/{id}"))
        .send()
        .await
        .expect(204);
    for token in &tokens {
        hub.call(token, "GET", "/hub/api/user")
            .send()
            .await
            .expect(403);
    }
    let code = service_code(&hub, &browser, &[]).await;
    let reply = redeem_service(&hub, &code).await.expect(200).json();
    let token = reply["access_token"].as_str().unwrap();
    hub.state.login.end(&browser.session_id).await.unwrap();
    hub.call(token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
    hub.request("GET", "/hub/api/user")
        .browser(&browser)
        .send()
        .await
        .expect(403);
}
