//! The decision: facts, policy and the hub's time in; a verdict with its reason out. Pure.
//!
//! The rules are those of jupyterhub-idle-culler 2.0, made stricter where it would stop a server on missing or
//! contradictory data; `docs/compat.md` lists the differences:
//!
//! 1. A server that is pending or not ready is kept.
//! 2. Idle time counts from the later of `last_activity` and `started`; a server that was never active counts from
//!    `started`. What cannot be read, lies in the future or was not said never counts as idle.
//! 3. A server idle for at least `timeout` is culled, if its kind (default, named) may be culled.
//! 4. A server that has run for at least `max_age` is culled although it is active.
//! 5. A user is culled (only when asked for) under the same two limits, and only when no server of theirs stays.
//!
//! # To add a rule
//!
//! Add a reason to [`WhyKeep`] or [`WhyCull`], the rule to [`server`] or [`user`], and one row to the table in
//! `decide/tests.rs`. Nothing here may read a clock, the environment or the network.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::facts::{ServerFacts, Stamp, State, UserFacts};
use crate::report::{Quoted, Span};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// How far ahead of the hub's own clock a timestamp may lie before it is called wrong and not just fresh.
///
/// The hub's `Date` header is cut to seconds, and activity may be newer than the page it is read from.
const FRESH: TimeDelta = TimeDelta::seconds(60);

/// What to cull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Idle time from which a server or user is culled.
    pub timeout: TimeDelta,
    /// Age from which a server or user is culled although it is active.
    pub max_age: Option<TimeDelta>,
    /// Whether default servers may be culled.
    pub default_servers: bool,
    /// Whether named servers may be culled.
    pub named_servers: bool,
    /// Whether users are culled too.
    pub users: bool,
    /// Whether admins may be culled (as users; their servers always may).
    pub admin_users: bool,
    /// Whether `max_age` passes over the three switches above, as jupyterhub-idle-culler 2.0 does.
    pub max_age_ignores_filters: bool,
}

/// What is to be done with a server or a user, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it alone.
    Keep(WhyKeep),
    /// Stop the server, or delete the user.
    Cull(WhyCull),
}

/// Why something is culled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyCull {
    /// Not used for too long.
    Inactive {
        /// The last activity that was read: what the hub is told, so that it can refuse if there was one since.
        since: DateTime<Utc>,
        /// How long it has not been used.
        inactive: TimeDelta,
        /// The limit that this reaches.
        limit: TimeDelta,
    },
    /// Running (or registered) for too long, whether used or not.
    TooOld {
        /// How long it has been there.
        age: TimeDelta,
        /// The limit that this reaches.
        limit: TimeDelta,
    },
}

/// Why something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyKeep {
    /// It was used recently enough.
    Active {
        /// How long it has not been used.
        inactive: TimeDelta,
        /// The limit that this does not reach.
        limit: TimeDelta,
    },
    /// It is in the middle of something.
    Pending(String),
    /// It is neither ready nor pending.
    NotReady,
    /// There is nothing to stop.
    Stopped,
    /// It is idle, but its kind is exempt by a flag.
    Exempt(Kind),
    /// The hub did not say what is needed to decide.
    Unknown(&'static str),
    /// The hub said something that is no timestamp.
    Unreadable {
        /// Which field.
        field: &'static str,
        /// What it said.
        text: String,
    },
    /// The hub said a time that has not come yet.
    Future {
        /// Which field.
        field: &'static str,
        /// How far ahead.
        ahead: TimeDelta,
    },
    /// A user some of whose servers stay.
    ServersAlive(usize),
    /// Deleting users was not asked for.
    UsersStay,
}

/// What a flag exempts from culling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `--cull-default-servers=false`.
    DefaultServers,
    /// `--cull-named-servers=false`.
    NamedServers,
    /// `--cull-admin-users=false`.
    Admins,
}

impl WhyKeep {
    /// Whether it is kept because of bad data, which somebody should know of; ordinary reasons are not worth a line.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        matches!(
            self,
            Self::Unknown(_) | Self::Unreadable { .. } | Self::Future { .. }
        )
    }
}

/// Decides about one server. `now` is the hub's time when the facts were read.
#[must_use]
pub fn server(policy: &Policy, now: DateTime<Utc>, facts: &ServerFacts) -> Verdict {
    match &facts.state {
        State::Ready => {}
        State::Pending(what) => return Verdict::Keep(WhyKeep::Pending(what.clone())),
        State::NotReady => return Verdict::Keep(WhyKeep::NotReady),
        State::Stopped => return Verdict::Keep(WhyKeep::Stopped),
    }
    let exempt = if facts.is_default() {
        (!policy.default_servers).then_some(Kind::DefaultServers)
    } else {
        (!policy.named_servers).then_some(Kind::NamedServers)
    };
    judge(
        policy,
        now,
        exempt,
        &Times {
            born: ("started", &facts.started),
            used: ("last_activity", &facts.last_activity),
        },
    )
}

