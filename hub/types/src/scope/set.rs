//! The expanded form of scopes, and the algebra that decides requests. Pure: group membership is a parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Filter, FilterKind, SELF_SCOPES, Scope, ScopeName};

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

/// How far a scope reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    All,
    /// Only these entities (never empty inside a [`ScopeSet`]).
    Only(BTreeSet<(FilterKind, String)>),
}

impl Reach {
    /// Whether the reach includes `target`.
    #[must_use]
    pub fn covers(&self, target: Target<'_>, groups: &impl Membership) -> bool {
        let Reach::Only(filters) = self else {
            return true;
        };
        filters
            .iter()
            .any(|(kind, value)| covers(*kind, value, target, groups))
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

/// The owner's name in a server filter `user/name`.
fn server_owner(value: &str) -> &str {
    value.split_once('/').map_or(value, |(user, _)| user)
}

/// What two filters have in common.
fn meet(
    a: (FilterKind, &str),
    b: (FilterKind, &str),
    groups: &impl Membership,
) -> Vec<(FilterKind, String)> {
    use FilterKind::{Group, Server, User};
    let one = |(kind, value): (FilterKind, &str)| vec![(kind, value.to_owned())];
    match (a, b) {
        _ if a == b => one(a),
        ((User, user), (Server, server)) | ((Server, server), (User, user))
            if server_owner(server) == user =>
        {
            one((Server, server))
        }
        ((Group, group), (User, user)) | ((User, user), (Group, group))
            if groups.contains(group, user) =>
        {
            one((User, user))
        }
        ((Group, group), (Server, server)) | ((Server, server), (Group, group))
            if groups.contains(group, server_owner(server)) =>
        {
            one((Server, server))
        }
        ((Group, left), (Group, right)) => groups
            .members(left)
            .into_iter()
            .filter(|user| groups.contains(right, user))
            .map(|user| (User, user))
            .collect(),
        _ => Vec::new(),
    }
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

    /// Expands scopes: children are added, `self` becomes what it stands for.
    ///
    /// Bare filters (`!user`) and `inherit` must have been resolved before (they depend on the credential, not on the
    /// scope); what is left of them grants nothing. `owner` is the user for whom `self` stands.
    #[must_use]
    pub fn expand(scopes: impl IntoIterator<Item = Scope>, owner: Option<&str>) -> Self {
        let mut set = Self::new();
        for scope in scopes {
            if scope.name == ScopeName::SelfScope {
                for name in owner.map(|_| SELF_SCOPES).unwrap_or_default() {
                    set.add_tree(
                        name,
                        &Filter::Is(FilterKind::User, owner.unwrap_or_default().to_owned()),
                    );
                }
            } else {
                set.add_tree(&scope.name, &scope.filter);
            }
        }
        set
    }

    fn add_tree(&mut self, name: &ScopeName, filter: &Filter) {
        self.add(Scope {
            name: name.clone(),
            filter: filter.clone(),
        });
        let server = matches!(filter, Filter::Is(FilterKind::Server, _));
        for child in name
            .children()
            .iter()
            .filter(|child| !server || child.takes_server_filter())
        {
            self.add_tree(child, filter);
        }
    }

    /// Adds one scope, without its children. Unresolved bare filters and metascopes are ignored.
    pub fn add(&mut self, scope: Scope) {
        if scope.name.is_meta() {
            return;
        }
        match (self.reach.get_mut(&scope.name), scope.filter) {
            (_, Filter::Own(_)) | (Some(Reach::All), _) => {}
            (_, Filter::All) => {
                self.reach.insert(scope.name, Reach::All);
            }
            (Some(Reach::Only(filters)), Filter::Is(kind, value)) => {
                filters.insert((kind, value));
            }
            (None, Filter::Is(kind, value)) => {
                self.reach
                    .insert(scope.name, Reach::Only([(kind, value)].into()));
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
                (Reach::Only(mine), Reach::Only(theirs)) => Reach::Only(
                    mine.iter()
                        .flat_map(|(ka, a)| {
                            theirs
                                .iter()
                                .flat_map(move |(kb, b)| meet((*ka, a), (*kb, b), groups))
                        })
                        .collect(),
                ),
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
        other
            .iter()
            .all(|scope| match (&scope.filter, self.reach(&scope.name)) {
                (_, None) => false,
                (_, Some(Reach::All)) => true,
                (Filter::Is(FilterKind::User, user), Some(reach)) => {
                    reach.covers(Target::User(user), groups)
                }
                (Filter::Is(FilterKind::Group, group), Some(reach)) => {
                    reach.values(FilterKind::Group).any(|held| held == group)
                }
                (Filter::Is(FilterKind::Server, server), Some(reach)) => {
                    let (user, name) = server.split_once('/').unwrap_or((server, ""));
                    reach.covers(Target::Server(user, name), groups)
                }
                (Filter::Is(FilterKind::Service, service), Some(reach)) => {
                    reach.covers(Target::Service(service), groups)
                }
                (Filter::All | Filter::Own(_), Some(_)) => false,
            })
    }

    /// HubAuth's rule: holding any one of `required` gives access. Returns the first that is held.
    ///
    /// Source: wire contract 4.4; without group data a `!group=` scope satisfies only itself.
    #[must_use]
    pub fn satisfies<'a>(&self, required: &'a [Scope]) -> Option<&'a Scope> {
        required
            .iter()
            .find(|scope| self.includes(&ScopeSet::of_expanded([scope.to_string()]), &NoMembership))
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
