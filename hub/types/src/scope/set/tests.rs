use proptest::prelude::*;

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
    ScopeSet::expand(texts.iter().map(|text| text.parse().unwrap()), Some("a"))
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

fn scope() -> impl Strategy<Value = Scope> {
    let name = prop::sample::select(vec![
        ScopeName::ReadUsers,
        ScopeName::Servers,
        ScopeName::AccessServers,
    ]);
    let filter = prop::sample::select(vec![
        "",
        "!user=a",
        "!user=b",
        "!user=c",
        "!group=g1",
        "!group=g2",
        "!server=a/",
        "!server=a/x",
        "!server=b/x",
        "!service=s",
    ]);
    (name, filter).prop_map(|(name, filter)| format!("{name}{filter}").parse().unwrap())
}

fn scope_set() -> impl Strategy<Value = ScopeSet> {
    prop::collection::vec(scope(), 0..6).prop_map(|scopes| {
        let mut set = ScopeSet::new();
        scopes.into_iter().for_each(|scope| set.add(scope));
        set
    })
}

/// Everything that can be asked, to compare sets by what they allow.
fn meaning(set: &ScopeSet) -> Vec<bool> {
    let targets = [
        Target::Everything,
        Target::User("a"),
        Target::User("b"),
        Target::User("c"),
        Target::Server("a", ""),
        Target::Server("a", "x"),
        Target::Server("b", "x"),
        Target::Service("s"),
    ];
    [
        ScopeName::ReadUsers,
        ScopeName::Servers,
        ScopeName::AccessServers,
    ]
    .iter()
    .flat_map(|name| targets.map(|target| set.allows(name, target, &Groups)))
    .collect()
}

proptest! {
    #[test]
    fn scopes_round_trip(scope in scope()) {
        prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
    }

    #[test]
    fn intersection_allows_exactly_what_both_allow(a in scope_set(), b in scope_set()) {
        let both = meaning(&a.intersect(&b, &Groups));
        let expected: Vec<bool> = meaning(&a).iter().zip(meaning(&b)).map(|(a, b)| *a && b).collect();
        prop_assert_eq!(both, expected);
    }

    #[test]
    fn intersection_is_commutative_associative_idempotent(a in scope_set(), b in scope_set(), c in scope_set()) {
        prop_assert_eq!(meaning(&a.intersect(&b, &Groups)), meaning(&b.intersect(&a, &Groups)));
        let left = a.intersect(&b, &Groups).intersect(&c, &Groups);
        let right = a.intersect(&b.intersect(&c, &Groups), &Groups);
        prop_assert_eq!(meaning(&left), meaning(&right));
        prop_assert_eq!(meaning(&a.intersect(&a, &Groups)), meaning(&a));
    }

    #[test]
    fn intersection_never_widens(a in scope_set(), b in scope_set()) {
        let both = a.intersect(&b, &Groups);
        prop_assert!(a.includes(&both, &Groups) && b.includes(&both, &Groups));
    }

    #[test]
    fn wire_form_round_trips(a in scope_set()) {
        prop_assert_eq!(ScopeSet::of_expanded(a.to_strings()), a);
    }
}
