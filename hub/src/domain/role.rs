//! Roles: named lists of scopes, and who holds them.

use hub_types::scope::{ADMIN_SCOPES, Filter, FilterKind, Scope, ScopeName, ScopeSet};

/// The role that every user holds.
pub const USER_ROLE: &str = "user";
/// The role that administrators hold; it cannot be redefined.
pub const ADMIN_ROLE: &str = "admin";
/// The role whose scopes a server's token gets.
pub const SERVER_ROLE: &str = "server";
/// The role whose scopes a token gets when none were asked for.
pub const TOKEN_ROLE: &str = "token";

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// 3 to 255 characters: `[a-z][a-z0-9-_~.]*[a-z0-9]`.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it grants, as written.
    pub scopes: Vec<Scope>,
    /// Whether the configuration defines it (else the API, or it is built in).
    pub from_config: bool,
}

/// The four built-in roles. Source: JupyterHub 6.1, wire contract 3.3.
#[must_use]
pub fn builtin_roles() -> Vec<Role> {
    let role = |name: &str, description: &str, scopes: Vec<Scope>| Role {
        name: name.to_owned(),
        description: description.to_owned(),
        scopes,
        from_config: false,
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

/// Whose scopes are being expanded: what the bare filters stand for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bearer<'a> {
    /// `!user` and `self`.
    pub user: Option<&'a str>,
    /// `!service`.
    pub service: Option<&'a str>,
    /// `!server`, as user and server name.
    pub server: Option<(&'a str, &'a str)>,
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

/// Expands the scopes of an owner's roles.
#[must_use]
pub fn expand(scopes: impl IntoIterator<Item = Scope>, bearer: Bearer<'_>) -> ScopeSet {
    ScopeSet::expand(
        scopes
            .into_iter()
            .filter_map(|scope| resolve(scope, bearer)),
        bearer.user,
    )
}

/// Expands the scopes of a token: `inherit` stands for everything that the owner holds.
#[must_use]
pub fn expand_token(scopes: &[Scope], bearer: Bearer<'_>, owner: &ScopeSet) -> ScopeSet {
    let mut set = expand(scopes.iter().cloned(), bearer);
    if scopes.iter().any(|scope| scope.name == ScopeName::Inherit) {
        set.merge(owner);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

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
            user: Some("alice"),
            service: None,
            server: Some(("alice", "")),
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
    fn inherit_is_the_owner_and_unresolved_filters_grant_nothing() {
        let owner = ScopeSet::of_expanded(["read:hub"]);
        let scopes: Vec<Scope> = ["inherit", "servers!server"]
            .map(|text| text.parse().unwrap())
            .into();
        assert_eq!(expand_token(&scopes, Bearer::default(), &owner), owner);
    }
}