/// Decides about a user, given the verdicts about their servers. `now` is the hub's time when the facts were read.
#[must_use]
pub fn user(
    policy: &Policy,
    now: DateTime<Utc>,
    facts: &UserFacts,
    servers: &[Verdict],
) -> Verdict {
    if facts.servers.is_none() {
        return Verdict::Keep(WhyKeep::Unknown("servers"));
    }
    if !policy.users {
        return Verdict::Keep(WhyKeep::UsersStay);
    }
    let alive = servers.iter().filter(|verdict| stays(verdict)).count();
    if alive > 0 {
        return Verdict::Keep(WhyKeep::ServersAlive(alive));
    }
    let exempt = match (policy.admin_users, facts.admin) {
        (true, _) | (false, Some(false)) => None,
        (false, Some(true)) => Some(Kind::Admins),
        (false, None) => return Verdict::Keep(WhyKeep::Unknown("admin")),
    };
    judge(
        policy,
        now,
        exempt,
        &Times {
            born: ("created", &facts.created),
            used: ("last_activity", &facts.last_activity),
        },
    )
}

/// Whether a server lives on after this verdict.
fn stays(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Cull(_) | Verdict::Keep(WhyKeep::Stopped) => false,
        Verdict::Keep(_) => true,
    }
}

/// The two timestamps of a server or user, with the names of their fields.
struct Times<'a> {
    born: (&'static str, &'a Stamp),
    used: (&'static str, &'a Stamp),
}

/// The rule that servers and users share: idle for too long, else too old.
fn judge(policy: &Policy, now: DateTime<Utc>, exempt: Option<Kind>, times: &Times<'_>) -> Verdict {
    let idle = match idle_since(now, times) {
        Ok(idle) if now - idle.counted >= policy.timeout => match exempt {
            None => {
                return Verdict::Cull(WhyCull::Inactive {
                    since: idle.told,
                    inactive: now - idle.counted,
                    limit: policy.timeout,
                });
            }
            Some(kind) => WhyKeep::Exempt(kind),
        },
        Ok(idle) => WhyKeep::Active {
            inactive: now - idle.counted,
            limit: policy.timeout,
        },
        Err(why) => why,
    };
    match too_old(policy, now, times.born.1) {
        Some(why) if exempt.is_none() || policy.max_age_ignores_filters => Verdict::Cull(why),
        _ => Verdict::Keep(idle),
    }
}

/// Since when something is idle.
struct Idle {
    /// The instant from which idle time counts.
    counted: DateTime<Utc>,
    /// The activity that was read: the hub refuses the stop when it knows of a later one.
    told: DateTime<Utc>,
}

fn idle_since(now: DateTime<Utc>, times: &Times<'_>) -> Result<Idle, WhyKeep> {
    let born = readable(now, times.born)?;
    match (readable(now, times.used)?, born) {
        // Something that was started after it was last used is not idle for longer than it runs.
        (Some(used), born) => Ok(Idle {
            counted: born.map_or(used, |born| born.max(used)),
            told: used,
        }),
        // Null means "never used": then it is idle since it was started. A field that is not there means nothing.
        (None, Some(born)) if *times.used.1 == Stamp::Never => Ok(Idle {
            counted: born,
            told: born,
        }),
        (None, Some(_)) => Err(WhyKeep::Unknown(times.used.0)),
        (None, None) => Err(WhyKeep::Unknown(times.born.0)),
    }
}

/// The time in a field, `None` when there is none, or why it proves nothing.
fn readable(
    now: DateTime<Utc>,
    (field, stamp): (&'static str, &Stamp),
) -> Result<Option<DateTime<Utc>>, WhyKeep> {
    match stamp {
        Stamp::Missing | Stamp::Never => Ok(None),
        Stamp::Unreadable(text) => Err(WhyKeep::Unreadable {
            field,
            text: text.clone(),
        }),
        Stamp::At(time) if *time - now > FRESH => Err(WhyKeep::Future {
            field,
            ahead: *time - now,
        }),
        Stamp::At(time) => Ok(Some(*time)),
    }
}

fn too_old(policy: &Policy, now: DateTime<Utc>, born: &Stamp) -> Option<WhyCull> {
    let (limit, age) = (policy.max_age?, now - born.time()?);
    (age >= limit).then_some(WhyCull::TooOld { age, limit })
}

impl fmt::Display for WhyCull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive {
                inactive, limit, ..
            } => write!(
                f,
                "inactive for {} (limit {})",
                Span(*inactive),
                Span(*limit)
            ),
            Self::TooOld { age, limit } => {
                write!(f, "running for {} (limit {})", Span(*age), Span(*limit))
            }
        }
    }
}

impl fmt::Display for WhyKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active { inactive, limit } => {
                write!(
                    f,
                    "inactive for {} only (limit {})",
                    Span(*inactive),
                    Span(*limit)
                )
            }
            Self::Pending(what) => write!(f, "{} is pending", Quoted(what)),
            Self::NotReady => f.write_str("it is not ready"),
            Self::Stopped => f.write_str("it does not run"),
            Self::Exempt(kind) => write!(f, "{kind}"),
            Self::Unknown(field) => write!(f, "the hub does not say {field}"),
            Self::Unreadable { field, text } => {
                write!(f, "{field} is no timestamp: {}", Quoted(text))
            }
            Self::Future { field, ahead } => {
                write!(f, "{field} lies {} in the future", Span(*ahead))
            }
            Self::ServersAlive(1) => f.write_str("a server of theirs is alive"),
            Self::ServersAlive(count) => write!(f, "{count} servers of theirs are alive"),
            Self::UsersStay => f.write_str("users are kept without --cull-users"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultServers => "default servers are kept (--cull-default-servers=false)",
            Self::NamedServers => "named servers are kept (--cull-named-servers=false)",
            Self::Admins => "admins are kept (--cull-admin-users=false)",
        })
    }
}
