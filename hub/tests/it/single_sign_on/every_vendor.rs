//! What holds at every provider alike, shown at each of them: allowed, not allowed, administrator, by team or group, unverified
//! mail, provider down, denied by the user, state mismatch, refresh. (What each has of its own: `vendors`.)

use chrono::TimeDelta;
use hub::config::{Config, Provider};
use hub::db::users;
use serde_json::{Value, json};

use super::kept::{home, keep, state};
use super::stand_in::{StandIn, World};
use super::{allow_all, assert_out, come_back, hub, kept, leave, log_in};
use crate::harness::Hub;

const NOT_ALLOWED: &str = "not currently authorized to use this hub";

/// A provider, and how the cases are brought about there.
struct Vendor {
    provider: Provider,
    /// What it says of a person.
    person: fn() -> Value,
    /// What that person is called here.
    name: &'static str,
    /// A team, group or organization lets people in.
    by_group: fn(&mut Config),
    /// The person joins it, or leaves it.
    member: fn(&mut World, bool),
    /// People are called by their addresses.
    by_address: fn(&mut Config),
    /// The provider has not verified the person's.
    unverified: fn(&mut World),
}

fn in_groups(config: &mut Config, key: &str) {
    config.authenticator.manage_groups = true;
    config.oauth.auth_state_groups_key = Some(key.to_owned());
    config.oauth.allowed_groups = ["crew".to_owned()].into();
}

fn groups(world: &mut World, joins: bool) {
    let crew: &[&str] = if joins { &["crew"] } else { &[] };
    world.person["groups"] = json!(crew);
}

fn member(world: &mut World, path: &str, said: Value, joins: bool) {
    match joins {
        true => world.members.insert(path.to_owned(), said),
        false => world.members.remove(path),
    };
}

fn by_address(config: &mut Config) {
    allow_all(config);
    config.oauth.username_claim = Some("email".to_owned());
}

fn vendors() -> [Vendor; 5] {
    [
        Vendor {
            provider: Provider::Generic,
            person: || json!({"username": "mal", "email": "mal@ship.example"}),
            name: "mal",
            by_group: |config| in_groups(config, "oauth_user.groups"),
            member: groups,
            by_address,
            unverified: |world| world.person["email_verified"] = json!(false),
        },
        Vendor {
            provider: Provider::Oidc,
            person: || json!({"sub": "u-7", "preferred_username": "mal", "email": "mal@ship.example"}),
            name: "mal",
            by_group: |config| in_groups(config, "oidc_user.groups"),
            member: groups,
            by_address,
            unverified: |world| world.person["email_verified"] = json!(false),
        },
        Vendor {
            provider: Provider::GitHub,
            person: || json!({"login": "mal", "id": 7, "email": null}),
            name: "mal",
            by_group: |config| {
                config.github.allowed_organizations = ["ship:crew".to_owned()].into();
            },
            member: |world, joins| {
                let path = "/api/v3/orgs/ship/teams/crew/members/mal";
                member(world, path, Value::Null, joins);
            },
            by_address,
            unverified: |world| {
                world.scope = "user:email".to_owned();
                world.verified = false;
            },
        },
        Vendor {
            provider: Provider::GitLab,
            person: || json!({"username": "mal", "id": 7, "email": "mal@ship.example"}),
            name: "mal",
            by_group: |config| {
                config.gitlab.allowed_gitlab_groups = ["ship/crew".to_owned()].into();
            },
            member: |world, joins| {
                let path = "/api/v4/groups/ship%2Fcrew/members/all/7";
                member(world, path, json!({"id": 7, "access_level": 10}), joins);
            },
            by_address,
            unverified: |world| world.person["confirmed_at"] = Value::Null,
        },
        Vendor {
            provider: Provider::Google,
            person: || json!({"email": "mal@ship.example", "verified_email": true}),
            name: "mal@ship.example",
            // Google knows organizations only, by their domains.
            by_group: |config| {
                allow_all(config);
                config.google.hosted_domain = vec!["ship.example".to_owned()];
                config.google.strip_domain = Some(false);
            },
            member: |world, joins| {
                let domain = if joins {
                    json!("ship.example")
                } else {
                    Value::Null
                };
                world.person["hd"] = domain;
            },
            by_address,
            unverified: |world| world.person["verified_email"] = json!(false),
        },
    ]
}

/// A hub with one of the vendors.
struct Scene {
    at: StandIn,
    hub: Hub,
    case: String,
    name: &'static str,
}

impl Vendor {
    async fn scene(&self, case: &str, configure: impl FnOnce(&mut Config)) -> Scene {
        let at = StandIn::start((self.person)()).await;
        Scene {
            hub: hub(self.provider, &at, configure).await,
            at,
            case: format!("{:?}: {case}", self.provider),
            name: self.name,
        }
    }
}

