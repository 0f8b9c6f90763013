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

use super::id_token::{BadToken, Expected, Jwk, verify};
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

/// A provider, as it describes itself.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    described: Mutex<Option<Arc<Described>>>,
    keys: Mutex<Option<Arc<Keys>>>,
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
        let mut described = self.described.lock().await;
        if let Some(known) = described
            .as_ref()
            .filter(|known| known.at.elapsed() < FRESH)
        {
            return Ok(Arc::clone(known));
        }
        let senseless = |why: &str| Trouble::Senseless {
            host: self.issuer.clone(),
            why: why.to_owned(),
        };
        let begin = self.issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{begin}/.well-known/openid-configuration"))
            .map_err(|_| senseless("an issuer that is no URL"))?;
        let said = outbound.get(&url, None).await?.success()?.json()?;
        let found = read(&said, &self.issuer).map_err(|why| senseless(&why))?;
        let found = Arc::new(found);
        *described = Some(Arc::clone(&found));
        Ok(found)
    }

    /// The claims of an ID token, checked.
    pub(super) async fn prove(
        &self,
        outbound: &Outbound,
        token: &str,
        expected: (&str, &str, chrono::DateTime<chrono::Utc>),
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
        let mut keys = self.keys.lock().await;
        let known = keys.as_ref().filter(|known| known.at.elapsed() < FRESH);
        if let Some(known) = known.filter(|known| !old.is_some_and(|old| Arc::ptr_eq(old, known))) {
            return Ok(Arc::clone(known));
        }
        let url = &described.keys_at;
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
        let found = Arc::new(Keys { all, at });
        *keys = Some(Arc::clone(&found));
        Ok(found)
    }
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
