//! Every vendor, as a table: how the hub is configured, how the provider behaves, and who comes in.

use hub::config::{Accounts, AuthenticatorClass, Config, Provider};
use hub::db::users;
use hub_types::secret::Token;
use serde_json::{Value, json};

use super::stand_in::{StandIn, World};
use super::{allow_all, assert_out, hub, log_in, remembered};

/// What came of a login: who is in, and whether as an administrator; or the status, and a part of what is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    In(&'static str, bool),
    Out(u16, &'static str),
}
pub(super) use Outcome::{In, Out};

const NOT_ALLOWED: Outcome = Out(403, "not currently authorized to use this hub");

/// A row of a table: what it shows, how the hub is configured, how the provider behaves, what comes of it.
pub(super) type Row = (&'static str, fn(&mut Config), fn(&mut World), Outcome);

pub(super) async fn run(provider: Provider, person: &Value, rows: &[Row]) {
    for (case, configure, behave, expected) in rows {
        let at = StandIn::start(person.clone()).await;
        let hub = hub(provider, &at, *configure).await;
        at.change(behave);
        let reply = log_in(&hub, &at).await;
        match *expected {
            Out(status, part) => {
                assert_out(&reply, status, part, case);
                let names = users::names(hub.state.db.read()).await.unwrap();
                let left = names
                    .iter()
                    .any(|name| name.to_lowercase().starts_with("mal"));
                assert!(!left, "{case}: {names:?}");
            }
            In(name, admin) => {
                assert_eq!(
                    (reply.status.as_u16(), reply.header("location")),
                    (302, "/hub/token"),
                    "{case}: {reply:?}"
                );
                assert!(reply.cookie("jupyterhub-hub-login").is_some(), "{case}");
                let user = users::find(hub.state.db.read(), name).await.unwrap();
                assert_eq!(user.map(|user| user.admin), Some(admin), "{case}");
            }
        }
        // Either way, what was remembered has been used up.
        let value = remembered(&reply).map(|(_, value)| value);
        assert_eq!(value.as_deref(), Some(""), "{case}");
    }
}

pub(super) fn nothing<T>(_: &mut T) {}

fn groups_under(config: &mut Config, key: &str) {
    config.authenticator.manage_groups = true;
    config.oauth.auth_state_groups_key = Some(key.to_owned());
    config.oauth.allowed_groups = ["crew".to_owned()].into();
    config.oauth.admin_groups = ["captains".to_owned()].into();
}

/// What every provider has alike.
const COMMON: &[Row] = &[
    ("no rule allows anybody", nothing, nothing, NOT_ALLOWED),
    (
        "somebody else is allowed",
        |config| config.authenticator.allowed_users = ["zoe".to_owned()].into(),
        nothing,
        NOT_ALLOWED,
    ),
    (
        "named, in another case",
        |config| config.authenticator.allowed_users = ["mal".to_owned()].into(),
        nothing,
        In("mal", false),
    ),
    (
        "an administrator",
        |config| config.authenticator.admin_users = ["mal".to_owned()].into(),
        nothing,
        In("mal", true),
    ),
    (
        "blocked, whatever else allows them",
        |config| {
            allow_all(config);
            config.authenticator.blocked_users = ["mal".to_owned()].into();
        },
        nothing,
        NOT_ALLOWED,
    ),
    (
        "renamed by the map",
        |config| {
            allow_all(config);
            config.authenticator.username_map = [("mal".to_owned(), "malcolm".to_owned())].into();
        },
        nothing,
        In("malcolm", false),
    ),
    (
        "denied by the user",
        allow_all,
        |world| world.denies = true,
        Out(403, "you did not agree to sign in"),
    ),
    (
        "the provider is down",
        allow_all,
        |world| world.down = true,
        Out(503, "does not answer right now"),
    ),
    (
        "all scopes that were wanted",
        |config| {
            config.oauth.scope = Some(vec!["a".to_owned(), "b".to_owned()]);
            config.oauth.allowed_scopes = vec!["b".to_owned()];
        },
        |world| world.scope = "a b".to_owned(),
        In("mal", false),
    ),
    (
        "not the scope that was wanted",
        |config| {
            config.oauth.scope = Some(vec!["a".to_owned(), "b".to_owned()]);
            config.oauth.allowed_scopes = vec!["b".to_owned()];
        },
        |world| world.scope = "a".to_owned(),
        NOT_ALLOWED,
    ),
    (
        "a wrong secret of the hub",
        |config| {
            allow_all(config);
            config.oauth.client_secret = Some(Token::from_config("wrong"));
        },
        nothing,
        Out(502, "does not understand"),
    ),
    (
        "id and secret in a header",
        |config| {
            allow_all(config);
            config.oauth.basic_auth = true;
        },
        nothing,
        In("mal", false),
    ),
];

#[tokio::test]
async fn generic() {
    let person =
        json!({"username": "Mal", "email": "mal@ship.example", "groups": ["crew", "captains"]});
    run(Provider::Generic, &person, COMMON).await;
    let rows: &[Row] = &[
        (
            "by group, and an administrator by another",
            |config| groups_under(config, "oauth_user.groups"),
            nothing,
            In("mal", true),
        ),
        (
            "in no group that is allowed",
            |config| groups_under(config, "oauth_user.groups"),
            |world| world.person["groups"] = json!(["passengers"]),
            NOT_ALLOWED,
        ),
        (
            "an administrator by name, in no group of administrators",
            |config| {
                groups_under(config, "oauth_user.groups");
                config.authenticator.admin_users = ["mal".to_owned()].into();
            },
            |world| world.person["groups"] = json!(["crew"]),
            In("mal", true),
        ),
        (
            "no claim with a name",
            allow_all,
            |world| world.person = json!({"login": "mal"}),
            Out(502, "does not understand"),
        ),
        (
            "a name that no user can have",
            allow_all,
            |world| world.person["username"] = json!("../etc"),
            NOT_ALLOWED,
        ),
        (
            "unverified mail",
            |config| {
                allow_all(config);
                config.oauth.username_claim = Some("email".to_owned());
            },
            |world| world.person["email_verified"] = json!(false),
            Out(403, "has not verified your e-mail address"),
        ),
    ];
    run(Provider::Generic, &person, rows).await;
}

#[tokio::test]
async fn github() {
    let person = json!({"login": "Mal", "id": 7, "email": null});
    run(Provider::GitHub, &person, COMMON).await;
    fn of_lab(config: &mut Config) {
        config.github.allowed_organizations = ["lab".to_owned(), "ship:crew".to_owned()].into();
    }
    fn member(world: &mut World, scope: &str, paths: &[&str]) {
        world.scope = scope.to_owned();
        let paths = paths.iter().map(|path| format!("/api/v3/orgs/{path}/Mal"));
        world.members.extend(paths.map(|path| (path, Value::Null)));
    }
    let rows: &[Row] = &[
        (
            "a private member of an organization",
            of_lab,
            |world| member(world, "read:org", &["lab/members"]),
            In("mal", false),
        ),
        (
            "a private member, for a login that may not see them",
            of_lab,
            |world| member(world, "", &["lab/members"]),
            NOT_ALLOWED,
        ),
        (
            "a public member, for a login that may not see others",
            of_lab,
            |world| member(world, "", &["lab/members", "lab/public_members"]),
            In("mal", false),
        ),
        (
            "a public member of the organization, but not of its team",
            of_lab,
            |world| member(world, "read:org", &["ship/members", "ship/public_members"]),
            NOT_ALLOWED,
        ),
        (
            "by team",
            of_lab,
            |world| member(world, "read:org", &["ship/teams/crew/members"]),
            In("mal", false),
        ),
        ("in no organization or team", of_lab, nothing, NOT_ALLOWED),
        (
            "in none, for a login that would see it",
            of_lab,
            |world| member(world, "read:org", &[]),
            NOT_ALLOWED,
        ),
        (
            "an address that is shown to nobody, as the name",
            |config| {
                allow_all(config);
                config.oauth.username_claim = Some("email".to_owned());
            },
            |world| world.scope = "user:email".to_owned(),
            In("mal@ship.example", false),
        ),
        (
            "granted scopes as groups",
            |config| {
                config.oauth.scope = Some(vec!["read:org".to_owned()]);
                config.authenticator.manage_groups = true;
                config.oauth.auth_state_groups_key = Some("scope".to_owned());
                config.oauth.allowed_groups = ["read:org".to_owned()].into();
            },
            |world| world.scope = "read:org".to_owned(),
            In("mal", false),
        ),
    ];
    run(Provider::GitHub, &person, rows).await;
}

#[tokio::test]
async fn gitlab() {
    let person = json!({"username": "Mal", "id": 7});
    run(Provider::GitLab, &person, COMMON).await;
    fn rules(config: &mut Config) {
        config.gitlab.allowed_gitlab_groups = ["ship/crew".to_owned()].into();
        config.gitlab.allowed_project_ids = ["42".to_owned()].into();
    }
    let rows: &[Row] = &[
        (
            "by group",
            rules,
            |world| {
                let path = "/api/v4/groups/ship%2Fcrew/members/all/7";
                world
                    .members
                    .insert(path.to_owned(), json!({"id": 7, "access_level": 10}));
            },
            In("mal", false),
        ),
        (
            "by project",
            rules,
            |world| {
                let path = "/api/v4/projects/42/members/all/7";
                world
                    .members
                    .insert(path.to_owned(), json!({"id": 7, "access_level": 30}));
            },
            In("mal", false),
        ),
        (
            "of a project, but no developer",
            rules,
            |world| {
                let path = "/api/v4/projects/42/members/all/7";
                world
                    .members
                    .insert(path.to_owned(), json!({"id": 7, "access_level": 20}));
            },
            NOT_ALLOWED,
        ),
        ("in no group or project", rules, nothing, NOT_ALLOWED),
    ];
    run(Provider::GitLab, &person, rows).await;
}

#[tokio::test]
async fn google() {
    fn hosted(config: &mut Config) {
        allow_all(config);
        config.google.hosted_domain = vec!["ship.example".to_owned()];
    }
    let person = json!({"email": "Mal@ship.example", "verified_email": true, "hd": "ship.example"});
    let rows: &[Row] = &[
        (
            "the whole address",
            allow_all,
            nothing,
            In("mal@ship.example", false),
        ),
        ("of the hosted domain", hosted, nothing, In("mal", false)),
        (
            "of another",
            hosted,
            |world| world.person["hd"] = json!("evil.example"),
            NOT_ALLOWED,
        ),
        (
            "of none",
            hosted,
            |world| world.person["hd"] = Value::Null,
            NOT_ALLOWED,
        ),
        (
            "unverified mail",
            hosted,
            |world| world.person["verified_email"] = json!(false),
            Out(403, "Google has not verified your e-mail address"),
        ),
        (
            "an administrator",
            |config| {
                config.google.hosted_domain = vec!["ship.example".to_owned()];
                config.authenticator.admin_users = ["mal".to_owned()].into();
            },
            nothing,
            In("mal", true),
        ),
        (
            "a hosted domain alone allows nobody",
            |config| config.google.hosted_domain = vec!["ship.example".to_owned()],
            nothing,
            NOT_ALLOWED,
        ),
        (
            "denied by the user",
            hosted,
            |world| world.denies = true,
            Out(403, "Google says that you did not agree"),
        ),
        (
            "the provider is down",
            hosted,
            |world| world.down = true,
            Out(503, "Google does not answer right now"),
        ),
    ];
    run(Provider::Google, &person, rows).await;
}

#[tokio::test]
async fn oidc() {
    let person = json!({"sub": "u-7", "preferred_username": "Mal", "email": "mal@ship.example", "groups": ["crew"]});
    let common: Vec<Row> = COMMON
        .iter()
        // A provider that is down cannot even say where people log in: see below.
        .filter(|(case, ..)| *case != "the provider is down")
        .copied()
        .collect();
    run(Provider::Oidc, &person, &common).await;
    const BAD: Outcome = Out(502, "does not understand");
    let rows: &[Row] = &[
        (
            "by group",
            |config| groups_under(config, "oidc_user.groups"),
            nothing,
            In("mal", false),
        ),
        (
            "unverified mail",
            |config| {
                allow_all(config);
                config.oauth.username_claim = Some("email".to_owned());
            },
            nothing,
            Out(403, "has not verified your e-mail address"),
        ),
        (
            "verified mail",
            |config| {
                allow_all(config);
                config.oauth.username_claim = Some("email".to_owned());
            },
            |world| world.person["email_verified"] = json!(true),
            In("mal@ship.example", false),
        ),
        (
            "what is signed wins",
            allow_all,
            |world| world.claims = json!({"preferred_username": "signed"}),
            In("signed", false),
        ),
        (
            "of another issuer",
            allow_all,
            |world| world.claims = json!({"iss": "https://evil.example"}),
            BAD,
        ),
        (
            "for another client",
            allow_all,
            |world| world.claims = json!({"aud": "other"}),
            BAD,
        ),
        (
            "of another login",
            allow_all,
            |world| world.claims = json!({"nonce": "other"}),
            BAD,
        ),
        (
            "expired",
            allow_all,
            |world| world.claims = json!({"exp": 0}),
            BAD,
        ),
        (
            "userinfo about somebody else",
            allow_all,
            |world| world.claims = json!({"sub": "u-8"}),
            BAD,
        ),
    ];
    run(Provider::Oidc, &person, rows).await;
}

/// Security case 59: an address that is not verified, that names two people, or that another organization has handed out.
#[tokio::test]
async fn case_59_claims_of_identity_providers() {
    fn by_address(config: &mut Config) {
        allow_all(config);
        config.oauth.username_claim = Some("email".to_owned());
    }
    let person = json!({"sub": "u-7", "email": "mal@ship.example", "email_verified": true});
    const NOBODY: Outcome = Out(403, "");
    let rows: &[Row] = &[
        (
            "verified",
            by_address,
            nothing,
            In("mal@ship.example", false),
        ),
        (
            "unverified",
            by_address,
            |world| world.person["email_verified"] = json!(false),
            NOBODY,
        ),
        (
            "two people",
            by_address,
            |world| world.person["email"] = json!("mal@ship.example@evil.example"),
            NOBODY,
        ),
        (
            "a display name",
            by_address,
            |world| world.person["email"] = json!("mal@ship.example <x@evil.example>"),
            NOBODY,
        ),
        (
            "another alphabet",
            by_address,
            |world| world.person["email"] = json!("m\u{430}l@ship.example"),
            NOBODY,
        ),
        // What it looks like is not what it is: a name of its own.
        (
            "a domain in another spelling",
            by_address,
            |world| world.person["email"] = json!("mal@xn--shp-tma.example"),
            In("mal@xn--shp-tma.example", false),
        ),
        (
            "another provider",
            by_address,
            |world| world.claims = json!({"iss": "https://evil.example"}),
            Out(502, ""),
        ),
        (
            "another person",
            by_address,
            |world| world.claims = json!({"sub": "u-8"}),
            Out(502, ""),
        ),
    ];
    run(Provider::Oidc, &person, rows).await;
}

/// With the `Local…` classes a name is that of a user of this machine.
#[tokio::test]
async fn names_of_users_of_this_machine() {
    fn local(config: &mut Config) {
        config.jupyterhub.authenticator_class =
            AuthenticatorClass::OAuth(Provider::GitHub, Accounts::System);
    }
    fn local_for_all(config: &mut Config) {
        local(config);
        allow_all(config);
    }
    fn by_group(config: &mut Config) {
        local(config);
        config.local_users.allowed_groups = ["root".to_owned()].into();
    }
    let rows: &[Row] = &[
        ("there is one", local_for_all, nothing, In("root", false)),
        (
            "by a group of the system",
            by_group,
            nothing,
            In("root", false),
        ),
        ("no rule", local, nothing, NOT_ALLOWED),
        (
            "there is none",
            local_for_all,
            |world| world.person["login"] = json!("mal-who-is-not-here"),
            NOT_ALLOWED,
        ),
        (
            "not in that group",
            by_group,
            |world| world.person["login"] = json!("mal-who-is-not-here"),
            NOT_ALLOWED,
        ),
    ];
    run(Provider::GitHub, &json!({"login": "root", "id": 7}), rows).await;
}
