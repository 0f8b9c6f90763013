//! What an OpenID provider says of itself: where it is asked, and its keys (OpenID Connect Discovery 1.0).
//!
//! Looked up when somebody logs in, not at start: a provider that is away must not keep the hub from starting. Kept for an
//! hour; keys are looked up anew when a token names one that is not among them, for providers change theirs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::id_token::{BadToken, Expected, Jwk, Nonce, verify};
use super::outbound::{Outbound, Trouble};
use super::settings::Endpoints;

/// How long it is believed.
const FRESH: Duration = Duration::from_secs(3600);

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) endpoints: Endpoints,
    keys_at: Url,
    at: Instant,
}

#[derive(Debug)]
struct Keys {
    all: Vec<Jwk>,
    at: Instant,
}

/// What was found last, or why nothing was, and when that was.
#[derive(Debug)]
struct Found<T> {
    known: Option<Arc<T>>,
    failed: Option<(Instant, Trouble)>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            known: None,
            failed: None,
        }
    }
}

impl<T> Found<T> {
    /// Why nothing was found while somebody waited who has been here since `began`: a provider that is away must not be
    /// waited for by one after the other.
    fn failed_since(&self, began: Instant) -> Result<(), Trouble> {
        match &self.failed {
            Some((at, trouble)) if *at >= began => Err(trouble.clone()),
            _ => Ok(()),
        }
    }

    fn note(&mut self, found: Result<T, Trouble>) -> Result<Arc<T>, Trouble> {
        match found {
            Ok(found) => {
                let found = Arc::new(found);
                self.known = Some(Arc::clone(&found));
                Ok(found)
            }
            Err(trouble) => {
                self.failed = Some((Instant::now(), trouble.clone()));
                Err(trouble)
            }
        }
    }
}

/// A provider, as it describes itself.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    described: Mutex<Found<Described>>,
    keys: Mutex<Found<Keys>>,
}

