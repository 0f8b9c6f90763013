//! Secrets as types: they cannot be printed by accident, are compared in constant time and wiped when dropped.

use std::fmt;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Shortest token that may be chosen by hand, in bytes. Source: JupyterHub 6.1.
pub const MIN_TOKEN_LEN: usize = 8;

/// Longest credential that is ever looked at, in bytes. Source: JupyterHub 6.1 refuses longer ones before hashing.
pub const MAX_TOKEN_LEN: usize = 64;

/// A bearer secret in clear: an API token, an OAuth code, a client secret.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// 256 random bits as 64 lowercase hex characters.
    ///
    /// # Panics
    /// Never in practice: only when the operating system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        Self(hex::encode(random_bytes::<32>()))
    }

    /// Wraps a secret that came from outside. An empty or overlong one (see [`MAX_TOKEN_LEN`]) gives `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= MAX_TOKEN_LEN).then(|| Self(text.to_owned()))
    }

    /// Wraps any secret, also one of the configuration that [`Token::parse`] would refuse.
    #[must_use]
    pub fn from_config(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, to be sent to whoever owns it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database and caches know of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Token {}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([secret])")
    }
}

/// SHA-256 of a [`Token`]: the only form that is stored or used as a key.
///
/// One round suffices for secrets of 256 random bits; secrets chosen by people go through argon2 instead.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// 64 lowercase hex characters.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads what [`TokenHash::to_hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}…)", hex::encode(&self.0[..3]))
    }
}

/// `N` random bytes from the operating system.
///
/// # Panics
/// Only when the operating system has no randomness to give; nothing safe can be done then.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "without randomness no secret can be made; going on would be unsafe"
)]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// `N` random bytes as unpadded URL-safe base64: states, verifiers, share codes.
#[must_use]
pub fn random_urlsafe<const N: usize>() -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let token = Token::generate();
        assert_eq!(format!("{token:?}"), "Token([secret])");
        assert!(!format!("{:?}", token.hash()).contains(&token.hash().to_hex()));
    }

    #[test]
    fn generated_tokens_fit_the_wire() {
        let token = Token::generate();
        assert_eq!(token.expose().len(), MAX_TOKEN_LEN);
        assert!(Token::parse(token.expose()).is_some());
        assert!(Token::parse(&"a".repeat(65)).is_none());
        assert!(Token::parse("").is_none());
    }

    #[test]
    fn hash_round_trips() {
        let hash = Token::from_config("secret").hash();
        assert_eq!(TokenHash::from_hex(&hash.to_hex()), Some(hash));
        assert_eq!(TokenHash::from_hex("zz"), None);
    }
}
