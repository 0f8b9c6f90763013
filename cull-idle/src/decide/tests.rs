//! One row per rule of jupyterhub-idle-culler 2.0, and one per rule of ours.

use super::*;
use crate::facts::{Profile, Stamp};

mod notices;
mod rules;
mod servers;
mod users;

/// The hub's time in every row.
fn now() -> DateTime<Utc> {
    hub_types::time::parse("2026-11-22T12:00:00Z").unwrap()
}

/// So many seconds ago (ahead, if negative).
fn ago(seconds: i64) -> Stamp {
    Stamp::At(now() - TimeDelta::seconds(seconds))
}

fn junk() -> Stamp {
    Stamp::Unreadable("junk".into())
}

/// `--timeout=600`, everything else as it is by default.
fn policy() -> Policy {
    Policy {
        timeout: TimeDelta::seconds(600),
        max_age: None,
        notice: TimeDelta::zero(),
        default_servers: true,
        named_servers: true,
        users: false,
        admin_users: true,
        max_age_ignores_filters: false,
        rules: Vec::new(),
    }
}

fn with(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = policy();
    change(&mut policy);
    policy
}

fn aged(policy: &mut Policy) {
    policy.max_age = Some(TimeDelta::seconds(5_000));
}

/// A ready default server, started and last used so many seconds ago.
fn ready(started: Stamp, last_activity: Stamp) -> ServerFacts {
    ServerFacts {
        name: String::new(),
        state: State::Ready,
        started,
        last_activity,
        profile: Profile::None,
        notice: None,
    }
}

fn named(started: Stamp, last_activity: Stamp) -> ServerFacts {
    ServerFacts {
        name: "gpu".into(),
        ..ready(started, last_activity)
    }
}

fn in_state(state: State) -> ServerFacts {
    ServerFacts {
        state,
        ..ready(ago(9_000), ago(9_000))
    }
}

/// The verdict in short: what the table says.
fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Cull(WhyCull::Inactive { inactive, .. }) => {
            format!("idle {}", inactive.num_seconds())
        }
        Verdict::Cull(WhyCull::TooOld { age, .. }) => format!("old {}", age.num_seconds()),
        Verdict::Announce { why, stop_at } => format!(
            "{} in {}",
            short(&Verdict::Cull(why.clone())),
            (*stop_at - now()).num_seconds()
        ),
        Verdict::Keep(why) => match why {
            WhyKeep::Active { inactive, .. } => format!("active {}", inactive.num_seconds()),
            WhyKeep::Pending(what) => format!("pending {what}"),
            WhyKeep::NotReady => "not ready".into(),
            WhyKeep::Stopped => "stopped".into(),
            WhyKeep::Exempt(kind) => format!("exempt {kind:?}"),
            WhyKeep::Unknown(field) => format!("no {field}"),
            WhyKeep::Unreadable { field, .. } => format!("bad {field}"),
            WhyKeep::Future { field, .. } => format!("future {field}"),
            WhyKeep::Rule(name) => format!("rule {name}"),
            WhyKeep::Announced { left } => format!("announced {}", left.num_seconds()),
            WhyKeep::ServersAlive(count) => format!("{count} alive"),
            WhyKeep::UsersStay => "users stay".into(),
        },
    }
}

fn person(created: Stamp, last_activity: Stamp) -> UserFacts {
    UserFacts {
        name: "alice".into(),
        admin: Some(false),
        groups: Some(Vec::new()),
        created,
        last_activity,
        servers: Some(Vec::new()),
    }
}

/// The verdict about a server of somebody of whom nothing else matters.
fn judged(policy: &Policy, facts: &ServerFacts) -> Verdict {
    server(policy, now(), &person(ago(9_000), ago(9_000)), facts)
}

#[test]
fn the_condition_is_the_activity_that_was_read() {
    let since = |facts: &ServerFacts| match judged(&policy(), facts) {
        Verdict::Cull(WhyCull::Inactive { since, .. }) => since,
        other => panic!("{other:?}"),
    };
    let at = |seconds| now() - TimeDelta::seconds(seconds);
    assert_eq!(since(&ready(ago(9_000), ago(700))), at(700));
    assert_eq!(
        since(&ready(ago(800), ago(900))),
        at(900),
        "not the later start"
    );
    assert_eq!(since(&ready(ago(800), Stamp::Never)), at(800));
}

#[test]
fn reasons_are_sentences() {
    for (verdict, text) in [
        (
            judged(&policy(), &ready(ago(9_000), ago(612))),
            "inactive for 10 min (limit 10 min)",
        ),
        (
            judged(
                &with(|p| p.timeout = TimeDelta::seconds(5)),
                &ready(ago(60), ago(12)),
            ),
            "inactive for 12 s (limit 5 s)",
        ),
        (
            judged(&with(aged), &ready(ago(5_400), ago(1))),
            "running for 90 min (limit 83 min)",
        ),
        (
            judged(&policy(), &ready(ago(9_000), junk())),
            "last_activity is no timestamp: junk",
        ),
        (
            judged(&policy(), &ready(ago(9_000), ago(-7_200))),
            "last_activity lies 2 h 0 min in the future",
        ),
        (
            judged(&policy(), &in_state(State::Pending("stop".into()))),
            "stop is pending",
        ),
    ] {
        let said = match verdict {
            Verdict::Cull(why) => why.to_string(),
            Verdict::Keep(why) => why.to_string(),
            Verdict::Announce { .. } => "announced".to_owned(),
        };
        assert_eq!(said, text);
    }
}
