//! Encrypts what the browser keeps for us, and signs what it may read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use hub_types::secret::random_bytes;
use sha2::Sha256;

use crate::config::HubAuthConfig;

const NONCE: usize = 24;

/// Tokens shorter than this were chosen by a person: a key made from one could be guessed by whoever holds a cookie.
const RANDOM_TOKEN_LEN: usize = 32;

/// The two keys, made from one secret.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    mac_key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer([secret])")
    }
}

impl Sealer {
    /// The configured secret; else the API token when it is long enough to be random; else a secret of this process.
    pub(super) fn for_config(config: &HubAuthConfig) -> Self {
        let own = config.cookie_key.as_ref();
        let token =
            Some(&config.api_token).filter(|token| token.expose().len() >= RANDOM_TOKEN_LEN);
        match own.or(token) {
            Some(secret) => Self::new(secret.expose().as_bytes()),
            None => {
                tracing::info!(
                    "the API token is too short to protect cookies: logins will end with this process"
                );
                Self::new(&random_bytes::<32>())
            }
        }
    }

    pub(super) fn new(secret: &[u8]) -> Self {
        let cipher_key = mac(secret, &[b"hubauth cookie encryption 1"]);
        Self {
            cipher: XChaCha20Poly1305::new(&cipher_key.into()),
            mac_key: mac(secret, &[b"hubauth cookie signature 1"]),
        }
    }

    /// Encrypts `plain` for one purpose: what was sealed under another label does not open.
    pub(super) fn seal(&self, label: &str, plain: &[u8]) -> String {
        let nonce = random_bytes::<NONCE>();
        let payload = Payload {
            msg: plain,
            aad: label.as_bytes(),
        };
        // Encryption fails only for messages of hundreds of gigabytes; an empty text then opens as nothing.
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Reads what [`Sealer::seal`] wrote under the same label; `None` for anything else.
    pub(super) fn open(&self, label: &str, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: label.as_bytes(),
        };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// A signature over `parts`, each with its length.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.mac_key, parts)
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_same_key_and_label_open() {
        let (a, b) = (Sealer::new(b"a"), Sealer::new(b"b"));
        let sealed = a.seal("x", b"secret");
        assert_eq!(a.open("x", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(a.open("y", &sealed), None);
        assert_eq!(b.open("x", &sealed), None);
        assert_ne!(sealed, a.seal("x", b"secret"));
        assert_ne!(a.sign(&[b"ab", b"c"]), a.sign(&[b"a", b"bc"]));
    }

    proptest! {
        #[test]
        fn no_changed_byte_opens(at in 0usize..60, with in "[A-Za-z0-9_-]", junk in ".{0,80}") {
            let sealer = Sealer::new(b"key");
            let sealed = sealer.seal("x", b"some secret text");
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &with);
            if changed != sealed {
                prop_assert_eq!(sealer.open("x", &changed), None);
            }
            prop_assert_eq!(sealer.open("x", &junk), None);
            prop_assert_eq!(sealer.open("x", &sealed[..at]), None);
        }
    }
}
