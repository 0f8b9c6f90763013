//! Tokens: who owns them, what they may do, when they end.

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::scope::Scope;

use super::server::ServerId;
use super::user::UserId;

/// Row id of a token; `a<integer>` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub i64);

impl TokenId {
    /// Reads `a<integer>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('a')?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok().map(Self))?
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a{}", self.0)
    }
}

/// Row id of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub i64);

/// Who owns a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenOwner {
    /// A user.
    User(UserId),
    /// A service.
    Service(ServiceId),
}

/// A token as the database knows it; the secret is not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiToken {
    /// Row id.
    pub id: TokenId,
    /// Who owns it.
    pub owner: TokenOwner,
    /// The running server that it belongs to.
    pub server_id: Option<ServerId>,
    /// The OAuth client that asked for it; none for the hub's own.
    pub client_id: Option<String>,
    /// The browser session that it belongs to.
    pub session_id: Option<String>,
    /// What it may do, as written.
    pub scopes: Vec<Scope>,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends; never if none.
    pub expires: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_activity: Option<DateTime<Utc>>,
}

impl ApiToken {
    /// Whether it still works.
    #[must_use]
    pub fn valid_at(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether its use says that a person is there. A server's own reports do not.
    #[must_use]
    pub fn counts_as_user_activity(&self) -> bool {
        self.server_id.is_none()
    }
}

/// Longest note, in characters (security case 122: rows are bounded).
pub const MAX_NOTE: usize = 1_000;

/// Why the life asked for a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLife {
    /// Zero, negative, fractional, or not a number.
    #[error("expires_in must be a positive integer or null, not {0}")]
    NotPositive(String),
    /// More than the configuration allows, or than a date can hold.
    #[error("token expires_in: {asked} must not exceed {max}")]
    TooLong {
        /// The limit in seconds.
        max: i64,
        /// What was asked.
        asked: i64,
    },
}

/// A century in seconds: longer lives are a mistake, and would overflow dates.
const LONGEST: i64 = 100 * 365 * 86_400;

/// When a token that is made `now` ends. `max_seconds` 0 means no limit; "never" then becomes the limit.
///
/// # Errors
/// When `expires_in` is not positive, or above the limit.
pub fn expiry(
    expires_in: Option<i64>,
    max_seconds: i64,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, InvalidLife> {
    let limit = if max_seconds > 0 {
        max_seconds.min(LONGEST)
    } else {
        LONGEST
    };
    match expires_in {
        None if max_seconds > 0 => Ok(Some(now + TimeDelta::seconds(limit))),
        None => Ok(None),
        Some(asked) if asked < 1 => Err(InvalidLife::NotPositive(asked.to_string())),
        Some(asked) if asked > limit => Err(InvalidLife::TooLong { max: limit, asked }),
        Some(asked) => Ok(Some(now + TimeDelta::seconds(asked))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert_eq!(TokenId::parse("a12"), Some(TokenId(12)));
        for bad in ["", "a", "12", "b12", "a-1", "a1x", "a99999999999999999999"] {
            assert_eq!(TokenId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lives() {
        let now = DateTime::UNIX_EPOCH;
        let at = |seconds| Some(now + TimeDelta::seconds(seconds));
        assert_eq!(expiry(None, 0, now), Ok(None));
        assert_eq!(expiry(None, 60, now), Ok(at(60)));
        assert_eq!(expiry(Some(5), 60, now), Ok(at(5)));
        assert!(expiry(Some(61), 60, now).is_err());
        for bad in [0, -1, i64::MAX, i64::MIN] {
            assert!(expiry(Some(bad), 0, now).is_err(), "{bad}");
        }
    }
}
