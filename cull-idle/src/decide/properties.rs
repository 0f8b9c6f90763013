//! What holds for any facts at all.

use proptest::prelude::*;

use super::*;
use crate::facts::{Profile, Stamp};

fn now() -> DateTime<Utc> {
    hub_types::time::parse("2026-11-22T12:00:00Z").unwrap()
}

fn stamps() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        Just(Stamp::Missing),
        Just(Stamp::Never),
        "[a-z0-9]{0,8}".prop_map(Stamp::Unreadable),
        (-200_000_i64..200_000).prop_map(|ago| Stamp::At(now() - TimeDelta::seconds(ago))),
    ]
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![
        4 => Just(State::Ready),
        1 => Just(State::NotReady),
        1 => Just(State::Stopped),
        1 => "[a-z]{1,5}".prop_map(State::Pending),
    ]
}

prop_compose! {
    fn servers()(
        name in prop_oneof![Just(String::new()), Just("gpu".to_owned())],
        state in states(),
        started in stamps(),
        last_activity in stamps(),
    ) -> ServerFacts {
        ServerFacts { name, state, started, last_activity, profile: Profile::None, notice: None }
    }
}

prop_compose! {
    fn policies()(
        timeout in 0_i64..100_000,
        max_age in proptest::option::of(1_i64..200_000),
        switches in any::<[bool; 5]>(),
    ) -> Policy {
        Policy {
            timeout: TimeDelta::seconds(timeout),
            max_age: max_age.map(TimeDelta::seconds),
            notice: TimeDelta::zero(),
            default_servers: switches[0],
            named_servers: switches[1],
            users: switches[2],
            admin_users: switches[3],
            max_age_ignores_filters: switches[4],
            rules: Vec::new(),
        }
    }
}

prop_compose! {
    fn people()(
        admin in any::<Option<bool>>(),
        created in stamps(),
        last_activity in stamps(),
        servers in proptest::option::of(proptest::collection::vec(servers(), 0..4)),
    ) -> UserFacts {
        UserFacts { name: "alice".to_owned(), admin, groups: None, created, last_activity, servers }
    }
}

/// Somebody of whom nothing matters.
fn nobody() -> UserFacts {
    UserFacts {
        name: "nobody".to_owned(),
        admin: None,
        groups: None,
        created: Stamp::Missing,
        last_activity: Stamp::Missing,
        servers: None,
    }
}

fn is_cull(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Cull(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// A culled server is ready, of a kind that may be culled, and its own timestamps prove the limit.
    #[test]
    fn a_stop_is_proved_by_the_facts(policy in policies(), facts in servers()) {
        let allowed = if facts.is_default() { policy.default_servers } else { policy.named_servers };
        match server(&policy, now(), &nobody(), &facts) {
            Verdict::Keep(_) | Verdict::Announce { .. } => {}
            Verdict::Cull(WhyCull::Inactive { since, inactive, .. }) => {
                prop_assert_eq!(&facts.state, &State::Ready);
                prop_assert!(allowed);
                let seen = facts.last_activity.time().or(facts.started.time());
                prop_assert_eq!(seen, Some(since));
                prop_assert!(now() - since >= policy.timeout && inactive >= policy.timeout);
                prop_assert!(facts.started.time().is_none_or(|t| now() - t >= policy.timeout));
                prop_assert!(facts.last_activity != Stamp::Missing);
            }
            Verdict::Cull(WhyCull::TooOld { age, limit }) => {
                prop_assert_eq!(&facts.state, &State::Ready);
                prop_assert!(allowed || policy.max_age_ignores_filters);
                prop_assert_eq!(Some(limit), policy.max_age);
                prop_assert_eq!(facts.started.time().map(|t| now() - t), Some(age));
                prop_assert!(age >= limit);
            }
        }
    }

    /// More patience never culls more: with a longer timeout and no maximum age, what was kept stays kept.
    #[test]
    fn patience_is_monotonous(mut policy in policies(), facts in servers(), more in 0_i64..100_000) {
        policy.max_age = None;
        let before = is_cull(&server(&policy, now(), &nobody(), &facts));
        policy.timeout += TimeDelta::seconds(more);
        prop_assert!(before || !is_cull(&server(&policy, now(), &nobody(), &facts)));
    }

    /// Any use within the timeout saves a server from being called idle, whatever else is said of it.
    #[test]
    fn fresh_activity_saves(mut policy in policies(), mut facts in servers(), ago in 0_i64..100_000) {
        policy.max_age = None;
        policy.timeout = TimeDelta::seconds(ago + 1);
        facts.last_activity = Stamp::At(now() - TimeDelta::seconds(ago));
        prop_assert!(!is_cull(&server(&policy, now(), &nobody(), &facts)));
    }

    /// A user is only ever deleted on demand, when all servers are known and none stays, and never an admin who is exempt.
    #[test]
    fn a_user_outlives_their_servers(policy in policies(), facts in people()) {
        let verdicts: Vec<Verdict> =
            facts.servers.iter().flatten().map(|s| server(&policy, now(), &facts, s)).collect();
        if is_cull(&user(&policy, now(), &facts, &verdicts)) {
            prop_assert!(policy.users);
            prop_assert!(facts.servers.is_some());
            for (server, verdict) in facts.servers.iter().flatten().zip(&verdicts) {
                prop_assert!(is_cull(verdict) || server.state == State::Stopped);
            }
            if !policy.admin_users && !policy.max_age_ignores_filters {
                prop_assert_eq!(facts.admin, Some(false));
            }
            prop_assert!(facts.created.time().is_some() || facts.last_activity.time().is_some());
        }
    }
}
