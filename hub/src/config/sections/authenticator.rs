//! `[Authenticator]` and the authenticators that are there: who may log in, and with what.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::secret::Token;
use regex::Regex;

use crate::domain::login::ByPattern;

/// `[Authenticator]`: rules that hold whoever checks the password.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Authenticator {
    /// Users with the `admin` role; always allowed.
    pub admin_users: BTreeSet<String>,
    /// Users that are allowed.
    pub allowed_users: BTreeSet<String>,
    /// Users that are not, whatever else allows them.
    pub blocked_users: BTreeSet<String>,
    /// Whether every login is allowed; unset: see [`crate::config::Config::allow_all`].
    pub allow_all: Option<bool>,
    /// Whether users that the database knows are allowed; unset: see
    /// [`crate::config::Config::allow_existing_users`].
    pub allow_existing_users: Option<bool>,
    /// Overrides whether the hub believes that somebody can log in; unset: see
    /// [`crate::config::Config::any_allow_config`].
    pub any_allow_config: Option<bool>,
    /// Name at login → name at the hub.
    pub username_map: BTreeMap<String, String>,
    /// What names must look like.
    pub username_pattern: Option<UsernamePattern>,
}

impl Authenticator {
    /// What [`Self::username_pattern`] says of a name.
    #[must_use]
    pub fn by_pattern(&self, name: &str) -> ByPattern {
        match &self.username_pattern {
            None => ByPattern::Unset,
            Some(pattern) if pattern.describes(name) => ByPattern::Whole,
            Some(pattern) if pattern.matches(name) => ByPattern::Start,
            Some(_) => ByPattern::No,
        }
    }
}

/// A regular expression for user names; it must match from the start of the name (Python's `re.match`).
#[derive(Debug, Clone)]
pub struct UsernamePattern {
    text: String,
    start: Regex,
    whole: Regex,
}

impl UsernamePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Ok(Self {
            text: text.to_owned(),
            start: Regex::new(&format!("^(?:{text})"))?,
            whole: Regex::new(&format!("^(?:{text})$"))?,
        })
    }

    /// Whether `name` may be a user.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.start.is_match(name)
    }

    /// Whether the pattern describes the whole name, not only how it begins.
    #[must_use]
    pub fn describes(&self, name: &str) -> bool {
        self.whole.is_match(name)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for UsernamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// `[DummyAuthenticator]`: any name; for tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DummyAuthenticator {
    /// The password; `None` accepts any.
    pub password: Option<Token>,
}

/// `[SharedPasswordAuthenticator]`: one password for all users, another for administrators.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SharedPasswordAuthenticator {
    /// What users log in with, at least 8 characters; `None`: no user can.
    pub user_password: Option<Token>,
    /// What `admin_users` log in with, at least 32 characters; `None`: no administrator can.
    pub admin_password: Option<Token>,
}

impl SharedPasswordAuthenticator {
    /// Shortest password of users, in characters. Source: JupyterHub 6.1.
    pub const USER_PASSWORD_LEN: usize = 8;
    /// Shortest password of administrators, in characters. Source: JupyterHub 6.1.
    pub const ADMIN_PASSWORD_LEN: usize = 32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_from_the_start() {
        let pattern = UsernamePattern::new("w.*|x").unwrap();
        assert!(pattern.matches("wash") && pattern.matches("xy"));
        assert!(!pattern.matches("mal-w"));
        assert!(UsernamePattern::new("(").is_err());
        let auth = |text: &str| Authenticator {
            username_pattern: Some(UsernamePattern::new(text).unwrap()),
            ..Authenticator::default()
        };
        for (text, name, expected) in [
            ("w|wash", "wash", ByPattern::Whole),
            ("w", "wash", ByPattern::Start),
            ("w.*", "wash", ByPattern::Whole),
            ("w", "mal", ByPattern::No),
        ] {
            assert_eq!(auth(text).by_pattern(name), expected, "{text} {name}");
        }
        assert_eq!(Authenticator::default().by_pattern("x"), ByPattern::Unset);
    }
}
