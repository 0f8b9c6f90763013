use chrono::TimeDelta;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::json;

use super::*;

/// A key that was made for this test and is used for nothing else.
const RSA: &[u8] = include_bytes!("rsa.der");

enum Signer {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(RSA).unwrap()))
    }

    fn ec() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
    }

    fn ed() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn public(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let PublicKeyComponents { n, e } =
                    PublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": encoded(&n), "e": encoded(&e)})
            }
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(key.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encoded(header.to_string().as_bytes()),
            encoded(claims.to_string().as_bytes())
        );
        let message = signed.as_bytes();
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        };
        format!("{signed}.{}", encoded(&signature))
    }
}

const EXPECTED: Expected<'_> = Expected {
    issuer: "https://id.example",
    audience: "hub",
    nonce: Nonce::Of("n0nce"),
    now: DateTime::UNIX_EPOCH,
};

fn good() -> Value {
    json!({"iss": "https://id.example", "aud": "hub", "sub": "7", "exp": 300, "iat": 0, "nonce": "n0nce"})
}

fn keys(all: &[Value]) -> Vec<Jwk> {
    serde_json::from_value(Value::Array(all.to_vec())).unwrap()
}

#[test]
fn three_algorithms_count() {
    for signer in [Signer::rsa(), Signer::ec(), Signer::ed()] {
        let other = Signer::ec();
        let keys = keys(&[
            other.public("other"),
            signer.public("own"),
            json!({"kty": "oct", "k": "AA"}),
        ]);
        let header = json!({"alg": signer.algorithm(), "kid": "own"});
        let token = signer.sign(&header, &good());
        assert_eq!(
            Value::Object(verify(&token, &keys, &EXPECTED).unwrap()),
            good()
        );
        let unnamed = signer.sign(&json!({"alg": signer.algorithm()}), &good());
        assert!(verify(&unnamed, &keys, &EXPECTED).is_ok());
        // Other claims under the same signature.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let mut claims = good();
        claims["sub"] = json!("8");
        let forged = format!(
            "{header}.{}.{signature}",
            encoded(claims.to_string().as_bytes())
        );
        assert_eq!(verify(&forged, &keys, &EXPECTED), Err(BadToken::Signature));
        assert_eq!(unchecked(&forged).unwrap()["sub"], "8");
    }
}

#[test]
fn nothing_else_counts() {
    let (signer, other) = (Signer::ec(), Signer::ec());
    let keys = keys(&[signer.public("own")]);
    let sign = |header: Value| signer.sign(&header, &good());
    let mut encryption = signer.public("own");
    encryption["use"] = json!("enc");
    for (token, wrong) in [
        (
            sign(json!({"alg": "none"})),
            BadToken::Algorithm("none".into()),
        ),
        (
            sign(json!({"alg": "HS256", "kid": "own"})),
            BadToken::Algorithm("HS256".into()),
        ),
        (
            sign(json!({"alg": "RS256", "kid": "own"})),
            BadToken::UnknownKey,
        ),
        (
            sign(json!({"alg": "ES256", "kid": "new"})),
            BadToken::UnknownKey,
        ),
        (
            sign(json!({"alg": "ES256", "kid": "own", "crit": ["x"]})),
            BadToken::Malformed,
        ),
        (
            other.sign(&json!({"alg": "ES256", "kid": "own"}), &good()),
            BadToken::Signature,
        ),
        (String::new(), BadToken::Malformed),
        ("a.b.c".into(), BadToken::Malformed),
        ("..".into(), BadToken::Malformed),
    ] {
        assert_eq!(verify(&token, &keys, &EXPECTED), Err(wrong), "{token}");
    }
    let token = sign(json!({"alg": "ES256", "kid": "own"}));
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(
        verify(&unsigned, &keys, &EXPECTED),
        Err(BadToken::Signature)
    );
    let not_for_this: Vec<Jwk> = serde_json::from_value(json!([encryption])).unwrap();
    assert_eq!(
        verify(&token, &not_for_this, &EXPECTED),
        Err(BadToken::UnknownKey)
    );
}

#[test]
fn every_claim_is_looked_at() {
    let signer = Signer::ed();
    let keys = keys(&[signer.public("own")]);
    let long = "x".repeat(LONGEST_SUBJECT + 1);
    for (name, value, wrong) in [
        (
            "iss",
            json!("https://id.example/"),
            Some(BadToken::Claim("iss")),
        ),
        ("iss", Value::Null, Some(BadToken::Claim("iss"))),
        ("aud", json!("other"), Some(BadToken::Claim("aud"))),
        ("aud", json!([]), Some(BadToken::Claim("aud"))),
        ("aud", json!(["hub"]), None),
        ("aud", json!(["hub", "other"]), Some(BadToken::Claim("azp"))),
        ("azp", json!("other"), Some(BadToken::Claim("azp"))),
        ("azp", json!("hub"), None),
        ("exp", json!(-60), Some(BadToken::Expired)),
        ("exp", json!(-59), None),
        ("exp", json!("300"), Some(BadToken::Claim("exp"))),
        ("exp", Value::Null, Some(BadToken::Claim("exp"))),
        ("iat", json!(61), Some(BadToken::Claim("iat"))),
        ("iat", json!(60.5), None),
        ("nbf", json!(61), Some(BadToken::Claim("nbf"))),
        ("nonce", json!("other"), Some(BadToken::Claim("nonce"))),
        ("nonce", Value::Null, Some(BadToken::Claim("nonce"))),
        ("sub", json!(""), Some(BadToken::Claim("sub"))),
        ("sub", json!(7), Some(BadToken::Claim("sub"))),
        ("sub", json!(long), Some(BadToken::Claim("sub"))),
    ] {
        let mut claims = good();
        claims[name] = value;
        let token = signer.sign(&json!({"alg": "EdDSA"}), &claims);
        assert_eq!(verify(&token, &keys, &EXPECTED).err(), wrong, "{claims}");
    }
    let later = Expected {
        now: DateTime::UNIX_EPOCH + TimeDelta::seconds(360),
        ..EXPECTED
    };
    let token = signer.sign(&json!({"alg": "EdDSA"}), &good());
    assert_eq!(verify(&token, &keys, &later), Err(BadToken::Expired));
}

#[test]
fn a_token_of_a_refresh_says_nothing_of_the_login_or_the_same() {
    let signer = Signer::ed();
    let keys = keys(&[signer.public("own")]);
    let wrong = Some(BadToken::Claim("nonce"));
    for (said, before, expected) in [
        (json!("n0nce"), Some("n0nce"), None),
        (Value::Null, Some("n0nce"), None),
        (Value::Null, None, None),
        (json!("other"), Some("n0nce"), wrong.clone()),
        (json!("n0nce"), None, wrong.clone()),
        (json!(7), Some("n0nce"), wrong),
    ] {
        let mut claims = good();
        claims["nonce"] = said;
        let token = signer.sign(&json!({"alg": "EdDSA"}), &claims);
        let nonce = Nonce::AsBefore(before);
        let found = verify(&token, &keys, &Expected { nonce, ..EXPECTED });
        assert_eq!(found.err(), expected, "{claims} {before:?}");
    }
}
