use super::*;
use crate::facts::{Stamp, State};

fn patterns(patterns: &[&str]) -> Option<Patterns> {
    let patterns = patterns.iter().map(|&pattern| pattern.to_owned());
    Some(Patterns::new(patterns.collect()))
}

fn rule(name: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        users: None,
        groups: None,
        servers: None,
        profiles: None,
        then: Then::Keep,
    }
}

fn person(name: &str, groups: Option<&[&str]>) -> UserFacts {
    UserFacts {
        name: name.to_owned(),
        admin: Some(false),
        groups: groups.map(|groups| groups.iter().map(|&group| group.to_owned()).collect()),
        created: Stamp::Missing,
        last_activity: Stamp::Missing,
        servers: None,
    }
}

fn server(name: &str, profile: Profile) -> ServerFacts {
    ServerFacts {
        name: name.to_owned(),
        state: State::Ready,
        started: Stamp::Missing,
        last_activity: Stamp::Missing,
        profile,
        notice: None,
    }
}

fn rules() -> Vec<Rule> {
    vec![
        Rule {
            users: patterns(&["demo-*"]),
            servers: patterns(&[""]),
            ..rule("demos")
        },
        Rule {
            groups: patterns(&["staff", "course-*"]),
            ..rule("staff")
        },
        Rule {
            profiles: patterns(&["large"]),
            ..rule("large")
        },
        Rule {
            users: patterns(&["zoe"]),
            ..rule("zoe")
        },
    ]
}

#[test]
fn the_first_rule_that_applies_counts() {
    let plain = || server("", Profile::None);
    for (user, server, expected) in [
        (person("demo-1", Some(&[])), plain(), Ok(Some("demos"))),
        (
            person("demo-1", Some(&["staff"])),
            server("gpu", Profile::None),
            Ok(Some("staff")),
        ),
        (
            person("bob", Some(&["x", "course-7"])),
            server("", Profile::Named("large".into())),
            Ok(Some("staff")),
        ),
        (
            person("bob", Some(&[])),
            server("", Profile::Named("large".into())),
            Ok(Some("large")),
        ),
        (
            person("bob", Some(&[])),
            server("", Profile::Named("small".into())),
            Ok(None),
        ),
        (person("zoe", Some(&[])), plain(), Ok(Some("zoe"))),
        (
            person("demo-1", None),
            plain(),
            Ok(Some("demos")), // decided before the groups are asked for
        ),
        (person("bob", None), plain(), Err(NotTold("groups"))),
        (
            person("bob", Some(&[])),
            server("", Profile::Unknown),
            Err(NotTold("user_options")),
        ),
    ] {
        let rules = rules();
        let found = for_server(&rules, &user, &server).map(|rule| rule.map(|rule| &*rule.name));
        assert_eq!(found, expected, "{user:?} {server:?}");
    }
}

#[test]
fn rules_on_servers_say_nothing_of_users() {
    let rules = rules();
    let name = |user: &UserFacts| for_user(&rules, user).map(|rule| rule.map(|rule| &*rule.name));
    assert_eq!(name(&person("demo-1", Some(&[]))), Ok(None));
    assert_eq!(name(&person("demo-1", Some(&["staff"]))), Ok(Some("staff")));
    assert_eq!(name(&person("zoe", None)), Err(NotTold("groups")));
}

#[test]
fn a_condition_that_fails_needs_no_other() {
    let rules = [Rule {
        users: patterns(&["zoe"]),
        groups: patterns(&["staff"]),
        ..rule("both")
    }];
    assert_eq!(for_user(&rules, &person("bob", None)), Ok(None));
    assert_eq!(
        for_user(&rules, &person("zoe", None)),
        Err(NotTold("groups"))
    );
}
