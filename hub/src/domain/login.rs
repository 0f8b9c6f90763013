//! Who may log in, and as whom. Source: JupyterHub 6.1, features 1.10: normalise, validate, blocked, allowed, admin.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::names::{InvalidName, Username, normalise};

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub struct LoginPolicy {
    /// Everybody whom the authenticator accepts.
    pub allow_all: bool,
    /// Everybody who is registered already.
    pub allow_existing: bool,
    /// These names.
    pub allowed: BTreeSet<String>,
    /// Never these names, whatever else says so: of users, and those by which people log in.
    pub blocked: BTreeSet<String>,
    /// These names, as administrators.
    pub admins: BTreeSet<String>,
    /// Name as typed ([`normalise`]d) to name in the hub.
    pub username_map: BTreeMap<String, String>,
}

/// Why somebody whose password was right may not come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name breaks a rule for names.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// Does not match `username_pattern`.
    #[error("name does not match Authenticator.username_pattern")]
    Pattern,
    /// Listed in `blocked_users`.
    #[error("user is blocked")]
    Blocked,
    /// No rule allows this user.
    #[error(
        "no rule allows this user; see Authenticator.allowed_users and allow_all, and the authenticator's own rules (LocalAuthenticator.allowed_groups, …)"
    )]
    NotAllowed,
}

/// What the administrator's pattern for names says of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByPattern {
    /// There is no pattern.
    Unset,
    /// It does not match.
    No,
    /// It matches how the name begins, which is all that JupyterHub asks.
    Start,
    /// It matches the whole name.
    Whole,
}

/// Checks a name that nobody has yet. A pattern that describes the whole name replaces the rules against what cannot be
/// seen and against alphabets that look alike; all others hold always.
///
/// # Errors
/// The rule that the name breaks. That the pattern does not match is for others to say.
pub fn new_name(name: &str, pattern: ByPattern) -> Result<Username, InvalidName> {
    match pattern {
        ByPattern::Whole => Username::new_by_pattern(name),
        ByPattern::Unset | ByPattern::No | ByPattern::Start => Username::new(name),
    }
}

/// What is known of a user beside the name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether the hub knows the user.
    pub existing: bool,
    /// Whether the authenticator says that the user is an administrator, if it says anything.
    pub admin: Option<bool>,
    /// Whether a rule of the authenticator's own allows the user.
    pub allowed: bool,
}

impl LoginPolicy {
    /// The name that counts: [`normalise`]d, then mapped.
    #[must_use]
    pub fn normalise(&self, typed: &str) -> String {
        let name = normalise(typed);
        self.username_map.get(&name).cloned().unwrap_or(name)
    }

    /// What somebody is called who is `typed` ([`normalise`]d) and whom an authenticator calls `own`: the map knows people by
    /// the authenticator's names, too. It is applied once: what it makes of a name it does not look up again, however the
    /// authenticator spells that.
    #[must_use]
    pub fn renamed(&self, typed: &str, own: &str) -> String {
        let name = self.username_map.get(typed);
        let name = name.or_else(|| self.username_map.get(&normalise(own)));
        name.cloned().unwrap_or_else(|| own.to_owned())
    }

    /// Judges a user whom the authenticator has accepted. `name` is normalised. For one whom the hub knows only new names'
    /// rules are waived, so that nobody is locked out by a stricter hub.
    ///
    /// Returns the name and whether the user is an administrator (`None`: leave it as it is).
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        name: &str,
        known: Known,
        pattern: ByPattern,
    ) -> Result<(Username, Option<bool>), Refusal> {
        let username = if known.existing {
            Username::stored(name)
        } else {
            new_name(name, pattern)?
        };
        if pattern == ByPattern::No {
            return Err(Refusal::Pattern);
        }
        if self.blocked.contains(name) {
            return Err(Refusal::Blocked);
        }
        let named = self.admins.contains(name).then_some(true);
        let admin = named.or(known.admin);
        let allowed = self.allow_all
            || self.allowed.contains(name)
            || admin == Some(true)
            || (self.allow_existing && known.existing)
            || known.allowed;
        if allowed {
            Ok((username, admin))
        } else {
            Err(Refusal::NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_normalised_and_mapped() {
        let policy = LoginPolicy {
            username_map: [("mal", "malcolm"), ("zoe", "ship\\mal")]
                .map(|(typed, name)| (typed.into(), name.into()))
                .into(),
            ..LoginPolicy::default()
        };
        for (typed, expected) in [(" Alice ", "alice"), ("MAL", "malcolm"), ("İ", "i\u{307}")] {
            assert_eq!(policy.normalise(typed), expected);
        }
        for (typed, own, expected) in [
            ("ship\\mal", "mal", "malcolm"),
            ("ship\\mal", "MAL", "malcolm"),
            ("ship\\wash", "Wash", "Wash"),
            ("mal", "mal", "malcolm"),
            ("zoe", "zoe", "ship\\mal"),
            ("zoe", "mal", "ship\\mal"),
        ] {
            assert_eq!(policy.renamed(typed, own), expected, "{typed}");
        }
    }

    #[test]
    fn rules() {
        let policy = LoginPolicy {
            allow_existing: true,
            allowed: set(&["zoe", "eve"]),
            blocked: set(&["eve", "root"]),
            admins: set(&["mal", "root"]),
            ..LoginPolicy::default()
        };
        for (name, existing, expected) in [
            ("zoe", false, Ok(None)),
            ("mal", false, Ok(Some(true))),
            ("eve", true, Err(Refusal::Blocked)),
            ("root", true, Err(Refusal::Blocked)),
            ("new", false, Err(Refusal::NotAllowed)),
            ("old", true, Ok(None)),
            ("a/b", false, Err(Refusal::Name(InvalidName::Slash))),
        ] {
            let known = Known {
                existing,
                ..Known::default()
            };
            let got = policy
                .admit(name, known, ByPattern::Unset)
                .map(|(_, admin)| admin);
            assert_eq!(got, expected, "{name}");
        }
        assert_eq!(
            policy.admit("zoe", Known::default(), ByPattern::No),
            Err(Refusal::Pattern)
        );
    }

    #[test]
    fn nobody_is_allowed_unless_a_rule_says_so() {
        let policy = LoginPolicy::default();
        let existing = Known {
            existing: true,
            ..Known::default()
        };
        assert_eq!(
            policy.admit("x", existing, ByPattern::Unset),
            Err(Refusal::NotAllowed)
        );
        let by_its_own_rule = Known {
            allowed: true,
            ..Known::default()
        };
        assert!(policy.admit("x", by_its_own_rule, ByPattern::Unset).is_ok());
        assert!(
            LoginPolicy {
                allow_all: true,
                ..policy
            }
            .admit("x", Known::default(), ByPattern::Unset)
            .is_ok()
        );
    }
}
