//! What is kept of logins, and whether they still hold.

use chrono::TimeDelta;
use hub::config::{Config, CryptKey, Provider};
use serde_json::{Value, json};

use super::stand_in::StandIn;
use super::{hub, log_in};
use crate::harness::{Hub, Reply};

pub(super) fn keep(config: &mut Config) {
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
pub(super) async fn state(hub: &Hub, user: &str) -> Value {
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
pub(super) async fn home(hub: &Hub, login: &Reply) -> u16 {
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

/// A provider that nobody can ask who somebody is: what it says stands in its ID tokens, and a refresh brings another.
#[tokio::test]
async fn an_openid_login_is_refreshed_by_the_id_token_that_comes_with_it() {
    let at = StandIn::start(json!({"sub": "u-7"})).await;
    let of_crew = json!({"preferred_username": "mal", "groups": ["crew"]});
    at.change(|world| {
        world.has_userinfo = false;
        world.proves_again = true;
        world.claims = of_crew.clone();
    });
    let hub = hub(Provider::Oidc, &at, |config| {
        keep(config);
        config.authenticator.manage_groups = true;
        config.oauth.allowed_groups = ["crew".to_owned()].into();
    })
    .await;
    let login = log_in(&hub, &at).await.expect(302);
    let later = async |claims: Value| {
        hub.clock.advance(TimeDelta::seconds(301));
        at.change(|world| {
            world.now = hub_now(&hub);
            world.claims = claims;
        });
        home(&hub, &login).await
    };
    let nonce = state(&hub, "mal").await["oidc_user"]["nonce"].clone();
    assert_eq!(later(of_crew.clone()).await, 200);
    let kept = state(&hub, "mal").await;
    assert_eq!(
        kept["oidc_user"]["nonce"], nonce,
        "for the refresh after this"
    );
    // A token that proves nothing changes nothing, but the tokens that came with it are kept.
    for bad in [
        json!({"aud": "other"}),
        json!({"nonce": "other"}),
        json!({"exp": 0}),
    ] {
        assert_eq!(later(bad).await, 200);
        assert_eq!(state(&hub, "mal").await["oidc_user"], kept["oidc_user"]);
    }
    assert_ne!(
        state(&hub, "mal").await["refresh_token"],
        kept["refresh_token"]
    );
    // No member any more, whether no groups are said or others; and one again.
    for gone in [json!([]), json!(["passengers"]), Value::Null] {
        let claims = json!({"preferred_username": "mal", "groups": gone});
        assert_eq!(later(claims).await, 302, "{gone}");
        assert_eq!(
            later(of_crew.clone()).await,
            302,
            "whoever is gone logs in again"
        );
        let again = log_in(&hub, &at).await.expect(302);
        assert_eq!(home(&hub, &again).await, 200);
    }
    // One that says nothing of who it is leaves that as it was.
    assert_eq!(later(json!({"groups": ["crew"]})).await, 200);
    assert_eq!(
        state(&hub, "mal").await["oidc_user"]["preferred_username"],
        "mal"
    );
    assert_eq!(
        later(json!({"sub": "u-8", "groups": ["crew"]})).await,
        302,
        "somebody else"
    );
}

/// What is not said any more does not count any more.
#[tokio::test]
async fn groups_that_a_provider_leaves_out_are_gone() {
    let person = json!({"sub": "u-7", "preferred_username": "mal", "groups": ["crew"]});
    let at = StandIn::start(person).await;
    let hub = hub(Provider::Oidc, &at, |config| {
        keep(config);
        config.authenticator.manage_groups = true;
        config.oauth.allowed_groups = ["crew".to_owned()].into();
    })
    .await;
    let login = log_in(&hub, &at).await.expect(302);
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home(&hub, &login).await, 200);
    at.change(|world| world.person.as_object_mut().unwrap().remove("groups"));
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home(&hub, &login).await, 302);
}

fn hub_now(hub: &Hub) -> i64 {
    hub.state.clock.now().timestamp()
}
