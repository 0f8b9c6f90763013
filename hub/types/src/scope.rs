//! Scopes: what a caller may do, and to whom.
//!
//! A scope is a [`ScopeName`], perhaps narrowed by a [`Filter`]: `read:users!group=lab`. Names form a hierarchy (the
//! table below): who holds a scope holds its children too, under the same filter. [`ScopeSet`] is the expanded form,
//! with the algebra that decides requests: union, intersection and [`ScopeSet::reach`].
//!
//! The names, children and meanings are JupyterHub 6.1's.

mod catalogue;
mod filter;
mod set;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use catalogue::{Catalogue, CustomScope, InvalidDefinition};
pub use filter::{Filter, FilterKind};
pub use set::{Filters, Membership, NoMembership, Reach, ScopeSet, Target};

macro_rules! scopes {
    ($($variant:ident $text:literal $description:literal [$($child:ident),*];)*) => {
        /// The name of a scope, without a filter.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ScopeName {
            $(#[doc = $description] $variant,)*
            /// A scope that the operator defined: `custom:…`.
            Custom(Box<str>),
        }

        impl ScopeName {
            /// All names that JupyterHub defines.
            pub const ALL: &[ScopeName] = &[$(ScopeName::$variant),*];

            /// The name as written on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(ScopeName::$variant => $text,)*
                    ScopeName::Custom(name) => name,
                }
            }

            /// What it allows, in a sentence; of a custom scope only [`Catalogue::description`] knows.
            #[must_use]
            pub fn description(&self) -> &str {
                match self {
                    $(ScopeName::$variant => $description,)*
                    ScopeName::Custom(name) => name,
                }
            }

            /// Direct children in the hierarchy; of a custom scope only [`Catalogue::children`] knows.
            #[must_use]
            pub fn children(&self) -> &'static [ScopeName] {
                match self {
                    $(ScopeName::$variant => &[$(ScopeName::$child),*],)*
                    ScopeName::Custom(_) => &[],
                }
            }

            fn builtin(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(ScopeName::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

scopes! {
    NoScope "(no_scope)" "Identify the owner of the requesting entity." [];
    SelfScope "self" "Your own resources." [];
    Inherit "inherit" "Anything you have access to." [];
    AdminUi "admin-ui" "Access the admin page." [];
    AdminUsers "admin:users" "Read, write, create and delete users and their authentication state." [AdminAuthState, Users, ReadRolesUsers, DeleteUsers];
    AdminAuthState "admin:auth_state" "Read a user's authentication state." [];
    Users "users" "Read and write permissions to user models (excluding servers, tokens and authentication state)." [ReadUsers, ListUsers, UsersActivity];
    DeleteUsers "delete:users" "Delete users." [];
    ListUsers "list:users" "List users, including at least their names." [ReadUsersName];
    ReadUsers "read:users" "Read user models (names, groups, activity)." [ReadUsersName, ReadUsersGroups, ReadUsersActivity];
    ReadUsersName "read:users:name" "Read names of users." [];
    ReadUsersGroups "read:users:groups" "Read users' group membership." [];
    ReadUsersActivity "read:users:activity" "Read time of last user activity." [];
    ReadRoles "read:roles" "Read role assignments." [ReadRolesUsers, ReadRolesServices, ReadRolesGroups];
    ReadRolesUsers "read:roles:users" "Read user role assignments." [];
    ReadRolesServices "read:roles:services" "Read service role assignments." [];
    ReadRolesGroups "read:roles:groups" "Read group role assignments." [];
    UsersActivity "users:activity" "Update time of last user activity." [ReadUsersActivity];
    AdminServers "admin:servers" "Read, start, stop, create and delete user servers and their state." [AdminServerState, Servers];
    AdminServerState "admin:server_state" "Read and write users' server state." [];
    Servers "servers" "Start and stop user servers." [ReadServers, StartServers, DeleteServers];
    ReadServers "read:servers" "Read users' names and their server models." [ReadUsersName];
    StartServers "start:servers" "Start users' servers." [];
    DeleteServers "delete:servers" "Stop and delete users' servers." [];
    Tokens "tokens" "Read, write, create and delete user tokens." [ReadTokens];
    ReadTokens "read:tokens" "Read user tokens." [];
    AdminGroups "admin:groups" "Read and write group information, create and delete groups." [Groups, ReadRolesGroups, DeleteGroups];
    Groups "groups" "Read and write group information, including adding and removing users." [ReadGroups, ListGroups];
    ListGroups "list:groups" "List groups, including at least their names." [ReadGroupsName];
    ReadGroups "read:groups" "Read group models." [ReadGroupsName];
    ReadGroupsName "read:groups:name" "Read group names." [];
    DeleteGroups "delete:groups" "Delete groups." [];
    AdminServices "admin:services" "Create, read, update and delete services, not including those defined in configuration." [ListServices, ReadServices, ReadRolesServices];
    ListServices "list:services" "List services, including at least their names." [ReadServicesName];
    ReadServices "read:services" "Read service models." [ReadServicesName];
    ReadServicesName "read:services:name" "Read service names." [];
    ReadHub "read:hub" "Read detailed information about the hub." [];
    AccessServers "access:servers" "Access user servers through the browser or the API." [];
    AccessServices "access:services" "Access services through the browser or the API." [];
    UsersShares "users:shares" "Read and revoke a user's access to shared servers." [ReadUsersShares];
    ReadUsersShares "read:users:shares" "Read servers shared with a user." [];
    GroupsShares "groups:shares" "Read and revoke a group's access to shared servers." [ReadGroupsShares];
    ReadGroupsShares "read:groups:shares" "Read servers shared with a group." [];
    ReadShares "read:shares" "Read information about shared access to servers." [];
    Shares "shares" "Manage access to shared servers." [AccessServers, ReadShares, UsersShares, GroupsShares];
    Proxy "proxy" "Read and change the proxy's routing table." [];
    Shutdown "shutdown" "Shut down the hub." [];
    ReadMetrics "read:metrics" "Read Prometheus metrics." [];
}

/// What the metascope `self` stands for, each with `!user=<owner>`.
pub const SELF_SCOPES: &[ScopeName] = &[
    ScopeName::ReadUsers,
    ScopeName::UsersShares,
    ScopeName::ReadShares,
    ScopeName::UsersActivity,
    ScopeName::Servers,
    ScopeName::Tokens,
    ScopeName::AccessServers,
];

/// The scopes of the built-in role `admin`.
pub const ADMIN_SCOPES: &[ScopeName] = &[
    ScopeName::AdminUi,
    ScopeName::AdminUsers,
    ScopeName::AdminServers,
    ScopeName::AdminServices,
    ScopeName::Tokens,
    ScopeName::AdminGroups,
    ScopeName::ListServices,
    ScopeName::ReadServices,
    ScopeName::ReadHub,
    ScopeName::Proxy,
    ScopeName::Shutdown,
    ScopeName::AccessServices,
    ScopeName::AccessServers,
    ScopeName::ReadRoles,
    ScopeName::ReadMetrics,
    ScopeName::Shares,
];

/// What everybody may read about a user that a credential belongs to (JupyterHub's "identify" scopes).
pub const IDENTIFY_USER_SCOPES: &[ScopeName] =
    &[ScopeName::ReadUsersName, ScopeName::ReadUsersGroups];

/// What everybody may read about a service that a credential belongs to.
pub const IDENTIFY_SERVICE_SCOPES: &[ScopeName] = &[ScopeName::ReadServicesName];

impl ScopeName {
    /// Whether `text` is a well-formed custom scope: `custom:` and then `[a-z0-9][a-z0-9_\-*:]+[a-z0-9_*]`.
    fn is_custom(text: &str) -> bool {
        let Some(rest) = text.strip_prefix("custom:") else {
            return false;
        };
        let bytes = rest.as_bytes();
        let word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.len() >= 3
            && bytes.first().is_some_and(word)
            && bytes
                .last()
                .is_some_and(|b| word(b) || matches!(b, b'_' | b'*'))
            && bytes
                .iter()
                .all(|b| word(b) || matches!(b, b'_' | b'-' | b'*' | b':'))
    }

    /// Whether the scope stands for others: `self`, `inherit`, `(no_scope)`.
    #[must_use]
    pub fn is_meta(&self) -> bool {
        matches!(self, Self::NoScope | Self::SelfScope | Self::Inherit)
    }

    /// Whether a `!server=` filter means anything for this scope (JupyterHub keeps it from `read:user…`).
    fn takes_server_filter(&self) -> bool {
        !self.as_str().starts_with("read:user")
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Scope '{0}' does not exist")]
pub struct UnknownScope(pub String);

impl FromStr for ScopeName {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::builtin(text)
            .or_else(|| Self::is_custom(text).then(|| Self::Custom(text.into())))
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// A scope as written: a name and perhaps a filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// What may be done.
    pub name: ScopeName,
    /// To whom.
    pub filter: Filter,
}

impl Scope {
    /// The scope without a filter.
    #[must_use]
    pub fn all(name: ScopeName) -> Self {
        Self {
            name,
            filter: Filter::All,
        }
    }

    /// The scope for one user, group, server or service.
    #[must_use]
    pub fn only(name: ScopeName, kind: FilterKind, value: impl Into<String>) -> Self {
        Self {
            name,
            filter: Filter::Is(kind, value.into()),
        }
    }

    /// The scope for whoever owns the credential: the bare `!user`, `!server`, `!service`.
    #[must_use]
    pub fn own(name: ScopeName, kind: FilterKind) -> Self {
        Self {
            name,
            filter: Filter::Own(kind),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.filter)
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, filter) = match text.split_once('!') {
            None => (text, Filter::All),
            Some((name, filter)) => (
                name,
                Filter::parse(filter).ok_or_else(|| UnknownScope(text.to_owned()))?,
            ),
        };
        let name: ScopeName = name.parse().map_err(|_| UnknownScope(text.to_owned()))?;
        // A metascope stands for other scopes: narrowing it would look like a restriction and be none.
        if name.is_meta() && filter != Filter::All {
            return Err(UnknownScope(text.to_owned()));
        }
        Ok(Self { name, filter })
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn every_name_round_trips() {
        for name in ScopeName::ALL {
            assert_eq!(name.as_str().parse().as_ref(), Ok(name));
        }
    }

    #[test]
    fn texts() {
        for good in [
            "read:users",
            "read:users!user",
            "access:servers!server=a/",
            "list:users!group=x",
            "custom:lab:run*",
            "self",
            "(no_scope)",
        ] {
            assert_eq!(
                good.parse::<Scope>().map(|s| s.to_string()).as_deref(),
                Ok(good)
            );
        }
        for bad in [
            "",
            "nope",
            "read:users!",
            "read:users!planet=x",
            "read:users!group",
            "custom:A",
            "custom:x",
            "read:users!user=",
            "inherit!server=alice/",
            "self!user",
        ] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }

    fn name() -> impl Strategy<Value = ScopeName> {
        let custom = "custom:[a-z0-9][a-z0-9_*:-]{1,8}[a-z0-9_*]";
        let custom = custom.prop_map(|text| ScopeName::Custom(text.into()));
        prop_oneof![4 => select(ScopeName::ALL), 1 => custom]
    }

    fn scope() -> impl Strategy<Value = Scope> {
        let kind = select(
            &[
                FilterKind::User,
                FilterKind::Group,
                FilterKind::Server,
                FilterKind::Service,
            ][..],
        );
        let own = select(&[FilterKind::User, FilterKind::Server, FilterKind::Service][..]);
        let filter = prop_oneof![
            Just(Filter::All),
            own.prop_map(Filter::Own),
            (kind, "(?s).{1,12}").prop_map(|(kind, value)| Filter::Is(kind, value)),
        ];
        (name(), filter).prop_map(|(name, filter)| {
            let filter = if name.is_meta() { Filter::All } else { filter };
            Scope { name, filter }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn what_is_printed_is_read(scope in scope()) {
            prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope.clone()));
            let json = serde_json::to_string(&scope).unwrap();
            prop_assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
        }

        /// One text, one scope: there are no two ways to write it.
        #[test]
        fn what_is_read_is_printed(text in "(read:users|users|custom:abc|self|(?s).{0,9})[!a-z=/]{0,3}(?s).{0,9}") {
            if let Ok(scope) = text.parse::<Scope>() {
                prop_assert_eq!(scope.to_string(), text);
            }
        }
    }
}
