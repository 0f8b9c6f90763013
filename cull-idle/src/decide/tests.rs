//! One row per rule of jupyterhub-idle-culler 2.0, and one per rule of ours.

use super::*;

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
        default_servers: true,
        named_servers: true,
        users: false,
        admin_users: true,
        max_age_ignores_filters: false,
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
        Verdict::Keep(why) => match why {
            WhyKeep::Active { inactive, .. } => format!("active {}", inactive.num_seconds()),
            WhyKeep::Pending(what) => format!("pending {what}"),
            WhyKeep::NotReady => "not ready".into(),
            WhyKeep::Stopped => "stopped".into(),
            WhyKeep::Exempt(kind) => format!("exempt {kind:?}"),
            WhyKeep::Unknown(field) => format!("no {field}"),
            WhyKeep::Unreadable { field, .. } => format!("bad {field}"),
            WhyKeep::Future { field, .. } => format!("future {field}"),
            WhyKeep::ServersAlive(count) => format!("{count} alive"),
            WhyKeep::UsersStay => "users stay".into(),
        },
    }
}

#[test]
fn servers() {
    for (rule, policy, facts, expected) in [
        // Upstream's rules.
        (
            "idle for the timeout",
            policy(),
            ready(ago(9_000), ago(600)),
            "idle 600",
        ),
        (
            "a second less is active",
            policy(),
            ready(ago(9_000), ago(599)),
            "active 599",
        ),
        (
            "pending is kept",
            policy(),
            in_state(State::Pending("stop".into())),
            "pending stop",
        ),
        (
            "not ready is kept",
            policy(),
            in_state(State::NotReady),
            "not ready",
        ),
        (
            "never active counts from the start",
            policy(),
            ready(ago(700), Stamp::Never),
            "idle 700",
        ),
        (
            "never active, just started",
            policy(),
            ready(ago(60), Stamp::Never),
            "active 60",
        ),
        (
            "never active, start not known",
            policy(),
            ready(Stamp::Never, Stamp::Never),
            "no started",
        ),
        (
            "hubs before 0.9 say no start",
            policy(),
            ready(Stamp::Missing, ago(700)),
            "idle 700",
        ),
        (
            "named servers too",
            policy(),
            named(ago(9_000), ago(700)),
            "idle 700",
        ),
        (
            "default servers exempt",
            with(|p| p.default_servers = false),
            ready(ago(9_000), ago(700)),
            "exempt DefaultServers",
        ),
        (
            "that exempts no named one",
            with(|p| p.default_servers = false),
            named(ago(9_000), ago(700)),
            "idle 700",
        ),
        (
            "named servers exempt",
            with(|p| p.named_servers = false),
            named(ago(9_000), ago(700)),
            "exempt NamedServers",
        ),
        (
            "that exempts no default one",
            with(|p| p.named_servers = false),
            ready(ago(9_000), ago(700)),
            "idle 700",
        ),
        (
            "too old although active",
            with(aged),
            ready(ago(5_000), ago(1)),
            "old 5000",
        ),
        (
            "not too old yet",
            with(aged),
            ready(ago(4_999), ago(1)),
            "active 1",
        ),
        (
            "idle comes before too old",
            with(aged),
            ready(ago(9_000), ago(700)),
            "idle 700",
        ),
        (
            "pending, though too old",
            with(aged),
            in_state(State::Pending("spawn".into())),
            "pending spawn",
        ),
        (
            "age needs a start",
            with(aged),
            ready(Stamp::Never, ago(1)),
            "active 1",
        ),
        // Ours: what is missing, wrong or contradictory never counts as idle.
        (
            "activity not told",
            policy(),
            ready(ago(9_000), Stamp::Missing),
            "no last_activity",
        ),
        (
            "nothing told",
            policy(),
            ready(Stamp::Missing, Stamp::Missing),
            "no started",
        ),
        (
            "activity unreadable",
            policy(),
            ready(ago(9_000), junk()),
            "bad last_activity",
        ),
        (
            "start unreadable",
            policy(),
            ready(junk(), ago(9_000)),
            "bad started",
        ),
        (
            "activity in the future",
            policy(),
            ready(ago(9_000), ago(-3_600)),
            "future last_activity",
        ),
        (
            "start in the future",
            policy(),
            ready(ago(-3_600), ago(9_000)),
            "future started",
        ),
        (
            "activity while we read",
            policy(),
            ready(ago(9_000), ago(-30)),
            "active -30",
        ),
        (
            "restarted after its last use",
            policy(),
            ready(ago(60), ago(9_000)),
            "active 60",
        ),
        ("stopped", policy(), in_state(State::Stopped), "stopped"),
        (
            "too old, activity unreadable",
            with(aged),
            ready(ago(9_000), junk()),
            "old 9000",
        ),
        (
            "start unreadable has no age",
            with(aged),
            ready(junk(), ago(1)),
            "bad started",
        ),
        // Ours: --max-age honours the filters, unless upstream's way is asked for.
        (
            "exempt from age too",
            with(|p| {
                aged(p);
                p.default_servers = false;
            }),
            ready(ago(9_000), ago(1)),
            "active 1",
        ),
        (
            "exempt and idle and old",
            with(|p| {
                aged(p);
                p.named_servers = false;
            }),
            named(ago(9_000), ago(700)),
            "exempt NamedServers",
        ),
        (
            "age passes over filters on demand",
            with(|p| {
                aged(p);
                p.default_servers = false;
                p.max_age_ignores_filters = true;
            }),
            ready(ago(9_000), ago(1)),
            "old 9000",
        ),
    ] {
        assert_eq!(short(&server(&policy, now(), &facts)), expected, "{rule}");
    }
}

