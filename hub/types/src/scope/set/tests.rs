//! Tables; the facts are those of JupyterHub 6.1's `test_scopes.py`. What holds for every set is in [`world`].

mod world;

use super::*;

/// Groups for tests: `g1` = a, b; `g2` = b, c.
struct Groups;

impl Membership for Groups {
    fn members(&self, group: &str) -> Vec<String> {
        let members: &[&str] = match group {
            "g1" => &["a", "b"],
            "g2" => &["b", "c"],
            _ => &[],
        };
        members.iter().map(ToString::to_string).collect()
    }
}

fn set(texts: &[&str]) -> ScopeSet {
    let scopes = texts.iter().map(|text| text.parse().unwrap());
    ScopeSet::expand(scopes, Some("a"), &Catalogue::builtin())
}

fn plain(texts: &[&str]) -> ScopeSet {
    ScopeSet::of_expanded(texts)
}

#[test]
fn self_is_what_upstream_recorded() {
    let expected = "access:servers delete:servers read:servers read:shares read:tokens read:users read:users:activity \
        read:users:groups read:users:name read:users:shares servers start:servers tokens users:activity users:shares";
    let expected: Vec<String> = expected
        .split_whitespace()
        .map(|name| format!("{name}!user=a"))
        .collect();
    assert_eq!(set(&["self"]).to_strings(), expected);
}

#[test]
fn server_filters_stay_out_of_user_models() {
    assert_eq!(
        set(&["servers!server=a/"]).to_strings(),
        [
            "delete:servers!server=a/",
            "read:servers!server=a/",
            "servers!server=a/",
            "start:servers!server=a/"
        ]
    );
}

#[test]
fn coverage() {
    let cases = [
        ("read:users", Target::User("z"), true),
        ("read:users!user=a", Target::User("a"), true),
        ("read:users!user=a", Target::User("b"), false),
        ("read:users!group=g1", Target::User("b"), true),
        ("read:users!group=g1", Target::User("c"), false),
        ("read:users!group=g1", Target::Group("g1"), true),
        ("read:users!user=a", Target::Everything, false),
        ("read:users", Target::Everything, true),
        ("access:servers!server=a/", Target::Server("a", ""), true),
        (
            "access:servers!server=a/",
            Target::Server("a", "gpu"),
            false,
        ),
        (
            "access:servers!server=a/gpu",
            Target::Server("a", "gpu"),
            true,
        ),
        ("access:servers!server=ab/", Target::Server("a", ""), false),
        ("access:servers!user=a", Target::Server("a", "gpu"), true),
        ("access:services!service=x", Target::Service("x"), true),
        ("access:services!service=x", Target::Service("y"), false),
        ("access:services!service=x", Target::User("x"), false),
    ];
    for (scope, target, expected) in cases {
        let scope: Scope = scope.parse().unwrap();
        assert_eq!(
            plain(&[&scope.to_string()]).allows(&scope.name, target, &Groups),
            expected,
            "{scope} {target:?}"
        );
    }
}

#[test]
fn intersections() {
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["read:users"],
            &["read:users!user=a"],
            &["read:users!user=a"],
        ),
        (
            &["read:users!group=g1"],
            &["read:users!user=b"],
            &["read:users!user=b"],
        ),
        (&["read:users!group=g1"], &["read:users!user=c"], &[]),
        (
            &["read:users!group=g1"],
            &["read:users!group=g2"],
            &["read:users!user=b"],
        ),
        (
            &["servers!user=a"],
            &["servers!server=a/x"],
            &["servers!server=a/x"],
        ),
        (&["servers!user=a"], &["servers!server=b/x"], &[]),
        (
            &["servers!group=g2"],
            &["servers!server=b/x"],
            &["servers!server=b/x"],
        ),
        (&["read:users"], &["list:users"], &[]),
        (
            &["access:services!service=x"],
            &["access:services!service=y"],
            &[],
        ),
    ];
    for (left, right, expected) in cases {
        assert_eq!(
            plain(left).intersect(&plain(right), &Groups).to_strings(),
            *expected,
            "{left:?} {right:?}"
        );
    }
}

#[test]
fn hubauth_access_rule() {
    let required: Vec<Scope> = ["access:servers!server=alice/", "access:servers!user=alice"]
        .map(|text| text.parse().unwrap())
        .into();
    for (have, expected) in [
        ("access:servers", true),
        ("access:servers!user=alice", true),
        ("access:servers!server=alice/", true),
        ("access:servers!server=alice/gpu", false),
        ("access:servers!group=g", false),
        ("access:services", false),
    ] {
        assert_eq!(
            plain(&[have]).satisfies(&required).is_some(),
            expected,
            "{have}"
        );
    }
}

