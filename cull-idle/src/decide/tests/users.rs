//! One row per rule about users.

use super::*;

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
