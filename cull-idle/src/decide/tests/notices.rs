//! With a notice period, nothing is stopped that was not announced long enough before.

use super::*;

/// `--timeout=600 --notice=120`.
fn policy() -> Policy {
    with(|policy| policy.notice = TimeDelta::seconds(120))
}

fn announced(facts: ServerFacts, seconds_ahead: i64) -> ServerFacts {
    ServerFacts {
        notice: Some(now() + TimeDelta::seconds(seconds_ahead)),
        ..facts
    }
}

#[test]
fn announced_before_and_stopped_after() {
    let old = || {
        with(|p| {
            aged(p);
            p.notice = TimeDelta::seconds(120);
        })
    };
    let idle = |seconds| ready(ago(9_000), ago(seconds));
    for (rule, policy, facts, expected) in [
        ("long before", policy(), idle(479), "active 479"),
        (
            "as early as the notice is long",
            policy(),
            idle(480),
            "idle 480 in 120",
        ),
        (
            "later: the notice keeps its length",
            policy(),
            idle(590),
            "idle 590 in 120",
        ),
        (
            "late: so the stop waits",
            policy(),
            idle(9_000),
            "idle 9000 in 120",
        ),
        (
            "announced, not over",
            policy(),
            announced(idle(590), 60),
            "announced 60",
        ),
        (
            "for an earlier time: for another reason",
            policy(),
            announced(idle(590), -1),
            "idle 590 in 120",
        ),
        ("over", policy(), announced(idle(600), 0), "idle 600"),
        (
            "over for long",
            policy(),
            announced(idle(700), -100),
            "idle 700",
        ),
        (
            "for a time that nobody would say: it saves nothing",
            policy(),
            announced(idle(700), 1_000_000),
            "idle 700 in 120",
        ),
        ("active again", policy(), announced(idle(5), -1), "active 5"),
        (
            "no notice, no announcement",
            super::policy(),
            idle(590),
            "active 590",
        ),
        (
            "an announcement alone saves nothing",
            super::policy(),
            announced(idle(600), 60),
            "idle 600",
        ),
        (
            "age is announced too",
            old(),
            ready(ago(4_900), ago(1)),
            "old 4900 in 120",
        ),
        (
            "and waited for",
            old(),
            announced(ready(ago(5_000), ago(1)), 1),
            "announced 1",
        ),
        (
            "then it goes although it is active",
            old(),
            announced(ready(ago(5_000), ago(1)), 0),
            "old 5000",
        ),
        (
            "what is due comes before what will be",
            old(),
            announced(ready(ago(5_000), ago(590)), 0),
            "old 5000",
        ),
    ] {
        assert_eq!(short(&judged(&policy, &facts)), expected, "{rule}");
    }
}

#[test]
fn users_are_not_told_but_wait_for_their_servers() {
    let policy = with(|p| {
        p.users = true;
        p.notice = TimeDelta::seconds(120);
    });
    let facts = person(ago(9_000), ago(700));
    assert_eq!(short(&user(&policy, now(), &facts, &[])), "idle 700");
    let announced = judged(&policy, &ready(ago(9_000), ago(700)));
    assert_eq!(
        short(&user(&policy, now(), &facts, &[announced])),
        "1 alive"
    );
}
