//! A small world in which everything that can be asked is asked: what a list of scopes reaches is worked out here by
//! definition, entity by entity, and compared with what the algebra says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const USERS: &[&str] = &["a", "b", "c"];
const GROUPS: &[&str] = &["g1", "g2", "g3"];
const SERVERS: &[&str] = &["", "x"];
const SERVICES: &[&str] = &["s", "a"];
const NAMES: &[ScopeName] = &[
    ScopeName::ReadUsers,
    ScopeName::Servers,
    ScopeName::AccessServers,
    ScopeName::Groups,
];

/// Who is in which group: members in the order of [`GROUPS`]. Groups overlap, are empty, or equal as chance has it.
#[derive(Debug, Clone)]
struct World(Vec<Vec<&'static str>>);

impl Membership for World {
    fn members(&self, group: &str) -> Vec<String> {
        let at = GROUPS.iter().position(|name| *name == group);
        at.map_or_else(Vec::new, |at| {
            self.0[at].iter().map(ToString::to_string).collect()
        })
    }
}

/// Every entity of the world.
fn entities() -> Vec<Target<'static>> {
    let servers = USERS
        .iter()
        .flat_map(|user| SERVERS.iter().map(|server| Target::Server(user, server)));
    [Target::Everything]
        .into_iter()
        .chain(USERS.iter().map(|name| Target::User(name)))
        .chain(servers)
        .chain(GROUPS.iter().map(|name| Target::Group(name)))
        .chain(SERVICES.iter().map(|name| Target::Service(name)))
        .collect()
}

/// Whether a filter means an entity, by the words of the documentation: a user with their servers; a group, its members
/// and their servers; one server; one service.
fn means(filter: &Filter, entity: Target<'_>, world: &World) -> bool {
    let Filter::Is(kind, value) = filter else {
        return *filter == Filter::All;
    };
    let person = match entity {
        Target::User(user) | Target::Server(user, _) => Some(user),
        _ => None,
    };
    match kind {
        FilterKind::User => person == Some(value),
        FilterKind::Group => {
            entity == Target::Group(value)
                || person.is_some_and(|user| world.members(value).iter().any(|m| m == user))
        }
        FilterKind::Server => {
            matches!(entity, Target::Server(user, server) if *value == format!("{user}/{server}"))
        }
        FilterKind::Service => entity == Target::Service(value),
    }
}

/// What a list of scopes reaches: pairs of scope and entity, as numbers.
fn model(scopes: &[Scope], world: &World) -> BTreeSet<(usize, usize)> {
    let all = entities();
    let mut reached = BTreeSet::new();
    for scope in scopes {
        let name = NAMES.iter().position(|name| *name == scope.name).unwrap();
        for (at, entity) in all.iter().enumerate() {
            if means(&scope.filter, *entity, world) {
                reached.insert((name, at));
            }
        }
    }
    reached
}

/// The same, asked of the algebra.
fn meaning(set: &ScopeSet, world: &World) -> BTreeSet<(usize, usize)> {
    let all = entities();
    let pairs = (0..NAMES.len()).flat_map(|name| (0..all.len()).map(move |at| (name, at)));
    pairs
        .filter(|(name, at)| set.allows(&NAMES[*name], all[*at], world))
        .collect()
}

fn set_of(scopes: &[Scope]) -> ScopeSet {
    let mut set = ScopeSet::new();
    for scope in scopes {
        set.add(scope.clone());
    }
    set
}

fn world() -> impl Strategy<Value = World> {
    let members = subsequence(USERS.to_vec(), 0..=USERS.len());
    prop::collection::vec(members, GROUPS.len()).prop_map(World)
}

