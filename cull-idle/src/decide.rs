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
//! 5. A rule that applies (see [`crate::rules`]) keeps a server, or sets other limits for it.
//! 6. With a notice period, whoever uses the server is told before it is stopped, and it is not stopped before that
//!    time is over.
//! 7. A user is culled (only when asked for) under the same two limits, and only when no server of theirs stays.
//!
//! # To add a rule
//!
//! Add a reason to [`WhyKeep`] or [`WhyCull`], the rule to [`server`] or [`user`], and one row to the table in
//! `decide/tests/`. Nothing here may read a clock, the environment or the network.

use chrono::{DateTime, TimeDelta, Utc};

use crate::facts::{ServerFacts, State, UserFacts};
use crate::rules::{self, NotTold, Rule, Then};

mod judge;
mod words;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// What to cull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Idle time from which a server or user is culled.
    pub timeout: TimeDelta,
    /// Age from which a server or user is culled although it is active.
    pub max_age: Option<TimeDelta>,
    /// For how long users are told before a server is stopped; zero for not at all.
    pub notice: TimeDelta,
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
    /// Who is spared, and who has other limits.
    pub rules: Vec<Rule>,
}

/// What is to be done with a server or a user, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it alone.
    Keep(WhyKeep),
    /// Leave it alone, and tell whoever uses it that it will be stopped.
    Announce {
        /// Why it will be stopped.
        why: WhyCull,
        /// From when on.
        stop_at: DateTime<Utc>,
    },
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
    /// A rule spares it.
    Rule(String),
    /// It was announced to be stopped, and the time is not over.
    Announced {
        /// How long it has still.
        left: TimeDelta,
    },
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

/// The limits that hold for one server or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Idle time from which it is culled.
    pub timeout: TimeDelta,
    /// Age from which it is culled although it is active.
    pub max_age: Option<TimeDelta>,
    /// For how long its users are told before.
    pub notice: TimeDelta,
}

impl Policy {
    /// The limits of the flags, as the rule that counts changes them; `Err` when it keeps, or when it cannot be told which rule counts.
    fn limits(&self, rule: Result<Option<&Rule>, NotTold>) -> Result<Limits, WhyKeep> {
        let mut limits = Limits {
            timeout: self.timeout,
            max_age: self.max_age,
            notice: self.notice,
        };
        let rule = rule.map_err(|NotTold(field)| WhyKeep::Unknown(field))?;
        match rule.map(|rule| (rule, &rule.then)) {
            None => {}
            Some((rule, Then::Keep)) => return Err(WhyKeep::Rule(rule.name.clone())),
            Some((
                _,
                Then::Limits {
                    timeout,
                    max_age,
                    notice,
                },
            )) => {
                limits.timeout = timeout.unwrap_or(limits.timeout);
                limits.max_age = max_age.unwrap_or(limits.max_age);
                limits.notice = notice.unwrap_or(limits.notice);
            }
        }
        Ok(limits)
    }

    /// The limits for a server, or why it is kept whatever its times are.
    ///
    /// # Errors
    /// A rule keeps it, or the hub does not say which rule counts.
    pub fn limits_for(&self, user: &UserFacts, server: &ServerFacts) -> Result<Limits, WhyKeep> {
        self.limits(rules::for_server(&self.rules, user, server))
    }
}

/// Decides about one server of a user. `now` is the hub's time when the facts were read.
#[must_use]
pub fn server(
    policy: &Policy,
    now: DateTime<Utc>,
    user: &UserFacts,
    facts: &ServerFacts,
) -> Verdict {
    match &facts.state {
        State::Ready => {}
        State::Pending(what) => return Verdict::Keep(WhyKeep::Pending(what.clone())),
        State::NotReady => return Verdict::Keep(WhyKeep::NotReady),
        State::Stopped => return Verdict::Keep(WhyKeep::Stopped),
    }
    let limits = match policy.limits_for(user, facts) {
        Ok(limits) => limits,
        Err(why) => return Verdict::Keep(why),
    };
    let exempt = if facts.is_default() {
        (!policy.default_servers).then_some(Kind::DefaultServers)
    } else {
        (!policy.named_servers).then_some(Kind::NamedServers)
    };
    judge::judge(&judge::Case {
        now,
        limits: &limits,
        exempt,
        age_ignores_exemption: policy.max_age_ignores_filters,
        born: ("started", &facts.started),
        used: ("last_activity", &facts.last_activity),
        announced: facts.notice,
    })
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
    let limits = match policy.limits(rules::for_user(&policy.rules, facts)) {
        Ok(limits) => limits,
        Err(why) => return Verdict::Keep(why),
    };
    let exempt = match (policy.admin_users, facts.admin) {
        (true, _) | (false, Some(false)) => None,
        (false, Some(true)) => Some(Kind::Admins),
        (false, None) => return Verdict::Keep(WhyKeep::Unknown("admin")),
    };
    judge::judge(&judge::Case {
        now,
        // Somebody without a server reads no notice.
        limits: &Limits {
            notice: TimeDelta::zero(),
            ..limits
        },
        exempt,
        age_ignores_exemption: policy.max_age_ignores_filters,
        born: ("created", &facts.created),
        used: ("last_activity", &facts.last_activity),
        announced: None,
    })
}

/// Whether a server lives on after this verdict.
fn stays(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Cull(_) | Verdict::Keep(WhyKeep::Stopped) => false,
        Verdict::Keep(_) | Verdict::Announce { .. } => true,
    }
}
