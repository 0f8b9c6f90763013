//! Attributes of the cookies this service sets.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The `SameSite` attribute (RFC 6265bis 5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Sent along when the visitor comes from another site by a link; not with its forms, frames and scripts.
    #[default]
    Lax,
    /// Never sent along from another site; a login that starts there needs one more click.
    Strict,
    /// Always sent along; needs https.
    None,
}

/// How long the browser keeps the token cookie. The token in it ends when it ends, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieLife {
    /// As long as the token.
    #[default]
    Token,
    /// Until the browser is closed.
    Session,
    /// This long at most.
    AtMost(Duration),
}

/// Attributes of the cookies this service sets, as `JUPYTERHUB_COOKIE_OPTIONS` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CookieOptions {
    /// `SameSite`; Lax by default (upstream sends none, which browsers read as Lax with a two-minute hole).
    pub same_site: SameSite,
    /// Whether `Secure` is set; by default when the browser speaks https.
    pub secure: Option<bool>,
    /// `Domain`; none by default.
    pub domain: Option<String>,
    /// How long the browser keeps the token cookie.
    pub life: CookieLife,
}

/// The JSON object of the variable. Keys are those of tornado's `set_cookie`, in any case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    samesite: Option<String>,
    #[serde(default)]
    secure: Option<bool>,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    max_age: Option<f64>,
    /// Upstream's documentation names `expires_days=None` for a cookie that ends with the browser.
    #[serde(default, deserialize_with = "given")]
    expires_days: Option<Option<f64>>,
    // What the cookie is for decides these; upstream, too, does not let its state cookie be changed so.
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    httponly: Option<bool>,
}

/// Tells "null" from "not there".
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Wire {
    fn life(&self) -> Result<CookieLife, String> {
        let seconds = match (self.max_age, self.expires_days) {
            (Some(seconds), _) => seconds,
            (None, Some(Some(days))) => days * 86_400.0,
            (None, Some(None)) => return Ok(CookieLife::Session),
            (None, None) => return Ok(CookieLife::Token),
        };
        Duration::try_from_secs_f64(seconds)
            .map(CookieLife::AtMost)
            .map_err(|_| format!("a cookie cannot live for {seconds} seconds"))
    }
}

impl CookieOptions {
    /// Reads the JSON object of `JUPYTERHUB_COOKIE_OPTIONS`.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let lower = object
            .into_iter()
            .map(|(key, value)| (key.to_ascii_lowercase(), value))
            .collect();
        let wire: Wire = serde_json::from_value(serde_json::Value::Object(lower))
            .map_err(|error| error.to_string())?;
        let same_site = match wire
            .samesite
            .as_deref()
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("lax") => SameSite::Lax,
            Some("strict") => SameSite::Strict,
            Some("none") => SameSite::None,
            Some(other) => return Err(format!("samesite is {other:?}, not Lax, Strict or None")),
        };
        if wire.path.is_some() || wire.httponly.is_some() {
            tracing::warn!(
                "path and httponly in JUPYTERHUB_COOKIE_OPTIONS are not used: they follow from the service"
            );
        }
        Ok(Self {
            life: wire.life()?,
            same_site,
            secure: wire.secure,
            domain: wire.domain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json() {
        let read = CookieOptions::from_json;
        assert_eq!(read("{}"), Ok(CookieOptions::default()));
        assert_eq!(
            read(r#"{"SameSite": "None", "Secure": true}"#).map(|o| (o.same_site, o.secure)),
            Ok((SameSite::None, Some(true)))
        );
        for (text, expected) in [
            (r#"{"expires_days": null}"#, CookieLife::Session),
            (
                r#"{"expires_days": 1}"#,
                CookieLife::AtMost(Duration::from_secs(86_400)),
            ),
            (
                r#"{"max_age": 60, "expires_days": 1}"#,
                CookieLife::AtMost(Duration::from_secs(60)),
            ),
            (r#"{"path": "/x", "httponly": false}"#, CookieLife::Token),
        ] {
            assert_eq!(
                read(text).map(|options| options.life),
                Ok(expected),
                "{text}"
            );
        }
        for bad in [
            r#"{"max_age": -1}"#,
            "",
            "[]",
            r#"{"samesite": "maybe"}"#,
            r#"{"planet": 1}"#,
            r#"{"secure": "yes"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
