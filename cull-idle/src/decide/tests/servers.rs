//! One row per rule about servers.

use super::*;

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
        assert_eq!(short(&judged(&policy, &facts)), expected, "{rule}");
    }
}
