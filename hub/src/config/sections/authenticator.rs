//! `[Authenticator]` and the authenticators that are there: who may log in, and with what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hub_types::names::{InvalidName, Username, normalise};
use hub_types::secret::Token;
use regex::Regex;

use super::encoding::PasswordEncoding;
use crate::domain::login::{ByPattern, new_name};

/// `[Authenticator]`: rules that hold whoever checks the password.
#[derive(Debug, Clone, PartialEq)]
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
    /// Whether the authenticator decides the groups of users.
    pub manage_groups: bool,
    /// Whether what the authenticator learns of users is kept, encrypted.
    pub enable_auth_state: bool,
    /// After how long a login is checked again; zero for never.
    pub auth_refresh_age: Duration,
    /// Whether a login that does not hold any more stops what cannot send its user to the login page, too.
    pub auth_refresh_strict: bool,
    /// Whether a login is checked again before a server starts, however fresh it is.
    pub refresh_pre_spawn: bool,
    /// The same before a server stops.
    pub refresh_pre_stop: bool,
    /// Whether the login page asks for a one-time password.
    pub request_otp: bool,
    /// What it calls it.
    pub otp_prompt: String,
    /// Whether the login page leads at once to where people log in.
    pub auto_login: bool,
    /// The same, only on the way to a service or server.
    pub auto_login_oauth2_authorize: bool,
}

impl Default for Authenticator {
    fn default() -> Self {
        Self {
            admin_users: BTreeSet::new(),
            allowed_users: BTreeSet::new(),
            blocked_users: BTreeSet::new(),
            allow_all: None,
            allow_existing_users: None,
            any_allow_config: None,
            username_map: BTreeMap::new(),
            username_pattern: None,
            manage_groups: false,
            enable_auth_state: false,
            auth_refresh_age: Duration::from_secs(300),
            auth_refresh_strict: false,
            refresh_pre_spawn: false,
            refresh_pre_stop: false,
            request_otp: false,
            otp_prompt: "OTP:".to_owned(),
            auto_login: false,
            auto_login_oauth2_authorize: false,
        }
    }
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

    /// Checks the name of somebody who need not be known yet, as it stands in the configuration.
    ///
    /// # Errors
    /// The rule that the name breaks ([`new_name`]).
    pub fn new_name(&self, name: &str) -> Result<Username, InvalidName> {
        new_name(name, self.by_pattern(&normalise(name)))
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

/// `[LocalAuthenticator]`: the users of this machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalAuthenticator {
    /// System groups whose members are allowed.
    pub allowed_groups: BTreeSet<String>,
    /// Whether system users are made when users are registered.
    pub create_system_users: bool,
    /// What makes one: `USERNAME` is replaced, the name comes last. `None`: what this machine has.
    pub add_user_cmd: Option<Vec<String>>,
    /// User ids of those that are made, by name.
    pub uids: BTreeMap<String, u64>,
}

/// `[PAMAuthenticator]`: the machine's own passwords.
#[derive(Debug, Clone, PartialEq)]
pub struct PamAuthenticator {
    /// Name of the PAM service, a file of `/etc/pam.d`.
    pub service: String,
    /// In which bytes names and passwords are written.
    pub encoding: PasswordEncoding,
    /// Whether a PAM session is opened for each server.
    pub open_sessions: bool,
    /// Whether accounts that are locked or have expired are refused.
    pub check_account: bool,
    /// System groups whose members are administrators.
    pub admin_groups: BTreeSet<String>,
    /// How many logins are checked at once.
    pub executor_threads: u64,
    /// Whether the machine's own spelling of a name counts.
    pub pam_normalize_username: bool,
}

impl Default for PamAuthenticator {
    fn default() -> Self {
        Self {
            service: "login".to_owned(),
            encoding: PasswordEncoding::Utf8,
            open_sessions: false,
            check_account: true,
            admin_groups: BTreeSet::new(),
            executor_threads: 4,
            pam_normalize_username: false,
        }
    }
}

/// `[dictionary]`: users with a password each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dictionary {
    /// Name → argon2 hash of the password.
    pub users: BTreeMap<String, Token>,
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
    /// Passwords that put their users into groups; needs `manage_groups`.
    pub password_groups: Vec<(Token, Vec<String>)>,
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
