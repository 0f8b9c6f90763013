//! Signed cookie values: `1|<unix seconds>|<value>|<mac>`.
//!
//! The name of the cookie is signed too, so that a value never passes for another cookie's. The key is a parameter:
//! which secret signs what is decided in `auth::cookies`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const VERSION: &str = "1";

/// How far ahead of our clock a signature may be dated.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// HMAC-SHA-256 with a key of 32 bytes, padded with zeros to the block as RFC 2104 says.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256>>::new(&block.into())
}

fn mac(key: &[u8; 32], name: &str, time: &str, value: &str) -> Hmac<Sha256> {
    let mut mac = keyed(key);
    for part in [VERSION, name, time, value] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}

/// Signs `value` for the cookie `name`.
#[must_use]
pub fn sign(key: &[u8; 32], name: &str, value: &str, now: DateTime<Utc>) -> String {
    let time = now.timestamp().to_string();
    let encoded = URL_SAFE_NO_PAD.encode(value);
    let tag = URL_SAFE_NO_PAD.encode(mac(key, name, &time, &encoded).finalize().into_bytes());
    format!("{VERSION}|{time}|{encoded}|{tag}")
}

/// The value that was signed for the cookie `name` at most `max_age` ago; `None` for anything else.
#[must_use]
pub fn verify(
    key: &[u8; 32],
    name: &str,
    text: &str,
    max_age: TimeDelta,
    now: DateTime<Utc>,
) -> Option<String> {
    let mut parts = text.trim_matches('"').split('|');
    let (version, time, encoded, tag) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || version != VERSION {
        return None;
    }
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    mac(key, name, time, encoded).verify_slice(&tag).ok()?;
    let signed = DateTime::from_timestamp(time.parse().ok()?, 0)?;
    if now - signed > max_age || signed - now > MAX_AHEAD {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

/// When a value says that it was signed, in seconds. Nothing of it is checked.
#[must_use]
pub fn signed_at(text: &str) -> Option<i64> {
    text.trim_matches('"').split('|').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn round_trip_until_it_expires() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let day = TimeDelta::days(1);
        let text = sign(&KEY, "a", "secret", now);
        assert_eq!(
            verify(&KEY, "a", &text, day, now).as_deref(),
            Some("secret")
        );
        assert_eq!(
            verify(&KEY, "a", &format!("\"{text}\""), day, now).as_deref(),
            Some("secret")
        );
        assert_eq!(
            verify(&KEY, "a", &text, day, now + day + day),
            None,
            "expired"
        );
        assert_eq!(
            verify(&KEY, "a", &text, day, now - day),
            None,
            "from the future"
        );
        assert_eq!(verify(&KEY, "b", &text, day, now), None, "another cookie");
        assert_eq!(verify(&[8; 32], "a", &text, day, now), None, "another key");
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let now = DateTime::UNIX_EPOCH;
        let text = sign(&KEY, "a", "secret", now);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(flipped) = String::from_utf8(bytes) else {
                continue;
            };
            let value = verify(&KEY, "a", &flipped, TimeDelta::days(1), now);
            assert_eq!(value, None, "byte {at}: {flipped}");
        }
        for bad in ["", "|||", "1|0|x", "1|0|x|y|z", "é|é|é|é"] {
            assert_eq!(
                verify(&KEY, "a", bad, TimeDelta::days(1), now),
                None,
                "{bad}"
            );
        }
    }
}
