//! `[CryptKeeper]`: the keys of what is kept of users.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

/// `[CryptKeeper]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CryptKeeper {
    /// The first encrypts, all decrypt; from `$JUPYTERHUB_CRYPT_KEY` if the file has none.
    pub keys: Vec<CryptKey>,
}

/// A key: 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptKey(Zeroizing<[u8; 32]>);

impl CryptKey {
    /// What a person should write.
    pub const EXPECTS: &'static str =
        "32 bytes as hex or base64, as `openssl rand -hex 32` makes them";

    /// Reads 32 bytes as 64 hexadecimal digits or as base64, the usual one or that for URLs. JupyterHub also takes 32
    /// characters as they are: those a person thought of could be guessed, so that they are none here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => hex::decode(text).ok()?,
            44 => STANDARD
                .decode(text)
                .or_else(|_| URL_SAFE.decode(text))
                .ok()?,
            _ => return None,
        };
        let bytes = Zeroizing::new(bytes);
        let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(key)))
    }

    /// The key itself, for a cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for CryptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CryptKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_32_bytes_as_hex_or_base64() {
        let hex = "00ff".repeat(16);
        let same = [
            hex.clone(),
            format!(" {hex}\n"),
            hex.to_uppercase(),
            STANDARD.encode(hex::decode(&hex).unwrap()),
        ];
        let keys: Vec<_> = same.iter().map(|text| CryptKey::parse(text)).collect();
        assert!(
            keys.iter().all(|key| key.is_some() && *key == keys[0]),
            "{keys:?}"
        );
        let other = [0xfb; 32];
        assert_eq!(
            CryptKey::parse(&URL_SAFE.encode(other)).unwrap().expose(),
            &other
        );
        for bad in [
            "",
            "secret",
            &"x".repeat(32),
            &"x".repeat(64),
            &"=".repeat(44),
            &hex[2..],
        ] {
            assert_eq!(CryptKey::parse(bad), None, "{bad}");
        }
        assert!(!format!("{:?}", CryptKey::parse(&hex)).contains("00ff"));
    }
}