fn filter() -> impl Strategy<Value = Filter> {
    let is =
        |kind, values: Vec<String>| select(values).prop_map(move |value| Filter::Is(kind, value));
    let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let servers = USERS
        .iter()
        .flat_map(|user| SERVERS.iter().map(move |server| format!("{user}/{server}")));
    prop_oneof![
        1 => Just(Filter::All),
        3 => is(FilterKind::User, texts(USERS)),
        3 => is(FilterKind::Group, texts(GROUPS)),
        3 => is(FilterKind::Server, servers.collect()),
        1 => is(FilterKind::Service, texts(SERVICES)),
    ]
}

fn scopes() -> impl Strategy<Value = Vec<Scope>> {
    let scope = (select(NAMES), filter()).prop_map(|(name, filter)| Scope { name, filter });
    prop::collection::vec(scope, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_set_reaches_what_its_scopes_mean(list in scopes(), world in world()) {
        prop_assert_eq!(meaning(&set_of(&list), &world), model(&list, &world));
    }

    #[test]
    fn the_intersection_reaches_exactly_what_both_reach(a in scopes(), b in scopes(), world in world()) {
        let both = set_of(&a).intersect(&set_of(&b), &world);
        let (a, b) = (model(&a, &world), model(&b, &world));
        prop_assert_eq!(meaning(&both, &world), a.intersection(&b).copied().collect::<BTreeSet<_>>());
        // And it is written so that others, who only see the texts, come to the same.
        let written: Vec<Scope> = both.iter().collect();
        prop_assert_eq!(model(&written, &world), meaning(&both, &world));
    }

    #[test]
    fn intersection_is_commutative_and_idempotent(a in scopes(), b in scopes(), world in world()) {
        let (a, b) = (set_of(&a), set_of(&b));
        prop_assert_eq!(a.intersect(&b, &world), b.intersect(&a, &world));
        prop_assert_eq!(a.intersect(&a, &world), a);
    }

    #[test]
    fn intersection_is_associative(a in scopes(), b in scopes(), c in scopes(), world in world()) {
        let (a, b, c) = (set_of(&a), set_of(&b), set_of(&c));
        let left = a.intersect(&b, &world).intersect(&c, &world);
        let right = a.intersect(&b.intersect(&c, &world), &world);
        prop_assert_eq!(meaning(&left, &world), meaning(&right, &world));
    }

    #[test]
    fn intersection_never_widens(a in scopes(), b in scopes(), world in world()) {
        let (a, b) = (set_of(&a), set_of(&b));
        let both = a.intersect(&b, &world);
        prop_assert!(a.includes(&both, &world) && b.includes(&both, &world));
    }

    /// Without knowledge of groups less is known to be common, never more.
    #[test]
    fn ignorance_never_widens(a in scopes(), b in scopes(), world in world()) {
        let (a, b) = (set_of(&a), set_of(&b));
        let blind = a.intersect(&b, &NoMembership);
        prop_assert!(a.intersect(&b, &world).includes(&blind, &world));
    }

    #[test]
    fn what_is_included_is_reached(a in scopes(), b in scopes(), world in world()) {
        let includes = set_of(&a).includes(&set_of(&b), &world);
        let (a, b) = (model(&a, &world), model(&b, &world));
        prop_assert!(!includes || b.is_subset(&a));
    }

    #[test]
    fn the_wire_form_round_trips(a in scopes()) {
        let a = set_of(&a);
        prop_assert_eq!(ScopeSet::of_expanded(a.to_strings()), a);
    }

    /// Expansion adds children, and nothing that its scopes do not have among their descendants.
    #[test]
    fn expansion_is_idempotent_and_additive(a in scopes(), b in scopes()) {
        let catalogue = Catalogue::builtin();
        let expand = |scopes: Vec<Scope>| ScopeSet::expand(scopes, None, &catalogue);
        let (left, right) = (expand(a.clone()), expand(b.clone()));
        prop_assert_eq!(&expand(left.iter().collect()), &left);
        let mut merged = left.clone();
        merged.merge(&right);
        prop_assert_eq!(expand([a, b].concat()), merged);
    }
}