impl Scene {
    /// The person comes in; whether as an administrator.
    async fn comes_in(&self, admin: bool) {
        let reply = log_in(&self.hub, &self.at).await;
        let case = &self.case;
        let to = (reply.status.as_u16(), reply.header("location"));
        assert_eq!(to, (302, "/hub/token"), "{case}: {reply:?}");
        let user = users::find(self.hub.state.db.read(), self.name).await;
        let is_admin = user.unwrap().map(|user| user.admin);
        assert_eq!(is_admin, Some(admin), "{case}");
    }

    async fn stays_out(&self, status: u16, part: &str) {
        let reply = log_in(&self.hub, &self.at).await;
        assert_out(&reply, status, part, &self.case);
        self.is_unknown().await;
    }

    async fn is_unknown(&self) {
        let found = users::find(self.hub.state.db.read(), self.name).await;
        assert_eq!(found.unwrap(), None, "{}", self.case);
    }
}

#[tokio::test]
async fn who_comes_in() {
    for vendor in vendors() {
        let name = || [vendor.name.to_owned()].into();
        let allowed = |config: &mut Config| config.authenticator.allowed_users = name();
        vendor.scene("allowed", allowed).await.comes_in(false).await;
        let other = |config: &mut Config| {
            config.authenticator.allowed_users = ["somebody".to_owned()].into();
        };
        let scene = vendor.scene("not allowed", other).await;
        scene.stays_out(403, NOT_ALLOWED).await;
        let admin = |config: &mut Config| config.authenticator.admin_users = name();
        let scene = vendor.scene("an administrator", admin).await;
        scene.comes_in(true).await;
        let scene = vendor.scene("by group", vendor.by_group).await;
        scene.at.change(|world| (vendor.member)(world, true));
        scene.comes_in(false).await;
        let scene = vendor.scene("in no such group", vendor.by_group).await;
        scene.at.change(|world| (vendor.member)(world, false));
        scene.stays_out(403, NOT_ALLOWED).await;
        let scene = vendor.scene("unverified mail", vendor.by_address).await;
        scene.at.change(vendor.unverified);
        scene
            .stays_out(403, "has not verified your e-mail address")
            .await;
    }
}

#[tokio::test]
async fn what_may_happen_on_the_way() {
    for vendor in vendors() {
        let scene = vendor.scene("denied by the user", allow_all).await;
        scene.at.change(|world| world.denies = true);
        scene.stays_out(403, "you did not agree to sign in").await;

        let scene = vendor.scene("down when they come back", allow_all).await;
        let left = leave(&scene.hub, "").await.expect(302);
        let back = scene.at.visit(left.header("location")).await;
        scene.at.change(|world| world.down = true);
        let reply = come_back(&scene.hub, &back, kept(&left).as_deref()).await;
        assert_out(&reply, 503, "does not answer right now", &scene.case);
        assert_eq!(reply.header("retry-after"), "5", "{}", scene.case);
        scene.is_unknown().await;

        let scene = vendor.scene("state mismatch", allow_all).await;
        let left = leave(&scene.hub, "").await.expect(302);
        let back = scene.at.visit(left.header("location")).await;
        let asked = || scene.at.change(|world| world.asked.len());
        let before = asked();
        let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
        let others = pairs.iter().filter(|(name, _)| name != "state");
        let with = |state: Option<&str>| {
            let mut url = back.clone();
            url.query_pairs_mut().clear().extend_pairs(others.clone());
            if let Some(state) = state {
                url.query_pairs_mut().append_pair("state", state);
            }
            url
        };
        for wrong in [with(None), with(Some("")), with(Some("another"))] {
            let reply = come_back(&scene.hub, &wrong, kept(&left).as_deref()).await;
            assert_out(&reply, 400, "was not begun in this browser", &scene.case);
        }
        assert_eq!(asked(), before, "{}: no code was shown", scene.case);
        scene.is_unknown().await;
    }
}

#[tokio::test]
async fn whether_it_still_holds() {
    for vendor in vendors() {
        let configure = |config: &mut Config| {
            keep(config);
            (vendor.by_group)(config);
        };
        let scene = vendor.scene("refresh", configure).await;
        let (at, hub, case) = (&scene.at, &scene.hub, &scene.case);
        at.change(|world| (vendor.member)(world, true));
        let login = log_in(hub, at).await.expect(302);
        let holds = async || {
            hub.clock.advance(TimeDelta::seconds(301));
            home(hub, &login).await == 200
        };
        let access = async || state(hub, vendor.name).await["access_token"].clone();
        let first = access().await;
        assert!(holds().await, "{case}: the token is good");
        assert_eq!(access().await, first, "{case}");
        at.change(|world| world.tokens.clear());
        assert!(holds().await, "{case}: the token was renewed");
        assert_ne!(access().await, first, "{case}");
        at.change(|world| world.down = true);
        assert!(holds().await, "{case}: nobody can be asked");
        at.change(|world| world.down = false);
        at.change(|world| (vendor.member)(world, false));
        assert!(!holds().await, "{case}: has left");
        at.change(|world| (vendor.member)(world, true));
        assert!(holds().await, "{case}: is back");
        at.change(|world| {
            world.tokens.clear();
            world.refresh_tokens.clear();
        });
        assert!(!holds().await, "{case}: was taken back");
    }
}
