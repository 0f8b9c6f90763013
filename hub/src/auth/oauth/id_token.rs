//! ID tokens: who somebody is, signed by the provider. Pure; `now` comes from the caller.
//!
//! Source: OpenID Connect Core 1.0, section 3.1.3.7, on RFC 7515 and 7517. Signatures with RS256, ES256 and EdDSA count,
//! and nothing else: not `none`, and nothing that is signed with a shared secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY: i64 = 60;
/// The longest subject. Source: OpenID Connect Core 1.0, section 2.
const LONGEST_SUBJECT: usize = 255;

/// What is wrong with an ID token. What it says is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is none.
    #[error("it is not a signed token")]
    Malformed,
    /// Signed in a way that does not count.
    #[error("it is signed with {0:?}; RS256, ES256 and EdDSA count")]
    Algorithm(String),
    /// The provider has no such key: perhaps it has new ones.
    #[error("the provider has no key that it could be signed with")]
    UnknownKey,
    /// Not signed by the provider.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing or says something else than it must.
    #[error("its claim {0} is wrong")]
    Claim(&'static str),
    /// Too old.
    #[error("it has expired")]
    Expired,
}

/// What an ID token must say of the login that it belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Nonce<'a> {
    /// Of a login: this.
    Of(&'a str),
    /// Of a refresh: nothing, or what the token of the login said (OpenID Connect Core 1.0, section 12.2).
    AsBefore(Option<&'a str>),
}

impl Nonce<'_> {
    fn fits(self, said: Option<&str>) -> bool {
        match self {
            Self::Of(nonce) => said == Some(nonce),
            Self::AsBefore(nonce) => said.is_none() || said == nonce,
        }
    }
}

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom: our client id.
    pub audience: &'a str,
    /// For which login.
    pub nonce: Nonce<'a>,
    /// When it is looked at.
    pub now: DateTime<Utc>,
}

/// A key of the provider (RFC 7517). Kinds that do not count are read, too, and never fit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Header, claims, what was signed, and the signature.
struct Parts<'a> {
    header: Header,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

fn parts(token: &str) -> Option<Parts<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    Some(Parts {
        header: serde_json::from_slice(&bytes(header)?).ok()?,
        claims: serde_json::from_slice(&bytes(claims)?).ok()?,
        signed,
        signature: bytes(signature)?,
    })
}

/// The claims of a token that came straight from the provider over TLS, which vouches for it (section 3.1.3.7, 6): nothing
/// of it is checked.
///
/// # Errors
/// When it is none.
pub fn unchecked(token: &str) -> Result<Map<String, Value>, BadToken> {
    Ok(parts(token).ok_or(BadToken::Malformed)?.claims)
}

/// The claims of a token that the provider has signed, and that says what it must.
///
/// # Errors
/// What is wrong with it.
pub fn verify(
    token: &str,
    keys: &[Jwk],
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, BadToken> {
    let parts = parts(token).ok_or(BadToken::Malformed)?;
    // An extension that must be understood, and is not (RFC 7515, section 4.1.11).
    if parts.header.crit.is_some() {
        return Err(BadToken::Malformed);
    }
    let algorithm = Algorithm::named(&parts.header.alg)?;
    let mut fitting = keys
        .iter()
        .filter(|key| key.fits(algorithm, parts.header.kid.as_deref()))
        .peekable();
    if fitting.peek().is_none() {
        return Err(BadToken::UnknownKey);
    }
    if !fitting.any(|key| key.signed(algorithm, &parts)) {
        return Err(BadToken::Signature);
    }
    claims(&parts.claims, expected)?;
    Ok(parts.claims)
}

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn named(name: &str) -> Result<Self, BadToken> {
        match name {
            "RS256" => Ok(Self::Rs256),
            "ES256" => Ok(Self::Es256),
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            other => Err(BadToken::Algorithm(other.chars().take(16).collect())),
        }
    }
}

impl Jwk {
    /// Whether this key may have signed: the kind decides what is computed, never the token alone.
    fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256 => self.kty == "RSA",
            Algorithm::Es256 => self.kty == "EC" && self.crv == "P-256",
            Algorithm::EdDsa => self.kty == "OKP" && self.crv == "Ed25519",
        };
        let named = kid.is_none_or(|kid| self.kid.as_deref() == Some(kid));
        let said = self.alg.as_deref();
        let meant = said.is_none_or(|alg| Algorithm::named(alg).is_ok_and(|alg| alg == algorithm));
        kind && named && meant && self.usage.as_deref().is_none_or(|usage| usage == "sig")
    }

    fn signed(&self, algorithm: Algorithm, parts: &Parts<'_>) -> bool {
        self.check(algorithm, parts).is_some()
    }

    fn check(&self, algorithm: Algorithm, parts: &Parts<'_>) -> Option<()> {
        let (message, signature) = (parts.signed.as_bytes(), parts.signature.as_slice());
        match algorithm {
            Algorithm::Rs256 => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                let key = RsaPublicKeyComponents { n: &n, e: &e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .ok()
            }
            Algorithm::Es256 => {
                let point = [vec![4], bytes(&self.x)?, bytes(&self.y)?].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).ok()
            }
            Algorithm::EdDsa => {
                let key = UnparsedPublicKey::new(&ED25519, bytes(&self.x)?);
                key.verify(message, signature).ok()
            }
        }
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds that do not fit are far away from now either way"
)]
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let number = claims.get(name)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|seconds| seconds as i64))
}

fn claims(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), BadToken> {
    if text(claims, "iss") != Some(expected.issuer) {
        return Err(BadToken::Claim("iss"));
    }
    audience(claims, expected.audience)?;
    let now = expected.now.timestamp();
    let until = seconds(claims, "exp").ok_or(BadToken::Claim("exp"))?;
    if now.saturating_sub(LEEWAY) >= until {
        return Err(BadToken::Expired);
    }
    let later = |name| seconds(claims, name).is_some_and(|at| at > now.saturating_add(LEEWAY));
    if !claims.contains_key("iat") || later("iat") {
        return Err(BadToken::Claim("iat"));
    }
    if later("nbf") {
        return Err(BadToken::Claim("nbf"));
    }
    let nonce = claims.get("nonce").filter(|nonce| !nonce.is_null());
    let said = nonce.and_then(Value::as_str);
    if said.is_some() != nonce.is_some() || !expected.nonce.fits(said) {
        return Err(BadToken::Claim("nonce"));
    }
    match text(claims, "sub") {
        Some(subject) if (1..=LONGEST_SUBJECT).contains(&subject.len()) => Ok(()),
        _ => Err(BadToken::Claim("sub")),
    }
}

/// For us, and if for others as well, handed out to us.
fn audience(claims: &Map<String, Value>, own: &str) -> Result<(), BadToken> {
    let (for_us, several) = match claims.get("aud") {
        Some(Value::String(one)) => (one == own, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one == own), all.len() > 1),
        _ => (false, false),
    };
    if !for_us {
        return Err(BadToken::Claim("aud"));
    }
    match claims.get("azp") {
        None if several => Err(BadToken::Claim("azp")),
        Some(party) if party != own => Err(BadToken::Claim("azp")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
