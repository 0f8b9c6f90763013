//! Shares: what others may do with one server of somebody.
//!
//! A share is a set of scope *names* on a server. Its filter is not stored but made anew at every look, from what owner
//! and server are called at that moment: a share follows its server through renames, and never reaches another one that
//! takes the old name. (JupyterHub stores the filter and mends it when it is read; security case 55.)
//!
//! A share code is an invitation. It becomes a share when somebody shows it, as long as whoever made it could still
//! grant the same.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::names::Username;
use hub_types::paths::server_full_name;
use hub_types::scope::{Filter, FilterKind, Membership, Scope, ScopeName, ScopeSet, Target};

use super::server::{Server, ServerRef};
use super::token::TokenOwner;
use super::user::UserId;

/// Row id of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShareId(pub i64);

/// Row id of a share code; `sc_<integer>` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShareCodeId(pub i64);

impl ShareCodeId {
    /// Reads `sc_<integer>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sc_")?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok().map(Self))?
    }
}

impl std::fmt::Display for ShareCodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sc_{}", self.0)
    }
}

/// Whom a share is for, as row ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// One user.
    User(UserId),
    /// Row id of a group: all its members.
    Group(i64),
}

/// Whom a share is for, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedWith {
    /// One user.
    User(Username),
    /// All members of a group.
    Group(String),
}

impl std::fmt::Display for SharedWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SharedWith::User(name) => write!(f, "user:{name}"),
            SharedWith::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// A share.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Row id.
    pub id: ShareId,
    /// What is shared.
    pub server: Server,
    /// With whom.
    pub with: SharedWith,
    /// What they may do with it.
    pub scopes: SharedScopes,
    /// When it was granted first.
    pub created: DateTime<Utc>,
}

/// A share code; the code itself is not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareCode {
    /// Row id.
    pub id: ShareCodeId,
    /// What is shared.
    pub server: Server,
    /// Who made it.
    pub maker: TokenOwner,
    /// What it will allow.
    pub scopes: SharedScopes,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// How many times it was accepted.
    pub exchange_count: i64,
    /// When it was last accepted.
    pub last_exchanged: Option<DateTime<Utc>>,
}

/// The most share codes that a server has at a time (security case 122).
pub const MAX_SHARE_CODES: u64 = 1_000;

/// The most scopes that one request shares or revokes.
pub const MAX_SCOPES: usize = 256;

/// A scope with a filter that a share cannot have. The text is JupyterHub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} not allowed on sharing {scope}, only !server={only}", .scope.filter)]
pub struct ForeignFilter {
    /// The scope as written.
    pub scope: Scope,
    /// The only server that the share can be about.
    pub only: String,
}

/// What a share allows: names of scopes, for its server only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedScopes(BTreeSet<ScopeName>);

impl SharedScopes {
    /// What was stored. Metascopes stand for more than one server and are left out.
    #[must_use]
    pub fn stored(names: impl IntoIterator<Item = ScopeName>) -> Self {
        Self(names.into_iter().filter(|name| !name.is_meta()).collect())
    }

    /// What is asked for on the server `at`: without a filter, or with exactly this server's. Nothing means to enter it.
    ///
    /// # Errors
    /// [`ForeignFilter`] for any other filter.
    pub fn asked(asked: &[Scope], at: &ServerRef) -> Result<Self, ForeignFilter> {
        if asked.is_empty() {
            return Ok(Self([ScopeName::AccessServers].into()));
        }
        let only = full_name(at);
        let names = asked.iter().map(|scope| match &scope.filter {
            Filter::All => Ok(scope.name.clone()),
            Filter::Is(FilterKind::Server, server) if *server == only => Ok(scope.name.clone()),
            _ => Err(ForeignFilter {
                scope: scope.clone(),
                only: only.clone(),
            }),
        });
        names.collect::<Result<_, _>>().map(Self)
    }

