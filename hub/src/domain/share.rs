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
mod tests {
    use hub_types::names::ServerName;
    use hub_types::scope::NoMembership;
    use proptest::prelude::*;

    use hub_types::scope::Catalogue;

    use super::*;
    use crate::domain::user::Groups;

    fn at(user: &str, name: &str) -> ServerRef {
        ServerRef::new(Username::stored(user), ServerName::stored(name))
    }

    fn scopes(texts: &[&str]) -> Vec<Scope> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn asked(texts: &[&str]) -> SharedScopes {
        SharedScopes::asked(&scopes(texts), &at("alice", "")).unwrap()
    }

    #[test]
    fn ids() {
        assert_eq!(ShareCodeId::parse("sc_12"), Some(ShareCodeId(12)));
        assert_eq!(ShareCodeId(12).to_string(), "sc_12");
        for bad in [
            "",
            "sc_",
            "12",
            "sc_-1",
            "sc_1x",
            "a1",
            "SC_1",
            "sc_99999999999999999999",
        ] {
            assert_eq!(ShareCodeId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_this_servers_filter() {
        for (texts, expected) in [
            (&[][..], &["access:servers!server=alice/"][..]),
            (&["access:servers"], &["access:servers!server=alice/"]),
            (
                &["servers!server=alice/", "access:servers", "servers"],
                &["access:servers!server=alice/", "servers!server=alice/"],
            ),
            (&["custom:lab:run"], &["custom:lab:run!server=alice/"]),
        ] {
            assert_eq!(asked(texts).texts(&at("alice", "")), expected, "{texts:?}");
        }
        for (bad, message) in [
            (
                "read:servers!server=alice/gpu",
                "!server=alice/gpu not allowed on sharing read:servers!server=alice/gpu, only !server=alice/",
            ),
            (
                "servers!user=alice",
                "!user=alice not allowed on sharing servers!user=alice, only !server=alice/",
            ),
            (
                "servers!server=alice",
                "!server=alice not allowed on sharing servers!server=alice, only !server=alice/",
            ),
            (
                "servers!user",
                "!user not allowed on sharing servers!user, only !server=alice/",
            ),
            (
                "servers!server",
                "!server not allowed on sharing servers!server, only !server=alice/",
            ),
            (
                "servers!group=lab",
                "!group=lab not allowed on sharing servers!group=lab, only !server=alice/",
            ),
        ] {
            let error = SharedScopes::asked(&scopes(&["servers", bad]), &at("alice", ""));
            assert_eq!(error.unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_filter_follows_the_server() {
        let shared = asked(&["access:servers", "read:servers!server=alice/"]);
        assert_eq!(
            shared.texts(&at("zoe", "gpu")),
            [
                "access:servers!server=zoe/gpu",
                "read:servers!server=zoe/gpu"
            ]
        );
    }

    #[test]
    fn metascopes_never_come_out_of_the_database() {
        let stored = SharedScopes::stored([
            ScopeName::SelfScope,
            ScopeName::Inherit,
            ScopeName::NoScope,
            ScopeName::ReadServers,
        ]);
        assert_eq!(
            stored.texts(&at("alice", "")),
            ["read:servers!server=alice/"]
        );
    }

    #[test]
    fn revocation() {
        let both = ["access:servers", "read:servers"];
        for (revoked, left) in [
            (&[][..], None),
            (&["access:servers"][..], Some(&["read:servers"][..])),
            (&["access:servers!server=alice/"], Some(&["read:servers"])),
            (&["read:servers", "access:servers!server=alice/"], None),
            // What is not held, and what is held elsewhere, stays.
            (&["admin:servers"], Some(&both)),
            (&["access:servers!server=alice/gpu"], Some(&both)),
            (&["access:servers!server=bob/"], Some(&both)),
            (&["access:servers!user=alice"], Some(&both)),
            (&["access:servers!server"], Some(&both)),
        ] {
            let after = asked(&both).without(&scopes(revoked), &at("alice", ""));
            assert_eq!(after, left.map(asked), "{revoked:?}");
        }
    }

    #[test]
    fn nobody_gives_what_they_do_not_hold() {
        let lab = Groups::new([("lab".to_owned(), ["alice".to_owned()].into())].into());
        for (held, wanted, missing) in [
            (&["shares", "access:servers"][..], &[][..], None),
            (
                &["shares!server=alice/", "access:servers!server=alice/"],
                &[],
                None,
            ),
            (
                &["shares!user=alice", "servers!user=alice"],
                &["servers"],
                None,
            ),
            (
                &["shares!group=lab", "servers!group=lab"],
                &["servers"],
                None,
            ),
            (&["access:servers"], &[], Some("shares!server=alice/")),
            (
                &["shares"],
                &["admin:servers"],
                Some("admin:servers!server=alice/"),
            ),
            (
                &["shares", "servers!server=alice/gpu", "servers!user=bob"],
                &["servers"],
                Some("servers!server=alice/"),
            ),
            (
                &["shares!group=staff", "servers"],
                &["servers"],
                Some("shares!server=alice/"),
            ),
            // A metascope is held by nobody, so nobody can share it.
            (
                &["shares", "access:servers"],
                &["inherit"],
                Some("inherit!server=alice/"),
            ),
            (
                &["shares", "access:servers"],
                &["self"],
                Some("self!server=alice/"),
            ),
        ] {
            let held = ScopeSet::expand(scopes(held), Some("alice"), &Catalogue::builtin());
            let result = asked(wanted).granted_by(&held, &lab, &at("alice", ""));
            let text = result.err().map(|error| error.to_string());
            let expected = missing
                .map(|scope| format!("Do not have permission to grant share with scope {scope}"));
            assert_eq!(text, expected, "{held:?} {wanted:?}");
        }
    }

    #[test]
    fn lives_of_codes() {
        let now = DateTime::UNIX_EPOCH;
        for (asked, seconds) in [
            (None, Some(86_400)),
            (Some(60), Some(60)),
            (Some(31_536_000), Some(31_536_000)),
            (Some(59), None),
            (Some(0), None),
            (Some(-1), None),
            (Some(31_536_001), None),
            (Some(i64::MAX), None),
            (Some(i64::MIN), None),
        ] {
            let expected = seconds.map(|seconds| now + TimeDelta::seconds(seconds));
            assert_eq!(code_expiry(asked, now).ok(), expected, "{asked:?}");
        }
        assert_eq!(
            code_expiry(Some(5), now).unwrap_err().to_string(),
            "expires_in must be between 60 and 31536000 seconds, not 5"
        );
    }

    proptest! {
        /// Whatever is shared reaches its own server and no other: not the owner's, not one of a similar name.
        #[test]
        fn a_share_reaches_its_own_server_only(
            name in prop::sample::select(ScopeName::ALL),
            user in "[a-c]{1,2}",
            server in "[a-c]{0,2}",
            other_user in "[a-c]{1,2}",
            other_server in "[a-c]{0,2}",
        ) {
            let own = at(&user, &server);
            let shared = SharedScopes::stored([name]);
            let set = ScopeSet::expand(shared.on(&own), Some("recipient"), &Catalogue::builtin());
            let groups = Groups::new([("g".to_owned(), [user.clone(), other_user.clone()].into())].into());
            for held in ScopeName::ALL {
                let mut targets = vec![
                    Target::Everything,
                    Target::User(&user),
                    Target::User("recipient"),
                    Target::Group("g"),
                    Target::Service("s"),
                ];
                if (&user, &server) != (&other_user, &other_server) {
                    targets.push(Target::Server(&other_user, &other_server));
                }
                for target in targets {
                    prop_assert!(!set.allows(held, target, &groups), "{} {:?}", held, target);
                    prop_assert!(!set.allows(held, target, &NoMembership));
                }
            }
        }
    }
}
