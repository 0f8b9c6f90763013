//! Who makes a request, and what they may do: permission leaves evidence.

use std::sync::Arc;

use hub_types::identity::Kind;
use hub_types::names::{ServiceName, Username};
use hub_types::scope::{Membership as _, Reach, Scope, ScopeName, ScopeSet, Target};

use super::action::{Action, ReadServerOutput, StartServer};
use super::authority::identify;
use super::server::ServerRef;
use super::token::{ServiceId, TokenId};
use super::user::{Groups, User};

/// Who a credential belongs to.
#[derive(Debug, Clone, PartialEq)]
pub enum Owner {
    /// A user.
    User(User),
    /// A service.
    Service {
        /// Row id.
        id: ServiceId,
        /// The name.
        name: ServiceName,
        /// Whether it holds the role `admin`.
        admin: bool,
    },
}

impl Owner {
    /// User or service.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Owner::User(_) => Kind::User,
            Owner::Service { .. } => Kind::Service,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Owner::User(user) => user.name.as_str(),
            Owner::Service { name, .. } => name.as_str(),
        }
    }

    /// Whether the role `admin` is held.
    #[must_use]
    pub fn admin(&self) -> bool {
        match self {
            Owner::User(user) => user.admin,
            Owner::Service { admin, .. } => *admin,
        }
    }

    /// Whether both are the same user or service, whatever else is known of them by now.
    #[must_use]
    pub fn is(&self, other: &Owner) -> bool {
        match (self, other) {
            (Owner::User(a), Owner::User(b)) => a.id == b.id,
            (Owner::Service { id: a, .. }, Owner::Service { id: b, .. }) => a == b,
            _ => false,
        }
    }

    /// The user, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Owner::User(user) => Some(user),
            Owner::Service { .. } => None,
        }
    }
}

/// How the request proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A login cookie.
    Cookie {
        /// The value of `jupyterhub-session-id`.
        session_id: String,
    },
    /// An API token or OAuth access token.
    Token {
        /// Row id.
        id: TokenId,
        /// The browser session it belongs to.
        session_id: Option<String>,
        /// Whether its use counts as activity of the user.
        counts_as_activity: bool,
    },
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Who it is.
    pub owner: Owner,
    /// How they proved it.
    pub credential: Credential,
    scopes: Arc<ScopeSet>,
    groups: Arc<Groups>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The scope is not held in any form: 403.
    #[error("Action is not authorized with current scopes; requires any of [{}]", .0.iter().map(ScopeName::as_str).collect::<Vec<_>>().join(", "))]
    Missing(&'static [ScopeName]),
    /// The scope is held, but not for this: 404, whether or not it exists.
    #[error("No access to resources or resources not found")]
    OutOfReach,
}

/// Evidence that an action is allowed on a subject. Only [`Principal::require`] and the hub itself make one.
#[derive(Debug)]
pub struct Granted<A: Action> {
    subject: A::Subject,
}

impl<A: Action> Granted<A> {
    /// What may be acted on.
    pub fn subject(&self) -> &A::Subject {
        &self.subject
    }

    /// Permission by the hub's own rules (restoring after a restart, a user's login, a limit), not by a request.
    ///
    /// `reason` is for the reader of the code; nothing is logged.
    pub(crate) fn by_hub(subject: A::Subject, _reason: &'static str) -> Self {
        Self { subject }
    }
}

impl Principal {
    /// A principal with its effective scopes (token ∩ owner, already expanded).
    #[must_use]
    pub fn new(
        owner: Owner,
        credential: Credential,
        scopes: impl Into<Arc<ScopeSet>>,
        groups: Arc<Groups>,
    ) -> Self {
        Self {
            owner,
            credential,
            scopes: scopes.into(),
            groups,
        }
    }

    /// Permission for `A` on `subject`, as evidence.
    ///
    /// # Errors
    /// [`Denied::Missing`] when none of the scopes is held at all, or only for parts of what concerns the whole hub;
    /// [`Denied::OutOfReach`] when they are held for others.
    pub fn require<A: Action>(&self, subject: A::Subject) -> Result<Granted<A>, Denied> {
        let target = A::target(&subject);
        if A::SCOPES
            .iter()
            .any(|scope| self.scopes.allows(scope, target, &*self.groups))
        {
            return Ok(Granted { subject });
        }
        // That the hub exists is no secret: only names are hidden behind "not found".
        let held = target != Target::Everything
            && A::SCOPES
                .iter()
                .any(|scope| self.scopes.reach(scope).is_some());
        Err(if held {
            Denied::OutOfReach
        } else {
            Denied::Missing(A::SCOPES)
        })
    }

