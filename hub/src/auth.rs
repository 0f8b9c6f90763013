//! Who is this? Logging in, browser sessions, tokens.
//!
//! * [`Authenticator`]: the plug point; [`pam`], [`dictionary`], [`shared_password`], [`dummy`] and [`null`] are built in,
//!   [`registry`] knows them by name;
//! * [`oauth`]: logins at a provider: OpenID Connect, GitHub, GitLab, Google, or any other that is described;
//! * [`system_users`]: the users of this machine;
//! * [`page`]: pages of an authenticator's own, as logins elsewhere need; [`auth_state`]: what is kept of a login;
//! * [`login`]: from a form to a session; [`throttle`]: how often one may try; [`refresh`]: whether a login still holds;
//! * [`cookies`], [`secret_file`]: what browsers hold, and the key that signs it;
//! * [`identities`]: from a token or a session to a [`Principal`](crate::domain::principal::Principal), cached;
//! * [`answers`]: what was last answered to "who is this?".
//!
//! # To add an authenticator
//!
//! Implement [`Authenticator`], in a file here with a line in [`registry`], or in a crate of your own that gives a
//! [`registry::AuthenticatorClass`] to [`crate::programs::main`], as `examples/roster` does. It only says who somebody is:
//! whether they may come in is decided by `domain::login` for all authenticators alike. `contract` (with the feature of
//! that name) is what every one of them is held to.
//!
//! One whose users log in elsewhere says so with [`Way::Elsewhere`], and has [`pages`](Authenticator::pages): one that
//! sends people away, one to which they come back. It never sees a browser: the hub hands it what a request says
//! ([`PageRequest`]) and does what it answers ([`PageAnswer`]), cookies included.

pub mod answers;
pub mod auth_state;
#[cfg(feature = "contract")]
pub mod contract;
pub mod cookies;
pub mod dictionary;
pub mod dummy;
pub mod identities;
pub mod issue;
pub mod login;
mod memory;
pub mod null;
pub mod oauth;
pub mod page;
pub mod pam;
pub mod refresh;
pub mod registry;
pub mod rules;
pub mod secret_file;
pub mod shared_password;
pub mod system_users;
pub mod throttle;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::names::Username;
use hub_types::secret::Token;
use serde_json::Value;

use crate::domain::server::ServerRef;
pub use page::{PageAnswer, PageRequest, Refused};

/// What somebody typed.
#[derive(Debug, Clone)]
pub struct LoginForm {
    /// The name as typed.
    pub username: String,
    /// The password as typed; never trimmed.
    pub password: Token,
    /// The one-time password, if one was asked for and typed.
    pub otp: Option<Token>,
    /// Where it was typed, as far as that can be believed.
    pub from: Option<IpAddr>,
}

impl LoginForm {
    /// A name and a password, from nowhere.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: Token::from_config(password),
            otp: None,
            from: None,
        }
    }
}

/// Who an authenticator says somebody is.
#[derive(Clone, Default, PartialEq)]
pub struct AuthModel {
    /// The name, not normalised yet.
    pub name: String,
    /// Whether an administrator; `None` when the authenticator does not know. Whom `admin_users` names is one anyway.
    pub admin: Option<bool>,
    /// Whether a rule of the authenticator's own allows the person, as far as it knows that already: see
    /// [`Authenticator::allows`].
    pub allowed: Option<bool>,
    /// What the provider says of the person.
    pub user_info: Option<Value>,
    /// All groups of the person; `None` when the authenticator does not know right now: they stay as they are. Counts with
    /// `manage_groups` only.
    pub groups: Option<BTreeSet<String>>,
    /// What is to be kept of the login, such as tokens of a provider: encrypted, and only with `enable_auth_state`. `None`
    /// at a login forgets what was kept; when a login is refreshed it leaves that as it is.
    pub auth_state: Option<Value>,
}

