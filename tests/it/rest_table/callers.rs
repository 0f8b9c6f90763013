//! Who calls: everybody that an operation can meet, as data.

use super::scopes::{ADMIN_ROLE, Held, METASCOPES, SCOPES};
use super::targets::Target;

/// A user whose role holds every scope; tokens with single scopes are this user's.
pub(super) const HOLDER: &str = "holder";

/// A plain user whom nothing belongs to.
pub(super) const STRANGER: &str = "friend";

/// A user whose role reaches one group.
pub(super) const GROUP_ADMIN: &str = "gina";

/// The administrator.
pub(super) const ADMIN: &str = "admin";

/// What every user may do here: JupyterHub's default, and entering two services.
pub(super) const USER_ROLE: &[&str] = &[
    "self",
    "access:services!service=web",
    "access:services!service=asks",
];

/// What the role of the group's administrator holds, each for the group.
pub(super) const GROUP_ADMIN_SCOPES: &[&str] = &[
    "admin:users",
    "admin:servers",
    "admin:groups",
    "tokens",
    "shares",
];

/// Scopes with a filter. `{user}` and `{group}` are those that the URLs name, `{user}/box` is one of the user's servers;
/// the user is in the group.
const FILTERED: &[&str] = &[
    "admin:users!user={user}",
    "admin:users!group={group}",
    "admin:users!user=friend",
    "users!user={user}",
    "read:users!group={group}",
    "read:users:name!server={user}/box",
    "list:users!user={user}",
    "list:users!group={group}",
    "list:users!server={user}/box",
    "users:activity!group={group}",
    "delete:users!group=strangers",
    "admin:servers!user={user}",
    "servers!server={user}/box",
    "servers!server={user}/other",
    "read:servers!group={group}",
    "tokens!user={user}",
    "tokens!service=web",
    "read:tokens!group={group}",
    "admin:groups!group={group}",
    "groups!group={group}",
    "groups!group=strangers",
    "groups!user={user}",
    "list:groups!group={group}",
    "list:groups!user={user}",
    "read:groups!group={group}",
    "list:services!service=web",
    "read:services!service=web",
    "read:services!service=none",
    "admin:services!service=web",
    "users:shares!user={user}",
    "read:users:shares!group={group}",
    "groups:shares!group={group}",
    "read:shares!user={user}",
    "read:shares!server={user}/box",
    "shares!user={user}",
    "shares!server={user}/box",
    "shares!server={user}/other",
    "proxy!user={user}",
    "shutdown!user={user}",
    "read:hub!user={user}",
];

/// One caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// No credentials.
    Anonymous,
    /// A token that nobody made.
    UnknownToken,
    /// The user whom the URLs name.
    User,
    /// Another user.
    OtherUser,
    /// A user whose role reaches the group that the URLs name.
    GroupAdmin,
    /// A service without any role.
    Service,
    /// A service with every scope.
    ServiceWithAll,
    /// A service that the configuration calls an administrator.
    AdminService,
    /// An administrator.
    Admin,
    /// A token of [`HOLDER`] with this scope alone.
    Token(String),
}

/// All callers. The place of each decides which objects it works on.
pub(super) fn all() -> Vec<Caller> {
    let mut callers = vec![
        Caller::Anonymous,
        Caller::UnknownToken,
        Caller::User,
        Caller::OtherUser,
        Caller::GroupAdmin,
        Caller::Service,
        Caller::ServiceWithAll,
        Caller::AdminService,
        Caller::Admin,
    ];
    let single = METASCOPES
        .iter()
        .copied()
        .chain(SCOPES.iter().map(|(name, _)| *name));
    callers.extend(
        single
            .chain(FILTERED.iter().copied())
            .map(|scope| Caller::Token(scope.to_owned())),
    );
    callers
}

impl Caller {
    /// What it is called in reports.
    pub(super) fn name(&self) -> String {
        match self {
            Caller::Token(scope) => format!("token {scope}"),
            other => format!("{other:?}"),
        }
    }

    /// What it holds when the URLs name `target`; `None` for nobody.
    pub(super) fn holds(&self, target: &Target) -> Option<Held> {
        let all: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
        let user = |name: &str| Held::of(USER_ROLE, Some(name));
        let held = match self {
            Caller::Anonymous | Caller::UnknownToken => return None,
            Caller::User => user(&target.user),
            Caller::OtherUser => user(STRANGER),
            Caller::GroupAdmin => {
                let scopes: Vec<_> = GROUP_ADMIN_SCOPES
                    .iter()
                    .map(|scope| format!("{scope}!group={}", target.group))
                    .collect();
                let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
                user(GROUP_ADMIN).and(Held::of(&scopes, None))
            }
            Caller::Service => Held::default(),
            Caller::ServiceWithAll => Held::of(&all, None),
            Caller::AdminService => Held::of(ADMIN_ROLE, None),
            Caller::Admin => user(ADMIN).and(Held::of(ADMIN_ROLE, None)),
            Caller::Token(scope) if scope == "inherit" => user(HOLDER).and(Held::of(&all, None)),
            // Every token may read who its owner is.
            Caller::Token(scope) => Held::of(
                &[
                    &target.fill(scope),
                    "read:users:name!user=holder",
                    "read:users:groups!user=holder",
                ],
                Some(HOLDER),
            ),
        };
        Some(held)
    }
}
