use super::*;
use crate::auth::page::Fault;
use crate::config::{Accounts, Config};

fn settings(provider: Provider, change: impl FnOnce(&mut Config)) -> Settings {
    let mut config = Config::default();
    change(&mut config);
    Settings::new(&config, provider, Accounts::Hub)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn named(settings: &Settings, google: &GoogleOAuthenticator, info: Value) -> Result<String, Fault> {
    name(settings, google, &object(info)).map_err(|refused| refused.fault)
}

#[test]
fn what_somebody_is_called() {
    let nobody = GoogleOAuthenticator::default();
    let by_mail = |config: &mut Config| config.oauth.username_claim = Some("email".into());
    let mail = |verified: Value| json!({"email": "mal@ship.example", "email_verified": verified});
    let (person, answer) = (Err(Fault::Person), Err(Fault::Answer));
    for (provider, change, info, expected) in [
        (
            Provider::Generic,
            false,
            json!({"username": "mal"}),
            Ok("mal"),
        ),
        (Provider::Generic, false, json!({"username": 7}), Ok("7")),
        (Provider::Generic, false, json!({"username": ""}), answer),
        (
            Provider::Generic,
            false,
            json!({"username": ["mal"]}),
            answer,
        ),
        (Provider::Generic, false, json!({"login": "mal"}), answer),
        (Provider::GitHub, false, json!({"login": "mal"}), Ok("mal")),
        (
            Provider::GitLab,
            false,
            json!({"username": "mal"}),
            Ok("mal"),
        ),
        (
            Provider::Oidc,
            false,
            json!({"preferred_username": "mal"}),
            Ok("mal"),
        ),
        (
            Provider::Oidc,
            true,
            mail(json!(true)),
            Ok("mal@ship.example"),
        ),
        (
            Provider::Oidc,
            true,
            mail(json!("true")),
            Ok("mal@ship.example"),
        ),
        (Provider::Oidc, true, mail(json!(false)), person),
        (
            Provider::Oidc,
            true,
            json!({"email": "mal@ship.example"}),
            person,
        ),
        (
            Provider::Generic,
            true,
            json!({"email": "mal@ship.example"}),
            Ok("mal@ship.example"),
        ),
        (
            Provider::GitLab,
            true,
            json!({"email": "mal@ship.example", "confirmed_at": "2012-05-23T09:05:22Z"}),
            Ok("mal@ship.example"),
        ),
        (
            Provider::GitLab,
            true,
            json!({"email": "mal@ship.example", "confirmed_at": null}),
            person,
        ),
        (
            Provider::GitHub,
            true,
            json!({"login": "mal", "email": null, "email_verified": false}),
            person,
        ),
        (
            Provider::GitHub,
            true,
            json!({"login": "mal", "email": null}),
            answer,
        ),
        (Provider::Generic, true, mail(json!(false)), person),
        (Provider::Generic, true, mail(json!("no")), person),
        (Provider::Generic, true, json!({"email": "mal"}), person),
        (
            Provider::Generic,
            true,
            json!({"email": "mal@ship.example@evil.example"}),
            person,
        ),
        (
            Provider::Generic,
            true,
            json!({"email": "Mal <mal@ship.example>"}),
            person,
        ),
        (
            Provider::Generic,
            true,
            json!({"email": "mal@ship.example\n"}),
            person,
        ),
        (
            Provider::Generic,
            true,
            json!({"email": "@ship.example"}),
            person,
        ),
    ] {
        let settings = match change {
            true => settings(provider, by_mail),
            false => settings(provider, |_| {}),
        };
        let got = named(&settings, &nobody, info.clone());
        assert_eq!(got, expected.map(String::from), "{provider:?} {info}");
    }
}

#[test]
fn who_is_of_an_organization_at_google() {
    let settings = settings(Provider::Google, |_| {});
    let google = |domains: &[&str], strip_domain| GoogleOAuthenticator {
        hosted_domain: domains.iter().map(ToString::to_string).collect(),
        strip_domain,
        ..GoogleOAuthenticator::default()
    };
    let mal = |hd: &str| json!({"email": "Mal@One.example", "verified_email": true, "hd": hd});
    let person = Err(Fault::Person);
    for (google, info, expected) in [
        (google(&[], None), mal(""), Ok("Mal@One.example")),
        (
            google(&["one.example"], None),
            mal("one.example"),
            Ok("Mal"),
        ),
        (
            google(&["one.example"], Some(false)),
            mal("one.example"),
            Ok("Mal@One.example"),
        ),
        (
            google(&["one.example", "two.example"], None),
            mal("one.example"),
            Ok("Mal@One.example"),
        ),
        (
            google(&["one.example", "two.example"], Some(true)),
            mal("one.example"),
            Ok("Mal"),
        ),
        // The address says so, the organization does not.
        (google(&["one.example"], None), mal(""), person),
        (google(&["one.example"], None), mal("two.example"), person),
        // An alias: of the organization, and with the domain of another.
        (
            google(&["two.example"], None),
            mal("two.example"),
            Ok("Mal@One.example"),
        ),
        (
            google(&[], None),
            json!({"email": "mal@one.example", "verified_email": false}),
            person,
        ),
        (
            google(&[], None),
            json!({"email": "mal@one.example"}),
            person,
        ),
    ] {
        let got = named(&settings, &google, info.clone());
        assert_eq!(got, expected.map(String::from), "{google:?} {info}");
    }
}

#[test]
fn who_is_allowed_and_who_is_an_administrator() {
    let token = |scope: &str| object(json!({"access_token": "a", "scope": scope}));
    let in_groups =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
    let rules = settings(Provider::Generic, |config| {
        config.oauth.allowed_scopes = vec!["a".into(), "b".into()];
        config.oauth.allowed_groups = ["crew".to_owned()].into();
        config.oauth.admin_groups = ["captains".to_owned()].into();
    });
    for (scope, groups, comes_in, is_admin) in [
        ("", None, false, None),
        ("a", None, false, None),
        ("b a", None, true, None),
        ("a,b", None, true, None),
        ("", Some(in_groups(&[])), false, Some(false)),
        ("", Some(in_groups(&["crew"])), true, Some(false)),
        ("", Some(in_groups(&["captains"])), false, Some(true)),
    ] {
        let got = allowed(&rules, &token(scope), groups.as_ref());
        assert_eq!(got, comes_in, "{scope} {groups:?}");
        assert_eq!(admin(&rules, groups.as_ref()), is_admin);
    }
    assert!(!allowed(
        &settings(Provider::Generic, |_| {}),
        &token("a"),
        None
    ));
}

#[test]
fn what_is_kept_and_where_groups_are_in_it() {
    let settings = settings(Provider::GitHub, |_| {});
    let token =
        object(json!({"access_token": "a", "scope": "x,y", "token_type": "bearer", "more": 1}));
    let info = object(json!({"login": "mal", "of": {"teams": ["crew", 7, "pilots"]}}));
    let state = state(&settings, &token, &info);
    assert_eq!(
        Value::Object(state.clone()),
        json!({
            "access_token": "a",
            "refresh_token": null,
            "id_token": null,
            "scope": ["x", "y"],
            "token_response": {"access_token": "a", "scope": "x,y", "token_type": "bearer", "more": 1},
            "github_user": {"login": "mal", "of": {"teams": ["crew", 7, "pilots"]}},
        })
    );
    let found = |key: &str| groups(key, &state).into_iter().collect::<Vec<_>>();
    assert_eq!(found("github_user.of.teams"), ["crew", "pilots"]);
    assert_eq!(found("scope"), ["x", "y"]);
    for nothing in [
        "",
        "github_user",
        "github_user.login",
        "github_user.of.teams.x",
        "no.such",
    ] {
        assert!(found(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn a_blank_group_is_no_rule() {
    let blank = || ["".to_owned(), " ".to_owned()].into();
    let settings = settings(Provider::Generic, |config| {
        config.oauth.admin_groups = blank();
        config.oauth.allowed_groups = blank();
    });
    let token = object(json!({}));
    for own in [["".to_owned()], ["crew".to_owned()]] {
        let own = own.into();
        assert_eq!(admin(&settings, Some(&own)), None, "administrators stay");
        assert!(!allowed(&settings, &token, Some(&own)));
    }
}