fn cull() -> Verdict {
    Verdict::Cull(WhyCull::Inactive {
        since: now(),
        inactive: TimeDelta::zero(),
        limit: TimeDelta::zero(),
    })
}

fn keep() -> Verdict {
    Verdict::Keep(WhyKeep::NotReady)
}

fn person(created: Stamp, last_activity: Stamp) -> UserFacts {
    UserFacts {
        name: "alice".into(),
        admin: Some(false),
        created,
        last_activity,
        servers: Some(Vec::new()),
    }
}

fn admin(created: Stamp, last_activity: Stamp, admin: Option<bool>) -> UserFacts {
    UserFacts {
        admin,
        ..person(created, last_activity)
    }
}

#[test]
fn users() {
    let on = |p: &mut Policy| p.users = true;
    let guarded = |p: &mut Policy| {
        p.users = true;
        p.admin_users = false;
    };
    let old = |p: &mut Policy| {
        p.users = true;
        aged(p);
    };
    let blind = UserFacts {
        servers: None,
        ..person(ago(9_000), ago(9_000))
    };
    for (rule, policy, facts, servers, expected) in [
        (
            "not without the flag",
            policy(),
            person(ago(9_000), ago(9_000)),
            vec![],
            "users stay",
        ),
        (
            "idle, no servers",
            with(on),
            person(ago(9_000), ago(600)),
            vec![],
            "idle 600",
        ),
        (
            "active",
            with(on),
            person(ago(9_000), ago(599)),
            vec![],
            "active 599",
        ),
        (
            "all servers culled",
            with(on),
            person(ago(9_000), ago(700)),
            vec![cull(), cull()],
            "idle 700",
        ),
        (
            "one server stays",
            with(on),
            person(ago(9_000), ago(700)),
            vec![cull(), keep()],
            "1 alive",
        ),
        (
            "a stopped server is no server",
            with(on),
            person(ago(9_000), ago(700)),
            vec![Verdict::Keep(WhyKeep::Stopped)],
            "idle 700",
        ),
        (
            "never seen counts from creation",
            with(on),
            person(ago(700), Stamp::Never),
            vec![],
            "idle 700",
        ),
        (
            "admins too",
            with(on),
            admin(ago(9_000), ago(700), Some(true)),
            vec![],
            "idle 700",
        ),
        (
            "admins exempt",
            with(guarded),
            admin(ago(9_000), ago(700), Some(true)),
            vec![],
            "exempt Admins",
        ),
        (
            "that exempts no one else",
            with(guarded),
            person(ago(9_000), ago(700)),
            vec![],
            "idle 700",
        ),
        (
            "perhaps an admin",
            with(guarded),
            admin(ago(9_000), ago(700), None),
            vec![],
            "no admin",
        ),
        (
            "too old although active",
            with(old),
            person(ago(5_000), ago(1)),
            vec![],
            "old 5000",
        ),
        (
            "too old, a server stays",
            with(old),
            person(ago(5_000), ago(1)),
            vec![keep()],
            "1 alive",
        ),
        (
            "servers not told",
            with(on),
            blind.clone(),
            vec![],
            "no servers",
        ),
        (
            "servers not told, and no flag",
            policy(),
            blind,
            vec![],
            "no servers",
        ),
        (
            "activity not told",
            with(on),
            person(ago(9_000), Stamp::Missing),
            vec![],
            "no last_activity",
        ),
        (
            "creation unreadable",
            with(on),
            person(junk(), ago(9_000)),
            vec![],
            "bad created",
        ),
        (
            "activity in the future",
            with(on),
            person(ago(9_000), ago(-3_600)),
            vec![],
            "future last_activity",
        ),
    ] {
        assert_eq!(
            short(&user(&policy, now(), &facts, &servers)),
            expected,
            "{rule}"
        );
    }
    let both = with(|p| {
        old(p);
        p.admin_users = false;
    });
    let old_admin = admin(ago(9_000), ago(1), Some(true));
    assert_eq!(short(&user(&both, now(), &old_admin, &[])), "active 1");
    let upstream = Policy {
        max_age_ignores_filters: true,
        ..both
    };
    assert_eq!(short(&user(&upstream, now(), &old_admin, &[])), "old 9000");
}

#[test]
fn the_condition_is_the_activity_that_was_read() {
    let since = |facts: &ServerFacts| match server(&policy(), now(), facts) {
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
            server(&policy(), now(), &ready(ago(9_000), ago(612))),
            "inactive for 10 min (limit 10 min)",
        ),
        (
            server(
                &with(|p| p.timeout = TimeDelta::seconds(5)),
                now(),
                &ready(ago(60), ago(12)),
            ),
            "inactive for 12 s (limit 5 s)",
        ),
        (
            server(&with(aged), now(), &ready(ago(5_400), ago(1))),
            "running for 90 min (limit 83 min)",
        ),
        (
            server(&policy(), now(), &ready(ago(9_000), junk())),
            "last_activity is no timestamp: junk",
        ),
        (
            server(&policy(), now(), &ready(ago(9_000), ago(-7_200))),
            "last_activity lies 2 h 0 min in the future",
        ),
        (
            server(&policy(), now(), &in_state(State::Pending("stop".into()))),
            "stop is pending",
        ),
    ] {
        let said = match verdict {
            Verdict::Cull(why) => why.to_string(),
            Verdict::Keep(why) => why.to_string(),
        };
        assert_eq!(said, text);
    }
}
