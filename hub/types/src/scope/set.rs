//! The expanded form of scopes, and the algebra that decides requests. Pure: group membership is a parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalogue, Filter, FilterKind, SELF_SCOPES, Scope, ScopeName};

/// Who is in which group: what the algebra needs to compare `!group=` with `!user=` and `!server=` filters.
pub trait Membership {
    /// Names of the members of `group`; empty when there is no such group.
    fn members(&self, group: &str) -> Vec<String>;

    /// Whether `user` is in `group`.
    fn contains(&self, group: &str, user: &str) -> bool {
        self.members(group).iter().any(|member| member == user)
    }
}

/// Knows no groups: what a service can decide without asking the hub. `!group=` then never covers a user or a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMembership;

impl Membership for NoMembership {
    fn members(&self, _group: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What a request wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Something that belongs to nobody in particular (the proxy, the hub): only an unfiltered scope covers it.
    Everything,
    /// A user.
    User(&'a str),
    /// A server, as user and server name.
    Server(&'a str, &'a str),
    /// A group.
    Group(&'a str),
    /// A service.
    Service(&'a str),
}

/// Filters with a value, as `kind=value`.
pub type Filters = BTreeSet<(FilterKind, String)>;

/// How far a scope reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    All,
    /// Only these entities (never empty inside a [`ScopeSet`]).
    Only(Filters),
}

impl Reach {
    /// Whether the reach includes `target`.
    #[must_use]
    pub fn covers(&self, target: Target<'_>, groups: &impl Membership) -> bool {
        let Reach::Only(filters) = self else {
            return true;
        };
        reaches(filters, target, groups)
    }

    /// Names of one kind that the reach lists: what a list endpoint restricts its query to.
    pub fn values(&self, kind: FilterKind) -> impl Iterator<Item = &str> {
        let filters = match self {
            Reach::All => None,
            Reach::Only(filters) => Some(filters),
        };
        filters
            .into_iter()
            .flatten()
            .filter(move |(k, _)| *k == kind)
            .map(|(_, value)| value.as_str())
    }
}

/// Whether any of `filters` includes `target`.
fn reaches(filters: &Filters, target: Target<'_>, groups: &impl Membership) -> bool {
    filters
        .iter()
        .any(|(kind, value)| covers(*kind, value, target, groups))
}

/// Whether the filter `kind=value` includes `target`.
fn covers(kind: FilterKind, value: &str, target: Target<'_>, groups: &impl Membership) -> bool {
    match (kind, target) {
        (FilterKind::User, Target::User(user) | Target::Server(user, _)) => value == user,
        (FilterKind::Group, Target::User(user) | Target::Server(user, _)) => {
            groups.contains(value, user)
        }
        (FilterKind::Group, Target::Group(group)) => value == group,
        (FilterKind::Server, Target::Server(user, server)) => {
            value
                .strip_prefix(user)
                .and_then(|rest| rest.strip_prefix('/'))
                == Some(server)
        }
        (FilterKind::Service, Target::Service(service)) => value == service,
        _ => false,
    }
}

/// What two lists of filters have in common: what stands in both, and what stands in one and lies within the other.
///
/// As JupyterHub's, but exact: where two groups overlap, their common members are in.
fn common(left: &Filters, right: &Filters, groups: &impl Membership) -> Filters {
    let both: Filters = left.intersection(right).cloned().collect();
    let mut all = both.clone();
    for (these, others) in [(left, right), (right, left)] {
        for (kind, value) in these.difference(&both) {
            let target = match kind {
                FilterKind::User => Target::User(value),
                FilterKind::Server => {
                    let (user, server) = value.split_once('/').unwrap_or((value, ""));
                    Target::Server(user, server)
                }
                FilterKind::Group | FilterKind::Service => continue,
            };
            if reaches(others, target, groups) {
                all.insert((*kind, value.clone()));
            }
        }
    }
    let users: Vec<String> = overlap(left, right, &both, groups)
        .filter(|user| !reaches(&all, Target::User(user), groups))
        .collect();
    all.extend(users.into_iter().map(|user| (FilterKind::User, user)));
    all
}

/// Users who are in a group of the one list and in another group of the other; groups in `both` need no look.
fn overlap<'a>(
    left: &'a Filters,
    right: &'a Filters,
    both: &'a Filters,
    groups: &'a impl Membership,
) -> impl Iterator<Item = String> + 'a {
    let of = move |filters: &'a Filters| {
        let new = filters.difference(both);
        new.filter(|(kind, _)| *kind == FilterKind::Group)
            .map(|(_, group)| group.as_str())
    };
    of(left).flat_map(move |a| {
        let users = groups.members(a).into_iter();
        users.filter(move |user| of(right).any(|b| groups.contains(b, user)))
    })
}

/// Expanded scopes: every name that is held, with how far it reaches. Bare filters and metascopes are resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet {
    reach: BTreeMap<ScopeName, Reach>,
}