    /// How far `scope` reaches, for list endpoints that filter their rows by it.
    ///
    /// # Errors
    /// [`Denied::Missing`] when it is not held in any form.
    pub fn reach(&self, scope: &'static [ScopeName]) -> Result<&Reach, Denied> {
        scope
            .iter()
            .find_map(|scope| self.scopes.reach(scope))
            .ok_or(Denied::Missing(scope))
    }

    /// Whether `scope` is held for `target`: for single fields of models.
    #[must_use]
    pub fn may(&self, scope: &ScopeName, target: Target<'_>) -> bool {
        self.scopes.allows(scope, target, &*self.groups)
    }

    /// What is held.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Who is in which group, as of this request.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Names of the groups of the owner (none for a service).
    #[must_use]
    pub fn owner_groups(&self) -> Vec<String> {
        self.owner
            .user()
            .map(|user| self.groups.of_user(user.name.as_str()))
            .unwrap_or_default()
    }

    /// The same principal with what everybody may read about themselves; for `GET /user` only.
    #[must_use]
    pub fn with_identify_scopes(&self) -> Self {
        self.lent(identify(&self.owner))
    }

    /// The same principal with scopes that it does not hold, lent for one look: nothing may be done with them.
    #[must_use]
    pub fn lent(&self, more: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes = ScopeSet::clone(&self.scopes);
        for scope in more {
            scopes.add(scope);
        }
        Self {
            scopes: Arc::new(scopes),
            ..self.clone()
        }
    }

    /// The same principal with another snapshot of the groups: after a change that it made itself.
    #[must_use]
    pub fn with_groups(&self, groups: Groups) -> Self {
        Self {
            groups: Arc::new(groups),
            ..self.clone()
        }
    }

    /// The user behind the request, if it is one.
    #[must_use]
    pub fn username(&self) -> Option<&Username> {
        self.owner.user().map(|user| &user.name)
    }

    /// Whether what a server wrote may be shown, which may hold secrets: to its owner, with a credential that may start it, and
    /// to who may read what spawners keep of it. Others who may start it read why that failed, and not this.
    #[must_use]
    pub fn may_read_output(&self, at: &ServerRef) -> bool {
        let own = self.username() == Some(&at.user);
        (own && self.require::<StartServer>(at.clone()).is_ok())
            || self.require::<ReadServerOutput>(at.clone()).is_ok()
    }

    /// Whether `user` is in `group`.
    #[must_use]
    pub fn in_group(&self, user: &str, group: &str) -> bool {
        self.groups.contains(group, user)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use hub_types::names::ServerName;

    use super::super::action::{ReadHub, ReadUser};
    use super::super::user::UserId;
    use super::*;
    use crate::domain::action::Hub;

    fn principal(scopes: &[&str]) -> Principal {
        let user = User {
            id: UserId(1),
            name: Username::stored("alice"),
            admin: false,
            created: DateTime::UNIX_EPOCH,
            last_activity: None,
            user_info: None,
        };
        let groups = Groups::new([("lab".to_owned(), ["bob".to_owned()].into())].into());
        let credential = Credential::Cookie {
            session_id: "s".into(),
        };
        Principal::new(
            Owner::User(user),
            credential,
            ScopeSet::of_expanded(scopes),
            Arc::new(groups),
        )
    }

    fn server(user: &str) -> ServerRef {
        ServerRef::new(Username::stored(user), ServerName::default_server())
    }

    #[test]
    fn what_a_server_wrote_is_for_its_owner_and_for_who_may_read_what_spawners_keep() {
        for (scope, of, may) in [
            ("start:servers!user=alice", "alice", true),
            ("read:servers!user=alice", "alice", false),
            ("start:servers", "bob", false),
            ("admin:server_state!user=bob", "bob", true),
            ("admin:server_state!user=carol", "bob", false),
        ] {
            let me = principal(&[scope]);
            assert_eq!(me.may_read_output(&server(of)), may, "{scope} of {of}");
        }
    }

    #[test]
    fn missing_is_not_out_of_reach() {
        let me = principal(&["start:servers!user=alice", "read:users:name!group=lab"]);
        assert!(me.require::<StartServer>(server("alice")).is_ok());
        assert_eq!(
            me.require::<StartServer>(server("bob")).unwrap_err(),
            Denied::OutOfReach
        );
        assert!(me.require::<ReadUser>("bob".to_owned()).is_ok());
        assert!(matches!(
            me.require::<ReadHub>(Hub).unwrap_err(),
            Denied::Missing(_)
        ));
        assert_eq!(
            me.require::<ReadHub>(Hub).unwrap_err().to_string(),
            "Action is not authorized with current scopes; requires any of [read:hub]"
        );
    }

    #[test]
    fn a_filtered_scope_does_not_open_the_whole_hub() {
        let denied = principal(&["read:hub!user=alice"])
            .require::<ReadHub>(Hub)
            .unwrap_err();
        assert!(matches!(denied, Denied::Missing(_)), "{denied}");
    }
}