/// Why an ID token does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotProven {
    #[error("its ID token does not count: {0}")]
    Bad(#[from] BadToken),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Discovery {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            described: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the provider is asked. One at a time looks it up; the others take what was found.
    pub(super) async fn look(&self, outbound: &Outbound) -> Result<Arc<Described>, Trouble> {
        let began = Instant::now();
        let mut described = self.described.lock().await;
        let fresh = |known: &&Arc<Described>| known.at.elapsed() < FRESH;
        if let Some(known) = described.known.as_ref().filter(fresh) {
            return Ok(Arc::clone(known));
        }
        described.failed_since(began)?;
        let found = self.described_anew(outbound).await;
        described.note(found)
    }

    async fn described_anew(&self, outbound: &Outbound) -> Result<Described, Trouble> {
        let senseless = |why: &str| Trouble::Senseless {
            host: self.issuer.clone(),
            why: why.to_owned(),
        };
        let begin = self.issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{begin}/.well-known/openid-configuration"))
            .map_err(|_| senseless("an issuer that is no URL"))?;
        let said = outbound.get(&url, None).await?.success()?.json()?;
        read(&said, &self.issuer).map_err(|why| senseless(&why))
    }

    /// The claims of an ID token, checked.
    pub(super) async fn prove(
        &self,
        outbound: &Outbound,
        token: &str,
        expected: (&str, Nonce<'_>, chrono::DateTime<chrono::Utc>),
    ) -> Result<Map<String, Value>, NotProven> {
        let (audience, nonce, now) = expected;
        let expected = Expected {
            issuer: &self.issuer,
            audience,
            nonce,
            now,
        };
        let keys = self.keys(outbound, None).await?;
        match verify(token, &keys.all, &expected) {
            Err(BadToken::UnknownKey) => {
                let keys = self.keys(outbound, Some(&keys)).await?;
                Ok(verify(token, &keys.all, &expected)?)
            }
            checked => Ok(checked?),
        }
    }

    /// The provider's keys; others than `old`, if these were found wanting.
    async fn keys(
        &self,
        outbound: &Outbound,
        old: Option<&Arc<Keys>>,
    ) -> Result<Arc<Keys>, Trouble> {
        let described = self.look(outbound).await?;
        let began = Instant::now();
        let mut keys = self.keys.lock().await;
        let wanted = |known: &&Arc<Keys>| {
            known.at.elapsed() < FRESH && !old.is_some_and(|old| Arc::ptr_eq(old, known))
        };
        if let Some(known) = keys.known.as_ref().filter(wanted) {
            return Ok(Arc::clone(known));
        }
        keys.failed_since(began)?;
        let found = keys_at(&described.keys_at, outbound).await;
        keys.note(found)
    }
}

async fn keys_at(url: &Url, outbound: &Outbound) -> Result<Keys, Trouble> {
    let said = outbound.get(url, None).await?.success()?.json()?;
    let items = said.get("keys").and_then(Value::as_array);
    let items = items.ok_or_else(|| Trouble::Senseless {
        host: url.host_str().unwrap_or_default().to_owned(),
        why: "no list of keys".to_owned(),
    })?;
    // One that cannot be read must not hide the others.
    let all = items
        .iter()
        .filter_map(|key| serde_json::from_value(key.clone()).ok())
        .collect();
    let at = Instant::now();
    Ok(Keys { all, at })
}

/// Reads a provider's description of itself, or says what is wrong with it.
fn read(said: &Value, issuer: &str) -> Result<Described, String> {
    if said.get("issuer").and_then(Value::as_str) != Some(issuer) {
        let found = said
            .get("issuer")
            .and_then(Value::as_str)
            .unwrap_or("nobody");
        let found: String = found.chars().take(200).collect();
        return Err(format!(
            "a description of {found:?}, not of {issuer:?}: [oidc] issuer must be what it calls itself, letter for letter"
        ));
    }
    let url = |name: &str| -> Result<Option<Url>, String> {
        let Some(text) = said.get(name).and_then(Value::as_str) else {
            return Ok(None);
        };
        let url = Url::parse(text).ok().filter(|url| {
            // What was asked over TLS is not to be had in clear.
            url.scheme() == "https" || (url.scheme() == "http" && issuer.starts_with("http:"))
        });
        url.map(Some)
            .ok_or_else(|| format!("a {name} that cannot be used"))
    };
    let needed = |name: &str| url(name)?.ok_or_else(|| format!("no {name}"));
    Ok(Described {
        endpoints: Endpoints {
            authorize: needed("authorization_endpoint")?,
            token: needed("token_endpoint")?,
            userdata: url("userinfo_endpoint")?,
        },
        keys_at: needed("jwks_uri")?,
        at: Instant::now(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_waited_in_vain_does_not_ask_again() {
        let silent = || Trouble::Senseless {
            host: "a".into(),
            why: "b".into(),
        };
        let mut found = Found::<u8>::default();
        let before = Instant::now();
        assert_eq!(found.failed_since(before), Ok(()));
        assert_eq!(found.note(Err(silent())), Err(silent()));
        assert_eq!(found.failed_since(before), Err(silent()));
        let later = Instant::now() + Duration::from_millis(1);
        assert_eq!(found.failed_since(later), Ok(()));
        assert_eq!(found.note(Ok(7)).as_deref(), Ok(&7));
    }

    #[test]
    fn what_a_provider_says_of_itself() {
        let said = json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/a",
            "token_endpoint": "https://id.example/t",
            "jwks_uri": "https://keys.example/k",
        });
        let found = read(&said, "https://id.example").unwrap();
        assert_eq!(found.keys_at.as_str(), "https://keys.example/k");
        assert_eq!(found.endpoints.userdata, None);
        for (name, value, wrong) in [
            ("issuer", json!("https://id.example/"), "letter for letter"),
            ("issuer", json!(null), "a description of \"nobody\""),
            ("token_endpoint", json!(null), "no token_endpoint"),
            (
                "token_endpoint",
                json!("http://id.example/t"),
                "a token_endpoint that cannot be used",
            ),
            (
                "jwks_uri",
                json!("file:///k"),
                "a jwks_uri that cannot be used",
            ),
            (
                "userinfo_endpoint",
                json!("x"),
                "a userinfo_endpoint that cannot be used",
            ),
        ] {
            let mut said = said.clone();
            said[name] = value;
            let error = read(&said, "https://id.example").unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
