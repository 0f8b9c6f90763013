//! Who is this? Logging in, browser sessions, tokens.
//!
//! * [`Authenticator`]: the plug point; [`dummy`] and [`shared_password`] are built in, [`registry`] knows them by name;
//! * [`login`]: from a form to a session;
//! * [`cookies`], [`secret_file`]: what browsers hold, and the key that signs it;
//! * [`identities`]: from a token or a session to a [`Principal`](crate::domain::principal::Principal), cached;
//! * [`answers`]: what was last answered to "who is this?".
//!
//! # To add an authenticator
//!
//! Implement [`Authenticator`] in a file here and give it a line in [`registry`]. It only says who somebody is:
//! whether they may come in is decided by `domain::login` for all authenticators alike.

pub mod answers;
pub mod cookies;
pub mod dummy;
pub mod identities;
pub mod issue;
pub mod login;
pub mod registry;
pub mod rules;
pub mod secret_file;
pub mod shared_password;

use async_trait::async_trait;
use hub_types::secret::Token;
use serde_json::Value;

/// What somebody typed.
#[derive(Debug, Clone)]
pub struct LoginForm {
    /// The name as typed.
    pub username: String,
    /// The password as typed; never trimmed.
    pub password: Token,
}

/// Who an authenticator says somebody is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuthModel {
    /// The name, not normalised yet.
    pub name: String,
    /// Whether an administrator; `None` when the authenticator does not know.
    pub admin: Option<bool>,
    /// What the provider says of the person.
    pub user_info: Option<Value>,
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
#[error("the authenticator could not answer: {0}")]
pub struct AuthUnavailable(pub String);

/// Says who somebody is.
#[async_trait]
pub trait Authenticator: Send + Sync + std::fmt::Debug {
    /// The class as `GET /info` shows it.
    fn class(&self) -> &'static str;

    /// Whether people must type a password here. Then the hub refuses a form without one by itself, and does not ask
    /// further.
    fn asks_for_password(&self) -> bool {
        true
    }

    /// Who typed this form; `None` when the name or password is wrong. `name` is the normalised name.
    ///
    /// An empty password is never right, whatever a directory makes of it: many take a bind without a password for an
    /// anonymous one, which succeeds for every name (RFC 4513 section 5.1.2). An authenticator that can be asked for
    /// people without a password says so by [`asks_for_password`](Self::asks_for_password).
    ///
    /// # Errors
    /// When nobody can say right now; the login page then says so, and the hub logs it.
    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable>;
}

/// Compares a typed password with the configured one, in time that tells nothing of either.
fn same_password(typed: &Token, configured: &Token) -> bool {
    // Hashes have one length, so that the comparison does not tell the length either.
    typed.hash() == configured.hash() && typed == configured
}
