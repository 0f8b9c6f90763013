//! Rules spare, and set other limits.

use super::*;
use crate::rules::{Patterns, Rule, Then};

fn rule(groups: &[&str], then: Then) -> Rule {
    let groups = groups.iter().map(|&group| group.to_owned());
    Rule {
        name: "test".to_owned(),
        users: None,
        groups: Some(Patterns::new(groups.collect())),
        servers: None,
        profiles: None,
        then,
    }
}

fn patient(seconds: i64) -> Then {
    Then::Limits {
        timeout: Some(TimeDelta::seconds(seconds)),
        max_age: Some(None),
        notice: None,
    }
}

fn member(groups: Option<&[&str]>) -> UserFacts {
    UserFacts {
        groups: groups.map(|groups| groups.iter().map(|&group| group.to_owned()).collect()),
        ..person(ago(9_000), ago(9_000))
    }
}

#[test]
fn servers_and_users_by_their_rules() {
    let policy = with(|p| {
        aged(p);
        p.users = true;
        p.rules = vec![
            rule(&["spared"], Then::Keep),
            rule(&["patient"], patient(8_000)),
        ];
    });
    for (groups, last_used, server_is, user_is) in [
        (Some(&["spared"][..]), 8_500, "rule test", "rule test"),
        (Some(&["patient"]), 7_999, "active 7999", "idle 9000"),
        (Some(&["patient"]), 8_000, "idle 8000", "idle 9000"),
        (
            Some(&["patient", "spared"]),
            8_500,
            "rule test",
            "rule test",
        ),
        (Some(&[]), 1, "old 9000", "idle 9000"),
        (None, 8_500, "no groups", "no groups"),
    ] {
        let who = member(groups);
        let facts = ready(ago(9_000), ago(last_used));
        let verdict = server(&policy, now(), &who, &facts);
        assert_eq!(short(&verdict), server_is, "server of {groups:?}");
        assert_eq!(
            short(&user(&policy, now(), &who, &[])),
            user_is,
            "user in {groups:?}"
        );
    }
}

#[test]
fn a_rule_sets_limits_and_filters_still_hold() {
    let policy = with(|p| {
        p.default_servers = false;
        p.rules = vec![rule(&["hasty"], patient(5))];
    });
    let verdict = server(
        &policy,
        now(),
        &member(Some(&["hasty"])),
        &ready(ago(9_000), ago(10)),
    );
    assert_eq!(short(&verdict), "exempt DefaultServers");
}
