//! Who may log in, and as whom. Source: JupyterHub 6.1, features 1.10: normalise, validate, blocked, allowed, admin.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::names::{InvalidName, Username};

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub struct LoginPolicy {
    /// Everybody whom the authenticator accepts.
    pub allow_all: bool,
    /// Everybody who is registered already.
    pub allow_existing: bool,
    /// These names.
    pub allowed: BTreeSet<String>,
    /// Never these names, whatever else says so.
    pub blocked: BTreeSet<String>,
    /// These names, as administrators.
    pub admins: BTreeSet<String>,
    /// Name as typed (lower case) to name in the hub.
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
        "no rule allows this user; see Authenticator.allow_all and Authenticator.allowed_users"
    )]
    NotAllowed,
}

impl LoginPolicy {
    /// The name that counts: spaces around it cut, lower case, mapped.
    #[must_use]
    pub fn normalise(&self, typed: &str) -> String {
        let lower = typed.trim().to_lowercase();
        self.username_map.get(&lower).cloned().unwrap_or(lower)
    }

    /// Judges a user whom the authenticator has accepted. `name` is normalised; `existing` says whether the hub knows
    /// it (then only new names' rules are waived, so that nobody is locked out by a stricter hub); `admin` is what the
    /// authenticator says, if anything.
    ///
    /// Returns the name and whether the user is an administrator (`None`: leave it as it is).
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        name: &str,
        existing: bool,
        admin: Option<bool>,
        matches_pattern: impl Fn(&str) -> bool,
    ) -> Result<(Username, Option<bool>), Refusal> {
        let username = if existing {
            Username::stored(name)
        } else {
            Username::new(name)?
        };
        if !matches_pattern(name) {
            return Err(Refusal::Pattern);
        }
        if self.blocked.contains(name) {
            return Err(Refusal::Blocked);
        }
        let admin = admin.or(self.admins.contains(name).then_some(true));
        let allowed = self.allow_all
            || self.allowed.contains(name)
            || admin == Some(true)
            || (self.allow_existing && existing);
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
            username_map: [("mal".into(), "malcolm".into())].into(),
            ..LoginPolicy::default()
        };
        for (typed, expected) in [(" Alice ", "alice"), ("MAL", "malcolm"), ("İ", "i\u{307}")] {
            assert_eq!(policy.normalise(typed), expected);
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
        let any = |_: &str| true;
        for (name, existing, expected) in [
            ("zoe", false, Ok(None)),
            ("mal", false, Ok(Some(true))),
            ("eve", true, Err(Refusal::Blocked)),
            ("root", true, Err(Refusal::Blocked)),
            ("new", false, Err(Refusal::NotAllowed)),
            ("old", true, Ok(None)),
            ("a/b", false, Err(Refusal::Name(InvalidName::Slash))),
        ] {
            let got = policy
                .admit(name, existing, None, any)
                .map(|(_, admin)| admin);
            assert_eq!(got, expected, "{name}");
        }
        assert_eq!(
            policy.admit("zoe", false, None, |_| false),
            Err(Refusal::Pattern)
        );
    }

    #[test]
    fn nobody_is_allowed_unless_a_rule_says_so() {
        let policy = LoginPolicy::default();
        assert_eq!(
            policy.admit("x", true, None, |_| true),
            Err(Refusal::NotAllowed)
        );
        assert!(
            LoginPolicy {
                allow_all: true,
                ..policy
            }
            .admit("x", false, None, |_| true)
            .is_ok()
        );
    }
}