impl std::fmt::Debug for AuthModel {
    /// Without [`auth_state`](Self::auth_state), which holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthModel")
            .field("name", &self.name)
            .field("admin", &self.admin)
            .field("allowed", &self.allowed)
            .field("user_info", &self.user_info)
            .field("groups", &self.groups)
            .field("auth_state", &self.auth_state.as_ref().map(|_| "[secret]"))
            .finish()
    }
}

/// How people log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// With the form of the login page.
    Form,
    /// At another place, which sends them back.
    Elsewhere {
        /// What it is called on the button.
        service: String,
        /// Where it begins: an absolute URL, or a path of this hub.
        url: String,
    },
    /// Nobody does.
    Closed,
}

/// What has become of somebody who logged in a while ago.
#[derive(Debug, Clone, PartialEq)]
pub enum Refreshed {
    /// Nothing new.
    Unchanged,
    /// They may not come in any more; why, for the log.
    Gone(String),
    /// This is what is known now.
    New(AuthModel),
    /// Nobody could be asked, but what is kept of the login is this from now on.
    Tokens(Value),
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
#[error("the authenticator could not answer: {0}")]
pub struct AuthUnavailable(pub String);

/// Why a user cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// For whoever wanted it: what is wrong and what to do.
    #[error("{0}")]
    Refused(String),
    /// Nobody could be asked.
    #[error(transparent)]
    Unavailable(#[from] AuthUnavailable),
}

/// Says who somebody is. Object-safe; everything but [`class`](Self::class) and [`authenticate`](Self::authenticate) has a
/// default that does nothing.
#[async_trait]
pub trait Authenticator: Send + Sync + std::fmt::Debug {
    /// The class as `GET /info` shows it.
    fn class(&self) -> &'static str;

    /// How people log in.
    fn way(&self) -> Way {
        Way::Form
    }

    /// Whether people must type a password here. Then the hub refuses a form without one by itself, and does not ask
    /// further.
    fn asks_for_password(&self) -> bool {
        true
    }

    /// Whether [`AuthModel::groups`] is ever known: `manage_groups` needs that, else nobody comes in.
    fn says_groups(&self) -> bool {
        false
    }

    /// Whether [`refresh`](Self::refresh) looks at all. If not, the hub does not ask.
    fn refreshes(&self) -> bool {
        false
    }

    /// Whether [`normalise`](Self::normalise) ever changes a name. Then the names of the configuration's lists count in its
    /// spelling as well.
    fn respells(&self) -> bool {
        false
    }

    /// Another spelling of a name, before anything else is done with it; `name` is normalised by the hub's own rules.
    ///
    /// # Errors
    /// When nobody can say right now.
    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        Ok(name)
    }

    /// Who typed this form; `None` when the name or password is wrong. `name` is the normalised name, before `username_map`.
    ///
    /// An empty password is never right, whatever a directory makes of it: many take a bind without a password for an
    /// anonymous one, which succeeds for every name (RFC 4513 section 5.1.2). An authenticator that can be asked for
    /// people without a password says so by [`asks_for_password`](Self::asks_for_password).
    ///
    /// Neither the answer nor the time it takes may tell whether there is such a user.
    ///
    /// # Errors
    /// When nobody can say right now; the login page then says so, and the hub logs it.
    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable>;

    /// The groups of somebody who has come in and whom `username_map` calls `name`; `None` when they are those that
    /// [`authenticate`](Self::authenticate) said.
    ///
    /// # Errors
    /// When nobody can say right now.
    async fn groups_of(&self, _name: &str) -> Result<Option<BTreeSet<String>>, AuthUnavailable> {
        Ok(None)
    }

    /// Whether a form that was right opens the account of an administrator, or of anybody else: for authenticators that
    /// want another password of administrators. Who is one by `admin_users` may change while the hub runs.
    fn opens(&self, _administrator: bool, _form: &LoginForm) -> bool {
        true
    }

