//! Rules as data: who is spared, and who has other limits. Pure.
//!
//! A rule has conditions (on users, groups, servers, profiles) that must all hold, and says what follows: keep, or
//! other limits than those of the flags. The first rule that applies counts, the others do not. What the hub does not say can
//! neither fulfil nor fail a condition: then it cannot be told which rule counts, and the server is kept.

use std::fmt;

use chrono::TimeDelta;

use crate::facts::{Profile, ServerFacts, UserFacts};

pub mod pattern;
pub mod span;

pub use pattern::Patterns;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What log lines call it: its name, or where it stands.
    pub name: String,
    /// On the user's name.
    pub users: Option<Patterns>,
    /// On the names of the user's groups, of which one must match.
    pub groups: Option<Patterns>,
    /// On the server's name, which is empty for the default server.
    pub servers: Option<Patterns>,
    /// On the profile with which the server was started.
    pub profiles: Option<Patterns>,
    /// What follows.
    pub then: Then,
}

/// What a rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Never culled.
    Keep,
    /// Culled by these limits; what is not named stays as the flags say.
    Limits {
        /// Instead of `--timeout`.
        timeout: Option<TimeDelta>,
        /// Instead of `--max-age`; `Some(None)` for no limit.
        max_age: Option<Option<TimeDelta>>,
        /// Instead of `--notice`.
        notice: Option<TimeDelta>,
    },
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    /// The hub does not say this field.
    Unknown(&'static str),
}

impl Holds {
    fn when(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both: one that fails decides, whatever the other one is.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown(field), _) | (_, Self::Unknown(field)) => Self::Unknown(field),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// The field that would tell which rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTold(pub &'static str);

/// The rule that counts for a server.
///
/// # Errors
/// When the hub does not say what a rule asks for.
pub fn for_server<'a>(
    rules: &'a [Rule],
    user: &UserFacts,
    server: &ServerFacts,
) -> Result<Option<&'a Rule>, NotTold> {
    first(rules, |rule| {
        rule.on_user(user)
            .and(on(rule.servers.as_ref(), |names| {
                Holds::when(names.matches(&server.name))
            }))
            .and(on(rule.profiles.as_ref(), |names| match &server.profile {
                Profile::Named(profile) => Holds::when(names.matches(profile)),
                Profile::None => Holds::No,
                Profile::Unknown => Holds::Unknown("user_options"),
            }))
    })
}

/// The rule that counts for a user. Rules on servers or profiles say nothing of users.
///
/// # Errors
/// When the hub does not say what a rule asks for.
pub fn for_user<'a>(rules: &'a [Rule], user: &UserFacts) -> Result<Option<&'a Rule>, NotTold> {
    first(rules, |rule| {
        if rule.servers.is_some() || rule.profiles.is_some() {
            Holds::No
        } else {
            rule.on_user(user)
        }
    })
}

fn first(rules: &[Rule], holds: impl Fn(&Rule) -> Holds) -> Result<Option<&Rule>, NotTold> {
    for rule in rules {
        match holds(rule) {
            Holds::Yes => return Ok(Some(rule)),
            Holds::No => {}
            Holds::Unknown(field) => return Err(NotTold(field)),
        }
    }
    Ok(None)
}

fn on(condition: Option<&Patterns>, holds: impl Fn(&Patterns) -> Holds) -> Holds {
    condition.map_or(Holds::Yes, holds)
}

impl Rule {
    fn on_user(&self, user: &UserFacts) -> Holds {
        let name = on(self.users.as_ref(), |names| {
            Holds::when(names.matches(&user.name))
        });
        name.and(on(self.groups.as_ref(), |names| match &user.groups {
            Some(groups) => Holds::when(groups.iter().any(|group| names.matches(group))),
            None => Holds::Unknown("groups"),
        }))
    }

    /// Whether it applies to everything, so that no later rule ever counts.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        [&self.users, &self.groups, &self.servers, &self.profiles]
            .iter()
            .all(|condition| condition.is_none())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;
