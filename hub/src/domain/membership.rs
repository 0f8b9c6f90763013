//! What somebody gains by adding a user to a group: a group is a filter (`!group=`) and may hold roles, so whoever
//! edits its members edits permissions. Nobody may give themselves more than they hold.
//!
//! Source: security cases 51 and 52. JupyterHub leaves both to whoever writes the roles.

use hub_types::scope::{
    ADMIN_SCOPES, Catalogue, FilterKind, Membership as _, Reach, Scope, ScopeName, ScopeSet, Target,
};

use super::principal::Principal;
use super::role::{Bearer, expand};

/// Scopes with which one acts for users or learns their secrets. (To see who is there is no gain worth a refusal: whoever
/// adds a user knows the name.)
const ACTING: &[ScopeName] = &[
    ScopeName::AdminUsers,
    ScopeName::AdminAuthState,
    ScopeName::Users,
    ScopeName::DeleteUsers,
    ScopeName::UsersActivity,
    ScopeName::AdminServers,
    ScopeName::AdminServerState,
    ScopeName::Servers,
    ScopeName::StartServers,
    ScopeName::DeleteServers,
    ScopeName::Tokens,
    ScopeName::ReadTokens,
    ScopeName::AccessServers,
    ScopeName::UsersShares,
    ScopeName::Shares,
];

/// Why a user may not be added to a group by this caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gain {
    /// The caller's own filter on the group would come to cover the user.
    #[error(
        "Adding {user} to group {group} would give you {scope} for {user}, which you do not hold"
    )]
    Reach {
        /// The user.
        user: String,
        /// The group.
        group: String,
        /// The first scope that would reach further.
        scope: String,
    },
    /// The group's roles would give something to the caller, or to somebody whom the caller can act as.
    #[error("Adding {user} to group {group} would give {scope}, which you do not hold")]
    Roles {
        /// The user.
        user: String,
        /// The group.
        group: String,
        /// The first scope that is not held.
        scope: String,
    },
}

/// Whether `caller` may add `user` to `group`, whose roles have `role_scopes`.
///
/// # Errors
/// [`Gain`]: what the caller would gain.
pub fn check_addition(
    caller: &Principal,
    user: &str,
    group: &str,
    role_scopes: &[Scope],
    catalogue: &Catalogue,
) -> Result<(), Gain> {
    if caller.groups().contains(group, user) || is_full_admin(caller) {
        return Ok(());
    }
    let wider = ACTING.iter().find(|scope| {
        let Some(reach @ Reach::Only(_)) = caller.scopes().reach(scope) else {
            return false;
        };
        reach
            .values(FilterKind::Group)
            .any(|filter| filter == group)
            && !reach.covers(Target::User(user), caller.groups())
    });
    if let Some(scope) = wider {
        return Err(Gain::Reach {
            user: user.to_owned(),
            group: group.to_owned(),
            scope: scope.to_string(),
        });
    }
    let own = caller.username().is_some_and(|name| name.as_str() == user);
    if own || caller.may(&ScopeName::Tokens, Target::User(user)) {
        let bearer = Bearer::user(user, catalogue);
        if let Some(scope) = first_not_held(caller, &expand(role_scopes.iter().cloned(), bearer)) {
            return Err(Gain::Roles {
                user: user.to_owned(),
                group: group.to_owned(),
                scope: scope.to_string(),
            });
        }
    }
    Ok(())
}

/// Whether the caller holds everything that the built-in role `admin` grants: such a caller can act as anybody anyway.
#[must_use]
pub fn is_full_admin(caller: &Principal) -> bool {
    ADMIN_SCOPES
        .iter()
        .all(|scope| caller.may(scope, Target::Everything))
}

/// Whether the caller may make administrators: one who is one, with everything that an administrator holds. A token of an
/// administrator that holds less must not become more by somebody whom it promotes. (JupyterHub looks at the owner alone.)
#[must_use]
pub fn may_make_admins(caller: &Principal) -> bool {
    caller.owner.admin() && is_full_admin(caller)
}

/// The first of `scopes` that the caller does not hold.
#[must_use]
pub fn first_not_held(caller: &Principal, scopes: &ScopeSet) -> Option<Scope> {
    scopes
        .iter()
        .find(|scope| !caller.scopes().grants(scope, caller.groups()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use hub_types::names::Username;
    use hub_types::scope::CustomScope;

    use super::*;
    use crate::domain::principal::{Credential, Owner};
    use crate::domain::user::{Groups, User, UserId};

    fn caller(scopes: &[&str], catalogue: &Catalogue) -> Principal {
        let user = User {
            id: UserId(1),
            name: Username::stored("tess"),
            admin: false,
            created: DateTime::UNIX_EPOCH,
            last_activity: None,
            user_info: None,
        };
        let groups = Groups::new([("lab".to_owned(), ["bob".to_owned()].into())].into());
        let scopes = scopes.iter().map(|scope| scope.parse().unwrap());
        Principal::new(
            Owner::User(user),
            Credential::Cookie {
                session_id: "s".into(),
            },
            ScopeSet::expand(scopes, Some("tess"), catalogue),
            Arc::new(groups),
        )
    }

    #[test]
    fn nobody_gains_by_adding() {
        let admin: Vec<&str> = ADMIN_SCOPES.iter().map(ScopeName::as_str).collect();
        let no_roles: &[&str] = &[];
        let custom = ("custom:lab:run".to_owned(), CustomScope::default());
        let catalogue = Catalogue::with_custom(&[custom].into()).unwrap();
        for (scopes, user, roles, gained) in [
            // A group's manager who may do nothing else with its members.
            (&["groups!group=lab"][..], "alice", no_roles, None),
            (
                &["groups!group=lab", "read:users!group=lab"],
                "alice",
                no_roles,
                None,
            ),
            // One whose filter would come to cover an outsider.
            (
                &["groups!group=lab", "servers!group=lab"],
                "alice",
                no_roles,
                Some("servers"),
            ),
            (
                &["groups", "tokens!group=lab"],
                "alice",
                no_roles,
                Some("tokens"),
            ),
            (
                &["groups", "access:servers!group=lab"],
                "alice",
                no_roles,
                Some("access:servers"),
            ),
            // Whom the filter covers already, or another one does.
            (&["groups", "servers!group=lab"], "bob", no_roles, None),
            (
                &["groups", "servers!group=lab", "servers!user=alice"],
                "alice",
                no_roles,
                None,
            ),
            (&["groups", "servers!group=other"], "alice", no_roles, None),
            // Roles of the group: for others they are the business of who may edit the group.
            (&["groups"], "alice", &["admin:users"], None),
            (&["groups"], "tess", &["admin:users"], Some("admin:users")),
            (&["groups", "list:groups"], "tess", &["list:groups"], None),
            (
                &["groups", "tokens!user=alice"],
                "alice",
                &["proxy"],
                Some("proxy"),
            ),
            (
                &["groups", "custom:lab:run"],
                "tess",
                &["custom:lab:run"],
                None,
            ),
            (&admin, "tess", &["custom:lab:run"], None),
        ] {
            let roles: Vec<Scope> = roles.iter().map(|scope| scope.parse().unwrap()).collect();
            let result =
                check_addition(&caller(scopes, &catalogue), user, "lab", &roles, &catalogue);
            let scope = result.err().map(|gain| match gain {
                Gain::Reach { scope, .. } | Gain::Roles { scope, .. } => scope,
            });
            assert_eq!(scope.as_deref(), gained, "{scopes:?} {user} {roles:?}");
        }
    }
}
