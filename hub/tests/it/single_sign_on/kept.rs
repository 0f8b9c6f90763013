//! What is kept of logins, and whether they still hold.

use chrono::TimeDelta;
use hub::config::{Config, CryptKey, Provider};
use serde_json::{Value, json};

use super::stand_in::StandIn;
use super::{hub, log_in};
use crate::harness::{Hub, Reply};

fn keep(config: &mut Config) {
    config.authenticator.enable_auth_state = true;
    config.authenticator.admin_users = ["captain".to_owned()].into();
    config.crypt_keeper.keys = vec![CryptKey::parse(&"5a".repeat(32)).unwrap()];
}

fn of_crew(config: &mut Config) {
    keep(config);
    config.github.allowed_organizations = ["ship:crew".to_owned()].into();
}

const MEMBER: &str = "/api/v3/orgs/ship/teams/crew/members/mal";

/// What the API says is kept of a user.
async fn state(hub: &Hub, user: &str) -> Value {
    let token = hub
        .token("captain", &["admin:auth_state", "read:users:name"])
        .await;
    let path = format!("/hub/api/users/{user}");
    let model = hub
        .call(&token, "GET", &path)
        .send()
        .await
        .expect(200)
        .json();
    model["auth_state"].clone()
}

/// The home page, for the browser that has logged in.
async fn home(hub: &Hub, login: &Reply) -> u16 {
    let cookies: Vec<String> = ["jupyterhub-hub-login", "jupyterhub-session-id"]
        .iter()
        .map(|name| format!("{name}={}", login.cookie(name).unwrap()))
        .collect();
    let call = hub
        .request("GET", "/hub/home")
        .header("cookie", &cookies.join("; "));
    call.send().await.status.as_u16()
}

#[tokio::test]
async fn a_login_is_refreshed_with_the_providers_tokens() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    at.change(|world| world.members.insert(MEMBER.to_owned(), Value::Null));
    let hub = hub(Provider::GitHub, &at, of_crew).await;
    let login = log_in(&hub, &at).await.expect(302);
    let first = state(&hub, "mal").await;
    assert_eq!(first["github_user"]["login"], "mal");
    assert_eq!(first["token_response"]["token_type"], "bearer");
    let later = || hub.clock.advance(TimeDelta::seconds(301));
    let asked = |what: &str| {
        at.change(|world| world.asked.iter().filter(|one| one.ends_with(what)).count())
    };

    // The access token is good: nothing but that is asked.
    later();
    assert_eq!(home(&hub, &login).await, 200);
    assert_eq!((asked("/user"), asked("/access_token")), (2, 1));
    assert_eq!(
        state(&hub, "mal").await["access_token"],
        first["access_token"]
    );
    // It has expired: the refresh token brings another.
    at.change(|world| world.tokens.clear());
    later();
    assert_eq!(home(&hub, &login).await, 200);
    let second = state(&hub, "mal").await;
    assert_ne!(second["access_token"], first["access_token"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    // The provider is down: what was known goes on.
    at.change(|world| world.down = true);
    later();
    assert_eq!(home(&hub, &login).await, 200);
    at.change(|world| world.down = false);
    // No member any more: out, as if nobody had logged in.
    at.change(|world| world.members.clear());
    later();
    assert_eq!(home(&hub, &login).await, 302);
    at.change(|world| world.members.insert(MEMBER.to_owned(), Value::Null));
    later();
    assert_eq!(home(&hub, &login).await, 200);
    // The provider knows neither token.
    at.change(|world| {
        world.tokens.clear();
        world.refresh_tokens.clear();
    });
    later();
    assert_eq!(home(&hub, &login).await, 302);
}

#[tokio::test]
async fn an_openid_login_is_refreshed_for_the_same_person_only() {
    let person = json!({"sub": "u-7", "preferred_username": "mal"});
    let at = StandIn::start(person).await;
    let hub = hub(Provider::Oidc, &at, |config| {
        keep(config);
        config.authenticator.allow_all = Some(true);
    })
    .await;
    let login = log_in(&hub, &at).await.expect(302);
    assert_eq!(state(&hub, "mal").await["oidc_user"]["sub"], "u-7");
    at.change(|world| world.tokens.clear());
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home(&hub, &login).await, 200);
    at.change(|world| world.person["sub"] = json!("u-8"));
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home(&hub, &login).await, 302);
}

#[tokio::test]
async fn nothing_is_kept_unless_that_is_wanted() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let kept = hub(Provider::GitHub, &at, |config| {
        keep(config);
        config.authenticator.allow_all = Some(true);
    })
    .await;
    log_in(&kept, &at).await.expect(302);
    assert_ne!(state(&kept, "mal").await, Value::Null);
    // With another key it is as if there were nothing.
    let other = kept
        .restart(|config| {
            config.crypt_keeper.keys = vec![CryptKey::parse(&"a5".repeat(32)).unwrap()];
        })
        .await;
    assert_eq!(state(&other, "mal").await, Value::Null);
    // A login without the setting forgets what was kept.
    let first = |config: &mut Config| {
        config.crypt_keeper.keys = vec![CryptKey::parse(&"5a".repeat(32)).unwrap()];
        config.authenticator.enable_auth_state = false;
    };
    let off = other.restart(first).await;
    assert_ne!(state(&off, "mal").await, Value::Null);
    let login = log_in(&off, &at).await.expect(302);
    assert_eq!(state(&off, "mal").await, Value::Null);
    off.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home(&off, &login).await, 200, "nobody is asked again");
}
