//! Private keys that a passphrase protects: PKCS#8 (`ENCRYPTED PRIVATE KEY`), and the older form of OpenSSL
//! (`Proc-Type: 4,ENCRYPTED`). Pure.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::Decryptor;
use md5::{Digest as _, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

/// What opens a key. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Why a key stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// The passphrase does not open it.
    Wrong,
    /// It is protected in a way that we do not know.
    Unknown,
    /// The PEM block is damaged.
    Damaged,
}

/// Whether the first private key in `pem` is protected by a passphrase.
pub(crate) fn is_locked(pem: &str) -> bool {
    block(pem).is_some_and(|block| block.is_locked())
}

/// Opens the first private key in `pem`.
pub(crate) fn unlock(pem: &str, passphrase: &Passphrase) -> Result<PrivateKeyDer<'static>, Locked> {
    let block = block(pem).ok_or(Locked::Damaged)?;
    let bytes = block.bytes().ok_or(Locked::Damaged)?;
    let secret = passphrase.0.as_bytes();
    if block.label == PKCS8 {
        return pkcs8(&bytes, secret);
    }
    let plain = openssl(&bytes, block.header("DEK-Info").unwrap_or_default(), secret)?;
    Ok(match block.label {
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(plain).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(plain).into(),
        _ => return Err(Locked::Unknown),
    })
}

const PKCS8: &str = "ENCRYPTED PRIVATE KEY";

/// A PEM block of a private key.
struct Block<'a> {
    label: &'a str,
    text: &'a str,
}

/// The first block of `pem` that is a private key.
fn block(pem: &str) -> Option<Block<'_>> {
    let mut rest = pem;
    loop {
        let (_, begun) = rest.split_once("-----BEGIN ")?;
        let (label, body) = begun.split_once("-----")?;
        if label.ends_with("PRIVATE KEY") {
            let (text, _) = body.split_once("-----END ")?;
            return Some(Block { label, text });
        }
        rest = body;
    }
}

impl<'a> Block<'a> {
    fn is_locked(&self) -> bool {
        self.label == PKCS8
            || self
                .header("Proc-Type")
                .is_some_and(|kind| kind.ends_with("ENCRYPTED"))
    }

    /// The value of a header in front of the data (RFC 1421 4.6).
    fn header(&self, name: &str) -> Option<&'a str> {
        let headers = self.text.lines().filter_map(|line| line.split_once(':'));
        headers
            .into_iter()
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim())
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        let lines = self.text.lines().filter(|line| !line.contains(':'));
        STANDARD
            .decode(lines.map(str::trim).collect::<String>())
            .ok()
    }
}

fn pkcs8(bytes: &[u8], secret: &[u8]) -> Result<PrivateKeyDer<'static>, Locked> {
    use pkcs8::pkcs5::Error as Pkcs5;
    let info = EncryptedPrivateKeyInfoRef::try_from(bytes).map_err(|_| Locked::Unknown)?;
    let plain = info.decrypt(secret).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            Pkcs5::UnsupportedAlgorithm { .. }
            | Pkcs5::NoPbes1CryptSupport
            | Pkcs5::AlgorithmParametersInvalid { .. },
        ) => Locked::Unknown,
        _ => Locked::Wrong,
    })?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}

/// `DEK-Info: CIPHER,IV`: CBC with a key that is MD5 of passphrase and salt (OpenSSL's `EVP_BytesToKey`), and the first 8
/// bytes of the IV as salt.
fn openssl(bytes: &[u8], info: &str, secret: &[u8]) -> Result<Vec<u8>, Locked> {
    let (cipher, iv) = info.split_once(',').ok_or(Locked::Damaged)?;
    let iv = hex::decode(iv.trim()).map_err(|_| Locked::Damaged)?;
    let salt = iv.get(..8).ok_or(Locked::Damaged)?;
    let key = |length| stretched(secret, salt, length);
    let plain = match cipher {
        "AES-128-CBC" => Decryptor::<aes::Aes128>::new_from_slices(&key(16), &iv)
            .map(|cbc| cbc.decrypt_padded_vec::<Pkcs7>(bytes)),
        "AES-192-CBC" => Decryptor::<aes::Aes192>::new_from_slices(&key(24), &iv)
            .map(|cbc| cbc.decrypt_padded_vec::<Pkcs7>(bytes)),
        "AES-256-CBC" => Decryptor::<aes::Aes256>::new_from_slices(&key(32), &iv)
            .map(|cbc| cbc.decrypt_padded_vec::<Pkcs7>(bytes)),
        "DES-EDE3-CBC" => Decryptor::<des::TdesEde3>::new_from_slices(&key(24), &iv)
            .map(|cbc| cbc.decrypt_padded_vec::<Pkcs7>(bytes)),
        _ => return Err(Locked::Unknown),
    };
    let plain = plain.map_err(|_| Locked::Damaged)?;
    // One wrong passphrase in 256 gives padding that looks right.
    plain
        .ok()
        .filter(|plain| is_sequence(plain))
        .ok_or(Locked::Wrong)
}

fn stretched(secret: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(48));
    while key.len() < length {
        let last = key.len().saturating_sub(16);
        let mut hash = Md5::new();
        hash.update(&key[last..]);
        hash.update(secret);
        hash.update(salt);
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(length);
    key
}

/// Whether `der` is one ASN.1 sequence, and nothing else.
fn is_sequence(der: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = der else {
        return false;
    };
    let count = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return rest.len() == count;
    }
    let Some((length, rest)) = rest.split_at_checked(count).filter(|_| count <= 4) else {
        return false;
    };
    let told = length
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    rest.len() == told
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = include_str!("../../tests/it/keys/rsa-old-aes256.pem");

    #[test]
    fn only_protected_keys_are_locked() {
        for (text, locked) in [
            (OLD, true),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----",
                true,
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----",
                false,
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(is_locked(text), locked, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let open = |text: &str| unlock(text, &Passphrase::new("x".into())).unwrap_err();
        assert_eq!(open(OLD), Locked::Wrong);
        assert_eq!(open(""), Locked::Damaged);
        assert_eq!(
            open(&OLD.replace("AES-256-CBC", "RC2-CBC")),
            Locked::Unknown
        );
        assert_eq!(open(&OLD.replace("DEK-Info", "X")), Locked::Damaged);
        assert_eq!(open(&OLD.replace("\n\n", "\n\n!")), Locked::Damaged);
        let short =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(open(short), Locked::Unknown);
        assert!(!format!("{:?}", Passphrase::new("secret".into())).contains("secret"));
    }

    #[test]
    fn sequences() {
        for (der, expected) in [
            (&[0x30, 1, 0][..], true),
            (&[0x30, 0x81, 1, 0], true),
            (&[0x30, 0x82, 0, 1, 0], true),
            (&[0x30, 2, 0], false),
            (&[0x30, 0x85, 0, 0, 0, 0, 1, 0], false),
            (&[0x30, 0x82, 0], false),
            (&[0x31, 1, 0], false),
            (&[], false),
        ] {
            assert_eq!(is_sequence(der), expected, "{der:?}");
        }
    }
}
