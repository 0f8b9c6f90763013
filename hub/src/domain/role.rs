//! Roles: named lists of scopes, and who holds them.

use hub_types::scope::{ADMIN_SCOPES, Catalogue, Filter, FilterKind, Scope, ScopeName, ScopeSet};

/// The role that every user holds.
pub const USER_ROLE: &str = "user";
/// The role that administrators hold; it cannot be redefined.
pub const ADMIN_ROLE: &str = "admin";
/// The role whose scopes a server's token gets.
pub const SERVER_ROLE: &str = "server";
/// The role whose scopes a token gets when none were asked for.
pub const TOKEN_ROLE: &str = "token";

/// Who made a role, or gave it to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// It is always there.
    Builtin,
    /// The configuration: gone when the configuration no longer says so.
    Config,
    /// The API: the configuration takes it away only by listing who shall hold the role.
    Api,
    /// The authenticator (`manage_roles`): follows what the authenticator says.
    Authenticator,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Builtin, Self::Config, Self::Api, Self::Authenticator];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Config => "config",
            Self::Api => "api",
            Self::Authenticator => "authenticator",
        }
    }

    /// Reads what [`Origin::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// 3 to 255 characters: `[a-z][a-z0-9-_~.]*[a-z0-9]`.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it grants, as written.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub origin: Origin,
}

/// The four built-in roles. Source: JupyterHub 6.1, wire contract 3.3.
#[must_use]
pub fn builtin_roles() -> Vec<Role> {
    let role = |name: &str, description: &str, scopes: Vec<Scope>| Role {
        name: name.to_owned(),
        description: description.to_owned(),
        scopes,
        origin: Origin::Builtin,
    };
    vec![
        role(
            USER_ROLE,
            "Standard user privileges",
            vec![Scope::all(ScopeName::SelfScope)],
        ),
        role(
            ADMIN_ROLE,
            "Elevated privileges (can do anything)",
            ADMIN_SCOPES.iter().cloned().map(Scope::all).collect(),
        ),
        role(
            SERVER_ROLE,
            "Post activity only",
            vec![
                Scope::own(ScopeName::UsersActivity, FilterKind::User),
                Scope::own(ScopeName::AccessServers, FilterKind::Server),
            ],
        ),
        role(
            TOKEN_ROLE,
            "Token with same permissions as its owner",
            vec![Scope::all(ScopeName::Inherit)],
        ),
    ]
}

/// Whether `name` may name a role. Source: `^[a-z][a-z0-9\-_~\.]{1,253}[a-z0-9]$`.
#[must_use]
pub fn is_role_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=255).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes
            .last()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_~.".contains(b))
}

/// Whose scopes are being expanded: what the bare filters stand for, and which scopes there are.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// `!user` and `self`.
    pub user: Option<&'a str>,
    /// `!service`.
    pub service: Option<&'a str>,
    /// `!server`, as user and server name.
    pub server: Option<(&'a str, &'a str)>,
    /// The scopes that exist.
    pub catalogue: &'a Catalogue,
}

impl<'a> Bearer<'a> {
    /// Nobody: bare filters stand for nothing.
    #[must_use]
    pub fn nobody(catalogue: &'a Catalogue) -> Self {
        Self {
            user: None,
            service: None,
            server: None,
            catalogue,
        }
    }

    /// A user.
    #[must_use]
    pub fn user(name: &'a str, catalogue: &'a Catalogue) -> Self {
        Self {
            user: Some(name),
            ..Self::nobody(catalogue)
        }
    }

    /// A service.
    #[must_use]
    pub fn service(name: &'a str, catalogue: &'a Catalogue) -> Self {
        Self {
            service: Some(name),
            ..Self::nobody(catalogue)
        }
    }
}

/// Replaces a bare filter by what it stands for; a scope whose filter stands for nothing is dropped.
#[must_use]
pub fn resolve(scope: Scope, bearer: Bearer<'_>) -> Option<Scope> {
    let Filter::Own(kind) = scope.filter else {
        return Some(scope);
    };
    let value = match kind {
        FilterKind::User => bearer.user?.to_owned(),
        FilterKind::Service => bearer.service?.to_owned(),
        FilterKind::Server => bearer
            .server
            .map(|(user, server)| hub_types::paths::server_full_name(user, server))?,
        FilterKind::Group => return None,
    };
    Some(Scope::only(scope.name, kind, value))
}

/// Expands scopes: of an owner's roles, or of a token without what `inherit` means.
#[must_use]
pub fn expand(scopes: impl IntoIterator<Item = Scope>, bearer: Bearer<'_>) -> ScopeSet {
    ScopeSet::expand(
        scopes
            .into_iter()
            .filter_map(|scope| resolve(scope, bearer)),
        bearer.user,
        bearer.catalogue,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUILTIN: Catalogue = Catalogue::builtin();

    #[test]
    fn role_names() {
        for good in ["abc", "a-b", "cull-idle", "a.b~c_1"] {
            assert!(is_role_name(good), "{good}");
        }
        for bad in ["", "ab", "1ab", "abc-", "ABC", "a b", &"a".repeat(256)] {
            assert!(!is_role_name(bad), "{bad}");
        }
    }

    #[test]
    fn server_role_is_bound_to_its_server() {
        let role = builtin_roles()
            .into_iter()
            .find(|role| role.name == SERVER_ROLE)
            .unwrap();
        let bearer = Bearer {
            server: Some(("alice", "")),
            ..Bearer::user("alice", &BUILTIN)
        };
        assert_eq!(
            expand(role.scopes, bearer).to_strings(),
            [
                "access:servers!server=alice/",
                "read:users:activity!user=alice",
                "users:activity!user=alice"
            ]
        );
    }

    #[test]
    fn what_stands_for_nothing_grants_nothing() {
        let scopes = [
            "servers!server",
            "read:users!user",
            "self",
            "inherit",
            "custom:gone",
        ];
        let scopes = scopes.map(|text| text.parse::<Scope>().unwrap());
        let set = expand(scopes, Bearer::nobody(&BUILTIN));
        assert!(set.is_empty(), "{set:?}");
    }
}
