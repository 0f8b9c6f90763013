//! Attributes of the cookies this service sets.

use serde::Deserialize;

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
    // Accepted and ignored: these are decided by what the cookie is for, as upstream does for its state cookie.
    #[serde(default, rename = "path")]
    _path: Option<String>,
    #[serde(default, rename = "httponly")]
    _httponly: Option<bool>,
    #[serde(default, rename = "max_age")]
    _max_age: Option<i64>,
    #[serde(default, rename = "expires_days")]
    _expires_days: Option<f64>,
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
        Ok(Self {
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
        for bad in [
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