/// A scope that is required may be misspelt into one that stands for nothing: that must not let everybody in.
#[test]
fn what_stands_for_nothing_satisfies_nothing() {
    for required in ["access:services!service", "self", "inherit", "(no_scope)"] {
        let required = [required.parse().unwrap()];
        assert_eq!(plain(&["access:services"]).satisfies(&required), None);
        assert_eq!(ScopeSet::new().satisfies(&required), None);
    }
}

/// `test_intersect_expanded_scopes` and `test_intersect_groups`. Groups there: gx = ux, gy = uy.
#[test]
fn intersections_as_upstream() {
    struct Upstream;
    impl Membership for Upstream {
        fn members(&self, group: &str) -> Vec<String> {
            match group {
                "gx" => vec!["ux".to_owned()],
                "gy" => vec!["uy".to_owned()],
                _ => Vec::new(),
            }
        }
    }
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&[], &[], &[]),
        (&[], &["users"], &[]),
        (&["users!user=x", "users!group=y"], &[], &[]),
        (
            &["users!user=x", "users!user=y", "users!group=y"],
            &["users!user=x"],
            &["users!user=x"],
        ),
        (
            &["users!user=x", "users!group=y"],
            &["users!user=x", "users!group=y", "users!user=z"],
            &["users!group=y", "users!user=x"],
        ),
        (&["users!group=y", "users!user=z"], &["users!user=x"], &[]),
        (
            &["users!group=y", "users!user=z"],
            &["users!server=x/y"],
            &[],
        ),
        (
            &["users!group=y", "users!user=x"],
            &["users!server=x/y"],
            &["users!server=x/y"],
        ),
        (
            &["read:servers!user=abc"],
            &["read:servers!server=abc/xyz"],
            &["read:servers!server=abc/xyz"],
        ),
        (
            &["read:servers!user=abc"],
            &["read:servers!server=abcd/xyz"],
            &[],
        ),
        (&["users!group=gx"], &["users!user=ux"], &["users!user=ux"]),
        (
            &["read:users!group=gx"],
            &["read:users!user=nosuchuser"],
            &[],
        ),
        (
            &["read:users!group=gx"],
            &["read:users!server=nosuchuser/server"],
            &[],
        ),
        (
            &["read:users!group=gx"],
            &["read:users!server=ux/server", "read:users!user=uy"],
            &["read:users!server=ux/server"],
        ),
        (
            &["read:users!group=gy"],
            &["read:users!server=ux/server", "read:users!user=uy"],
            &["read:users!user=uy"],
        ),
        (
            &["read:servers!server=ux/server", "read:servers!group=gy"],
            &["read:servers!server=uy/server", "read:servers!user=ux"],
            &[
                "read:servers!server=ux/server",
                "read:servers!server=uy/server",
            ],
        ),
        (
            &["read:servers!user=ux", "read:servers!group=gy"],
            &["read:servers!user=uy", "read:servers!group=gx"],
            &["read:servers!user=ux", "read:servers!user=uy"],
        ),
    ];
    for (left, right, expected) in cases {
        for (a, b) in [(left, right), (right, left)] {
            let both = plain(a).intersect(&plain(b), &Upstream);
            assert_eq!(both.to_strings(), *expected, "{a:?} {b:?}");
        }
    }
}

/// `test_has_scope`: the user `a` is in the group `g1` only.
#[test]
fn held_as_upstream() {
    let cases = [
        ("read:users", "read:users", true),
        ("read:users!user=a", "read:users!user=a", true),
        ("read:servers!server=a/x", "read:servers!server=a/x", true),
        ("read:groups!group=g1", "read:groups!group=g1", true),
        ("read:users:name", "read:users", true),
        ("read:users:name!user=a", "read:users!user=a", true),
        ("read:users!user=a", "read:users!group=g1", true),
        ("read:users!user=a", "read:users", true),
        ("read:servers!server=a/x", "read:servers", true),
        ("read:servers!server=a/x", "servers!server=a/x", true),
        ("read:servers!server=a/x", "servers!user=a", true),
        ("read:servers!server=a/x", "servers!group=g1", true),
        ("read:users", "read:users!user=a", false),
        ("read:users!user=a", "read:users!user=other", false),
        ("read:users!user=a", "read:users!group=other", false),
        ("read:servers!server=a/x", "servers!server=other/x", false),
        ("read:servers!server=a/x", "servers!user=other", false),
        ("read:servers!server=a/x", "servers!group=other", false),
        ("servers!server=a/x", "read:servers!server=a/x", false),
    ];
    for (wanted, held, expected) in cases {
        let wanted: Scope = wanted.parse().unwrap();
        assert_eq!(
            set(&[held]).grants(&wanted, &Groups),
            expected,
            "{wanted} {held}"
        );
    }
}