impl ScopeSet {
    /// Nothing at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes scopes that the hub has already expanded (an [`Identity`](crate::identity::Identity)'s): children are not
    /// added, unknown texts are left out.
    #[must_use]
    pub fn of_expanded<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        let mut set = Self::new();
        for scope in scopes {
            if let Ok(scope) = scope.as_ref().parse() {
                set.add(scope);
            }
        }
        set
    }

    /// Expands scopes: children are added, `self` becomes what it stands for. What `catalogue` does not know grants nothing.
    ///
    /// Bare filters (`!user`) and `inherit` must have been resolved before (they depend on the credential, not on the
    /// scope); what is left of them grants nothing. `owner` is the user for whom `self` stands.
    #[must_use]
    pub fn expand(
        scopes: impl IntoIterator<Item = Scope>,
        owner: Option<&str>,
        catalogue: &Catalogue,
    ) -> Self {
        let mut set = Self::new();
        for scope in scopes {
            match (&scope.name, owner) {
                (ScopeName::SelfScope, Some(owner)) => {
                    for name in SELF_SCOPES {
                        let own = Scope::only(name.clone(), FilterKind::User, owner);
                        set.add_tree(own, catalogue);
                    }
                }
                (ScopeName::SelfScope, None) => {}
                (name, _) if catalogue.knows(name) => set.add_tree(scope, catalogue),
                _ => {}
            }
        }
        set
    }

    /// Adds a scope with its children. Custom scopes may go round in circles: what is there already is not entered again.
    fn add_tree(&mut self, scope: Scope, catalogue: &Catalogue) {
        let of_server = matches!(scope.filter, Filter::Is(FilterKind::Server, _));
        if of_server && !scope.name.takes_server_filter() {
            return;
        }
        let (name, filter) = (scope.name.clone(), scope.filter.clone());
        if !self.add(scope) {
            return;
        }
        for child in catalogue.children(&name) {
            let child = Scope {
                name: child.clone(),
                filter: filter.clone(),
            };
            self.add_tree(child, catalogue);
        }
    }

    /// Adds one scope, without its children; whether that was news. Unresolved bare filters are ignored, and metascopes
    /// except `(no_scope)`, which stands for itself: for nothing.
    pub fn add(&mut self, scope: Scope) -> bool {
        if matches!(scope.name, ScopeName::SelfScope | ScopeName::Inherit) {
            return false;
        }
        match (self.reach.get_mut(&scope.name), scope.filter) {
            (_, Filter::Own(_)) | (Some(Reach::All), _) => false,
            (_, Filter::All) => {
                self.reach.insert(scope.name, Reach::All);
                true
            }
            (Some(Reach::Only(filters)), Filter::Is(kind, value)) => filters.insert((kind, value)),
            (None, Filter::Is(kind, value)) => {
                let only = Reach::Only([(kind, value)].into());
                self.reach.insert(scope.name, only);
                true
            }
        }
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &ScopeSet) {
        for scope in other.iter() {
            self.add(scope);
        }
    }

    /// What both sets allow. Never wider than either; see the property tests.
    #[must_use]
    pub fn intersect(&self, other: &ScopeSet, groups: &impl Membership) -> ScopeSet {
        let mut reach = BTreeMap::new();
        for (name, mine) in &self.reach {
            let Some(theirs) = other.reach.get(name) else {
                continue;
            };
            let common = match (mine, theirs) {
                (Reach::All, both) | (both, Reach::All) => both.clone(),
                (Reach::Only(mine), Reach::Only(theirs)) => {
                    Reach::Only(common(mine, theirs, groups))
                }
            };
            if !matches!(&common, Reach::Only(filters) if filters.is_empty()) {
                reach.insert(name.clone(), common);
            }
        }
        ScopeSet { reach }
    }

    /// How far `name` reaches; `None` when it is not held in any form.
    #[must_use]
    pub fn reach(&self, name: &ScopeName) -> Option<&Reach> {
        self.reach.get(name)
    }

    /// Whether `name` is held for `target`.
    #[must_use]
    pub fn allows(&self, name: &ScopeName, target: Target<'_>, groups: &impl Membership) -> bool {
        self.reach(name)
            .is_some_and(|reach| reach.covers(target, groups))
    }

    /// Whether everything in `other` is allowed by this set too.
    #[must_use]
    pub fn includes(&self, other: &ScopeSet, groups: &impl Membership) -> bool {
        other.iter().all(|scope| self.grants(&scope, groups))
    }

    /// Whether `scope` is held with all that its filter reaches. A bare filter, `self` and `inherit` never are: what they
    /// stand for is not known here.
    #[must_use]
    pub fn grants(&self, scope: &Scope, groups: &impl Membership) -> bool {
        let Some(reach) = self.reach(&scope.name) else {
            return false;
        };
        match (reach, &scope.filter) {
            (_, Filter::Own(_)) => false,
            (Reach::All, _) => true,
            (Reach::Only(_), Filter::All) => false,
            (Reach::Only(_), Filter::Is(FilterKind::Group, group)) => {
                reach.values(FilterKind::Group).any(|held| held == group)
            }
            (Reach::Only(_), Filter::Is(FilterKind::User, user)) => {
                reach.covers(Target::User(user), groups)
            }
            (Reach::Only(_), Filter::Is(FilterKind::Server, server)) => {
                let (user, name) = server.split_once('/').unwrap_or((server, ""));
                reach.covers(Target::Server(user, name), groups)
            }
            (Reach::Only(_), Filter::Is(FilterKind::Service, service)) => {
                reach.covers(Target::Service(service), groups)
            }
        }
    }

    /// HubAuth's rule: holding any one of `required` gives access. Returns the first that is held.
    ///
    /// Source: wire contract 4.4; without group data a `!group=` scope satisfies only itself.
    #[must_use]
    pub fn satisfies<'a>(&self, required: &'a [Scope]) -> Option<&'a Scope> {
        required
            .iter()
            .find(|scope| self.grants(scope, &NoMembership))
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reach.is_empty()
    }

    /// All scopes, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.reach.iter().flat_map(|(name, reach)| {
            let filters: Vec<Filter> = match reach {
                Reach::All => vec![Filter::All],
                Reach::Only(filters) => filters
                    .iter()
                    .map(|(kind, value)| Filter::Is(*kind, value.clone()))
                    .collect(),
            };
            filters.into_iter().map(|filter| Scope {
                name: name.clone(),
                filter,
            })
        })
    }

    /// The wire form: sorted texts.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.iter().map(|scope| scope.to_string()).collect();
        texts.sort();
        texts
    }
}

#[cfg(test)]
mod tests;
