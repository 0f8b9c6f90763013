//! Cases 13-15: what changes between the code and the token, or after it.

use super::*;
use crate::harness::COOKIE_SECRET;

#[tokio::test]
async fn case_13_client_changes_under_a_code() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let state = &hub.state;
    let put = |client: OAuthClient| async move {
        let tx = state.db.write().await.unwrap();
        oauth::put_client(&tx, &client).await.unwrap();
        tx.commit().await.unwrap();
    };
    let client = oauth::find_client(hub.state.db.read(), "jupyterhub-user-alice")
        .await
        .unwrap()
        .unwrap();

    // Its secret is changed: the old one is worth nothing, the new one works.
    let code = server_code(&hub, &browser).await;
    put(OAuthClient {
        secret_hash: Some(Token::from_config("rotated-secret-0001").hash()),
        ..client.clone()
    })
    .await;
    redeem(&hub, &redemption(&code, secret)).await.expect(401);
    access_token(redeem(&hub, &redemption(&code, "rotated-secret-0001")).await);
    put(client.clone()).await;

    // Its redirect is changed: the code was sent to the old one, and is exchanged for that one only.
    let code = server_code(&hub, &browser).await;
    put(OAuthClient {
        redirect_uri: "/user/alice/elsewhere".into(),
        ..client.clone()
    })
    .await;
    let fields = redemption(&code, secret);
    let other = changed(&fields, "redirect_uri", Some("/user/alice/elsewhere"));
    redeem(&hub, &other).await.expect(400);
    put(client.clone()).await;

    // It is deleted, and another one takes its place under another id.
    let code = server_code(&hub, &browser).await;
    let tx = hub.state.db.write().await.unwrap();
    oauth::delete_client(&tx, &client.id).await.unwrap();
    let renamed = OAuthClient {
        id: "jupyterhub-user-alice-new".into(),
        ..client.clone()
    };
    oauth::put_client(&tx, &renamed).await.unwrap();
    tx.commit().await.unwrap();
    let fields = redemption(&code, secret);
    redeem(&hub, &fields).await.expect(401);
    let new_id = changed(&fields, "client_id", Some("jupyterhub-user-alice-new"));
    assert_eq!(
        redeem(&hub, &new_id).await.expect(400).json(),
        invalid_grant()
    );
    hub.is_well().await;
}

#[tokio::test]
async fn case_14_expired_codes() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let fields = redemption(&code, secret);
    for seconds in [300, 301, 3_600, 86_400 * 400] {
        hub.clock.advance(TimeDelta::seconds(seconds));
        let reply = redeem(&hub, &fields).await.expect(400);
        assert_eq!(reply.json(), invalid_grant(), "after {seconds} s");
        hub.clock.advance(TimeDelta::seconds(-seconds));
    }
    // A clock that was set back does not revive it, nor makes it last longer.
    hub.clock.advance(TimeDelta::hours(-1));
    assert_eq!(
        redeem(&hub, &fields).await.expect(400).json(),
        invalid_grant()
    );
    hub.clock
        .advance(TimeDelta::hours(1) + TimeDelta::seconds(299));
    access_token(redeem(&hub, &fields).await);

    // Once it is forgotten, it stays so.
    let code = server_code(&hub, &browser).await;
    hub.clock.advance(TimeDelta::seconds(301));
    purge(&hub).await;
    hub.clock.advance(TimeDelta::seconds(-200));
    let reply = redeem(&hub, &redemption(&code, secret)).await.expect(400);
    assert_eq!(reply.json(), invalid_grant());
    hub.is_well().await;
}

/// A hub where the service `whoami` may ask for everything that its visitors may do, with a code and a token of bob.
async fn with_bob() -> (Watched, Browser, String, String) {
    let hub = Watched::with(|config| {
        let services = &mut config.jupyterhub.services;
        services[1].oauth_client_allowed_scopes = vec!["inherit".parse().unwrap()];
        services[1].oauth_no_confirm = true;
        let roles = &mut config.jupyterhub.load_roles;
        roles[1].users = Some(vec!["alice".into(), "bob".into()]);
    })
    .await;
    let browser = hub.log_in("bob").await;
    let token =
        access_token(redeem_service(&hub, &service_code(&hub, &browser, &["inherit"]).await).await);
    let code = service_code(&hub, &browser, &["inherit"]).await;
    assert!(lives(&hub, &token).await);
    (hub, browser, code, token)
}

#[tokio::test]
async fn case_15_user_changes_under_a_code() {
    // Deleted, and registered anew.
    let (hub, _, code, token) = with_bob().await;
    let root = admin(&hub).await;
    let bob = "/hub/api/users/bob";
    hub.call(&root, "DELETE", bob).send().await.expect(204);
    assert!(!lives(&hub, &token).await);
    hub.call(&root, "POST", bob).send().await.expect(201);
    redeem_service(&hub, &code).await.expect(400);
    assert!(!lives(&hub, &token).await);
    hub.is_well().await;

    // Renamed.
    let (hub, _, code, token) = with_bob().await;
    let root = admin(&hub).await;
    let rename = hub
        .call(&root, "PATCH", bob)
        .json(&json!({"name": "robert"}));
    rename.send().await.expect(200);
    assert!(!lives(&hub, &token).await);
    redeem_service(&hub, &code).await.expect(400);
    hub.is_well().await;

    // Blocked.
    let (hub, browser, code, token) = with_bob().await;
    let hub = hub
        .restarted(COOKIE_SECRET, |config| {
            config.authenticator.blocked_users.insert("bob".into());
        })
        .await;
    assert!(!lives(&hub, &token).await);
    redeem_service(&hub, &code).await.expect(400);
    assert!(!is_logged_in(&hub, &browser.cookies).await);
    hub.is_well().await;

    // No longer allowed to enter the service: no token, and what was given grants nothing there.
    let (hub, _, code, token) = with_bob().await;
    let hub = hub
        .restarted(COOKIE_SECRET, |config| {
            config.jupyterhub.load_roles[1].users = Some(vec!["alice".into()]);
        })
        .await;
    redeem_service(&hub, &code).await.expect(400);
    let scopes = hub
        .call(&token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200)
        .json()["scopes"]
        .to_string();
    assert!(!scopes.contains("access:services"), "{scopes}");
    hub.is_well().await;
}

#[tokio::test]
async fn case_15_tokens_shrink_with_their_owner() {
    let (hub, browser, _, token) = with_bob().await;
    let root = admin(&hub).await;
    let set_admin = |value: bool| {
        hub.call(&root, "PATCH", "/hub/api/users/bob")
            .json(&json!({"admin": value}))
            .send()
    };
    let shutdown_info = || hub.call(&token, "GET", "/hub/api/info").send();
    shutdown_info().await.expect(403);
    set_admin(true).await.expect(200);
    shutdown_info().await.expect(200);
    let code = service_code(&hub, &browser, &["inherit"]).await;
    set_admin(false).await.expect(200);
    shutdown_info().await.expect(403);
    // The code was made while bob was an administrator; its token is no wider than bob is now.
    let late = access_token(redeem_service(&hub, &code).await);
    hub.call(&late, "GET", "/hub/api/info")
        .send()
        .await
        .expect(403);
    hub.is_well().await;
}
