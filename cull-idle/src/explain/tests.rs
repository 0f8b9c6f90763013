use chrono::TimeDelta;

use super::*;
use crate::rules::Patterns;

fn now() -> DateTime<Utc> {
    hub_types::time::parse("2026-11-22T12:00:00Z").unwrap()
}

fn ago(seconds: i64) -> Stamp {
    Stamp::At(now() - TimeDelta::seconds(seconds))
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        timeout: TimeDelta::seconds(3_600),
        max_age: None,
        notice: TimeDelta::seconds(600),
        default_servers: true,
        named_servers: true,
        users: true,
        admin_users: true,
        max_age_ignores_filters: false,
        rules,
    }
}

fn staff() -> Rule {
    Rule {
        name: "staff (culler.toml:3)".to_owned(),
        users: None,
        groups: Some(Patterns::new(vec!["staff".to_owned()])),
        servers: None,
        profiles: None,
        then: Then::Limits {
            timeout: Some(TimeDelta::hours(12)),
            max_age: None,
            notice: None,
        },
    }
}

fn alice(groups: &[&str]) -> UserFacts {
    UserFacts {
        name: "alice".to_owned(),
        admin: Some(false),
        groups: Some(groups.iter().map(|&group| group.to_owned()).collect()),
        created: ago(900_000),
        last_activity: ago(7_200),
        servers: Some(vec![ServerFacts {
            name: "gpu".to_owned(),
            state: State::Ready,
            started: ago(90_000),
            last_activity: ago(7_200),
            profile: Profile::Named("large".to_owned()),
            notice: None,
        }]),
    }
}

#[test]
fn what_is_asked() {
    for (text, user, server) in [
        ("alice", "alice", None),
        ("alice/", "alice", Some("")),
        ("alice/gpu", "alice", Some("gpu")),
        ("a%2Fb/x/y", "a/b", Some("x/y")),
    ] {
        let expected = Asked {
            user: user.to_owned(),
            server: server.map(ToOwned::to_owned),
        };
        assert_eq!(Asked::parse(text), expected, "{text}");
    }
}

#[test]
fn the_story_of_a_server() {
    let policy = policy(vec![staff()]);
    let user = alice(&["staff"]);
    let text = about_server(&policy, now(), &user, find(&user, "gpu").unwrap());
    assert_eq!(
        text,
        "alice/gpu is kept: inactive for 2 h 0 min only (limit 12 h 0 min)\n\
         \x20 state          ready\n\
         \x20 started        2026-11-21T11:00:00Z (25 h 0 min ago)\n\
         \x20 last_activity  2026-11-22T10:00:00Z (2 h 0 min ago)\n\
         \x20 groups         staff\n\
         \x20 profile        large\n\
         \x20 rule           staff (culler.toml:3): limits below\n\
         \x20 limits         timeout 12 h 0 min, maximum age none, notice 10 min\n"
    );
}

#[test]
fn the_story_of_a_user_contains_their_servers() {
    let policy = policy(vec![staff()]);
    let text = about_user(&policy, now(), &alice(&[]));
    assert!(
        text.starts_with("user alice is kept: a server of theirs is alive\n"),
        "{text}"
    );
    assert!(
        text.contains("server         alice/gpu is kept, and announced to be stopped at 2026-11-22T12:10:00Z: "),
        "{text}"
    );
    assert!(text.contains("rule           none of 1 applies"), "{text}");
}

#[test]
fn what_is_not_there_is_named() {
    let why = find(&alice(&[]), "cpu").unwrap_err().to_string();
    assert_eq!(
        why,
        "--explain: alice has no active server \"cpu\"; active: \"gpu\""
    );
    let blind = UserFacts {
        servers: None,
        ..alice(&[])
    };
    let why = find(&blind, "").unwrap_err().to_string();
    assert!(why.contains("read:servers"), "{why}");
}