    /// How long a login takes at least that is refused, whatever the reason: longer than it takes to find out whether the
    /// password was right.
    fn refusal_takes(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether a rule of the authenticator's own allows a user whom no other rule does.
    ///
    /// # Errors
    /// When nobody can say right now.
    async fn allows(&self, _name: &Username) -> Result<bool, AuthUnavailable> {
        Ok(false)
    }

    /// Whether a user who may come in, and whom `admin_users` does not name, is an administrator; `None` leaves it as it
    /// is.
    ///
    /// # Errors
    /// When nobody can say right now.
    async fn is_admin(&self, _name: &Username) -> Result<Option<bool>, AuthUnavailable> {
        Ok(None)
    }

    /// What has become of a user who has logged in, asked every `auth_refresh_age`.
    ///
    /// # Errors
    /// When nobody can say right now: what was known goes on then.
    async fn refresh(&self, _name: &Username) -> Result<Refreshed, AuthUnavailable> {
        Ok(Refreshed::Unchanged)
    }

    /// Whether [`add_user`](Self::add_user) would try: what can be said against it without making anything. Of several
    /// users nobody is added when one cannot be.
    ///
    /// # Errors
    /// Why it would not.
    async fn may_add_user(&self, _name: &Username) -> Result<(), AddUserError> {
        Ok(())
    }

    /// The same for an authenticator that needs what was kept of the login ([`AuthModel::auth_state`]): `None` when nothing
    /// was, or when it cannot be read any more.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    async fn refresh_with(
        &self,
        name: &Username,
        _state: Option<&Value>,
        _now: DateTime<Utc>,
    ) -> Result<Refreshed, AuthUnavailable> {
        self.refresh(name).await
    }

    /// Pages of its own, as paths below `/hub/`, e.g. `oauth_callback`: requests for them go to [`page`](Self::page). A
    /// page that the hub has itself cannot be among them.
    fn pages(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which login a request for one of its [`pages`](Self::pages) belongs to, by what came with it: as
    /// [`PageAnswer::Away`] called it. What the browser remembers of that one is handed over. None: the request begins one.
    fn login_of<'a>(&self, _request: &'a PageRequest) -> Option<&'a str> {
        None
    }

    /// Answers a request for one of its [`pages`](Self::pages). Anybody may send one, with whatever it says.
    async fn page(&self, request: &PageRequest) -> PageAnswer {
        PageAnswer::Refused(Refused::not_found(&request.page))
    }

    /// Where people go once they have logged out of the hub, e.g. to log out there, too.
    fn logout_redirect_url(&self) -> Option<String> {
        None
    }

    /// A user is about to be registered: by a login, by the API or by the configuration. May be called again for the same
    /// user.
    ///
    /// # Errors
    /// When that cannot be; then nobody is registered.
    ///
    /// May be dropped half-way, when whoever asked for the user goes away: what must not be left half-done goes into a task
    /// of its own.
    async fn add_user(&self, _name: &Username) -> Result<(), AddUserError> {
        Ok(())
    }

    /// A user has been deleted.
    async fn delete_user(&self, _name: &Username) {}

    /// A server is about to start.
    ///
    /// # Errors
    /// Why it must not, for the person whose server it is.
    async fn pre_spawn(&self, _at: &ServerRef) -> Result<(), String> {
        Ok(())
    }

    /// A server has stopped, or its start has failed.
    async fn post_stop(&self, _at: &ServerRef) {}
}

/// The names of groups in a setting. One that is blank, as a template leaves it that was not filled in, names no group: it must
/// neither be looked for nor make a rule of a setting that says nothing.
fn groups_named(setting: &BTreeSet<String>) -> BTreeSet<String> {
    let named = setting.iter().filter(|name| !name.trim().is_empty());
    named.cloned().collect()
}

/// Compares a typed password with the configured one, in time that tells nothing of either.
fn same_password(typed: &Token, configured: &Token) -> bool {
    // Hashes have one length, so that the comparison does not tell the length either.
    typed.hash() == configured.hash() && typed == configured
}