    /// The names, in the order of the table of scopes.
    pub fn names(&self) -> impl Iterator<Item = &ScopeName> {
        self.0.iter()
    }

    /// The scopes on the server, by whatever name it has now.
    pub fn on(&self, at: &ServerRef) -> impl Iterator<Item = Scope> {
        let server = full_name(at);
        self.0
            .iter()
            .map(move |name| Scope::only(name.clone(), FilterKind::Server, server.clone()))
    }

    /// The same as sorted texts.
    #[must_use]
    pub fn texts(&self, at: &ServerRef) -> Vec<String> {
        let mut texts: Vec<String> = self.on(at).map(|scope| scope.to_string()).collect();
        texts.sort();
        texts
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, more: &SharedScopes) -> Self {
        Self(self.0.union(&more.0).cloned().collect())
    }

    /// What is left when `revoked` is taken away: all of it when nothing is named, and whatever is named without a
    /// filter or with this server's. `None` when nothing is left.
    #[must_use]
    pub fn without(&self, revoked: &[Scope], at: &ServerRef) -> Option<Self> {
        if revoked.is_empty() {
            return None;
        }
        let full = full_name(at);
        let is_revoked = |name: &ScopeName| {
            revoked.iter().any(|scope| {
                let here = match &scope.filter {
                    Filter::All => true,
                    Filter::Is(FilterKind::Server, server) => *server == full,
                    Filter::Is(..) | Filter::Own(_) => false,
                };
                here && scope.name == *name
            })
        };
        let left: BTreeSet<_> = self
            .0
            .iter()
            .filter(|name| !is_revoked(name))
            .cloned()
            .collect();
        (!left.is_empty()).then_some(Self(left))
    }

    /// Holds the scopes against what somebody holds: only what one may do oneself can be given to others.
    ///
    /// # Errors
    /// [`NotHeld`] with the first scope that is not held for this server.
    pub fn granted_by(
        self,
        held: &ScopeSet,
        groups: &impl Membership,
        at: &ServerRef,
    ) -> Result<Shareable, NotHeld> {
        let target = Target::Server(at.user.as_str(), at.name.as_str());
        let needed = [ScopeName::Shares];
        let missing = needed
            .iter()
            .chain(&self.0)
            .find(|name| !held.allows(name, target, groups));
        match missing {
            Some(name) => Err(NotHeld(Scope::only(
                name.clone(),
                FilterKind::Server,
                full_name(at),
            ))),
            None => Ok(Shareable(self)),
        }
    }
}

/// A scope that somebody wants to share without holding it. The text is JupyterHub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Do not have permission to grant share with scope {0}")]
pub struct NotHeld(pub Scope);

/// Evidence that somebody may share these scopes. Only [`SharedScopes::granted_by`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shareable(SharedScopes);

impl Shareable {
    /// What may be shared.
    #[must_use]
    pub fn scopes(&self) -> &SharedScopes {
        &self.0
    }
}

fn full_name(at: &ServerRef) -> String {
    server_full_name(at.user.as_str(), at.name.as_str())
}

/// Shortest and longest life of a share code, and its life when nobody says, in seconds. Source: JupyterHub 6.1.
const CODE_LIFE: std::ops::RangeInclusive<i64> = 60..=525_600 * 60;
const DEFAULT_CODE_LIFE: i64 = 86_400;

/// The life asked for a share code is too short or too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expires_in must be between {} and {} seconds, not {asked}", CODE_LIFE.start(), CODE_LIFE.end())]
pub struct InvalidCodeLife {
    /// What was asked.
    pub asked: i64,
}

/// When a share code that is made `now` ends.
///
/// # Errors
/// When its life is less than a minute or more than a year.
pub fn code_expiry(
    expires_in: Option<i64>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, InvalidCodeLife> {
    let seconds = expires_in.unwrap_or(DEFAULT_CODE_LIFE);
    if !CODE_LIFE.contains(&seconds) {
        return Err(InvalidCodeLife { asked: seconds });
    }
    Ok(now + TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests;
