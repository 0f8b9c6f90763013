//! The `state` of a login: an encrypted note to ourselves, worth something only in the browser that holds its cookie.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hub_types::secret::{Token, random_urlsafe};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::seal::Sealer;

/// States that are remembered as used, at most.
const MAX_SPENT: u64 = 10_000;

const LABEL: &str = "oauth state";

/// What a login must remember between its two halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Where the visitor goes afterwards.
    pub(super) next: String,
    /// The PKCE verifier (RFC 7636 4.1).
    pub(super) verifier: Token,
    /// Which cookie holds the browser's half.
    pub(super) suffix: String,
    /// The browser's half: the value of that cookie.
    pub(super) binding: Token,
    /// When the login has taken too long.
    pub(super) expires: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    n: String,
    v: String,
    s: String,
    b: String,
    e: i64,
}

impl Login {
    /// The `state` parameter.
    pub(super) fn seal(&self, sealer: &Sealer) -> String {
        let wire = Wire {
            n: self.next.clone(),
            v: self.verifier.expose().to_owned(),
            s: self.suffix.clone(),
            b: self.binding.expose().to_owned(),
            e: self.expires.timestamp(),
        };
        sealer.seal(LABEL, &serde_json::to_vec(&wire).unwrap_or_default())
    }

    /// Reads a `state` parameter that [`Login::seal`] made; `None` for anything else.
    pub(super) fn open(sealer: &Sealer, state: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(&sealer.open(LABEL, state)?).ok()?;
        Some(Self {
            next: wire.n,
            verifier: Token::from_config(wire.v),
            suffix: wire.s,
            binding: Token::from_config(wire.b),
            expires: DateTime::from_timestamp(wire.e, 0)?,
        })
    }
}

/// A new browser's half: suffix of the cookie's name, and its value.
pub(super) fn new_binding() -> (String, Token) {
    (
        random_urlsafe::<6>(),
        Token::from_config(random_urlsafe::<16>()),
    )
}

/// Whether `text` can be a suffix that [`new_binding`] made; other cookies with a similar name are none of ours.
pub(super) fn is_suffix(text: &str) -> bool {
    text.len() == 8
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// States that have been used, so that none works twice even for a browser that has kept its cookie.
#[derive(Debug)]
pub(super) struct SpentStates(moka::sync::Cache<[u8; 32], ()>);

impl SpentStates {
    /// Remembers as long as a state can be used at all.
    pub(super) fn new(life: Duration) -> Self {
        Self(
            moka::sync::Cache::builder()
                .max_capacity(MAX_SPENT)
                .time_to_live(life)
                .build(),
        )
    }

    /// Marks a state as used; false when it already was. Of two at one time, one gets true.
    pub(super) fn spend(&self, state: &str) -> bool {
        self.0
            .entry(Sha256::digest(state.as_bytes()).into())
            .or_insert(())
            .is_fresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let sealer = Sealer::new(b"key");
        let (suffix, binding) = new_binding();
        let login = Login {
            next: "/services/x/a?b".into(),
            verifier: Token::from_config("v"),
            suffix,
            binding,
            expires: DateTime::from_timestamp(1_000, 0).unwrap(),
        };
        let state = login.seal(&sealer);
        assert_eq!(Login::open(&sealer, &state), Some(login.clone()));
        assert_eq!(Login::open(&Sealer::new(b"other"), &state), None);
        assert_eq!(Login::open(&sealer, "junk"), None);
        assert!(is_suffix(&login.suffix));
        let spent = SpentStates::new(Duration::from_secs(600));
        assert!(spent.spend(&state));
        assert!(!spent.spend(&state));
    }
}
