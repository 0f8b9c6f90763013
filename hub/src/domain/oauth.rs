//! The OAuth 2 provider's decisions: which request is refused and how, what a token may do, who is asked.
//!
//! Authorization-code grant only (RFC 6749, 7636, hardened as RFC 9700 says). The wire's texts are JupyterHub 6.1's
//! (wire contract 2); where it is laxer, security cases 1-14 win.
//!
//! * [`authorize`]: what a browser brings to `…/oauth2/authorize`;
//! * [`redeem`]: what a client brings to `…/oauth2/token`;
//! * [`scopes`]: what the token may do, and whether the user is asked.

pub mod authorize;
pub mod redeem;
pub mod scopes;

use std::collections::BTreeMap;

use chrono::TimeDelta;

/// How long a code is good.
pub const CODE_LIFE: TimeDelta = TimeDelta::seconds(300);

/// The parameters of a request, and which of them came more than once (RFC 6749 section 3.1: they must not).
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, Vec<String>>);

impl Parameters {
    /// Collects parameters as they came.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            map.entry(name).or_default().push(value);
        }
        Self(map)
    }

    /// The value of a parameter; one without a value counts as not sent (RFC 6749 section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The first of `names` that came more than once.
    #[must_use]
    pub fn repeated(&self, names: &[&'static str]) -> Option<&'static str> {
        names
            .iter()
            .copied()
            .find(|name| self.0.get(*name).is_some_and(|values| values.len() > 1))
    }

    /// Whether any of `names` was sent.
    #[must_use]
    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }
}

/// Adds parameters to a redirect URI, which may be a path and may have a query already.
#[must_use]
pub fn with_query(redirect_uri: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let separator = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let pairs = [("a", "1"), ("b", ""), ("a", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parameters = Parameters::new(pairs);
        assert_eq!(
            (
                parameters.get("a"),
                parameters.get("b"),
                parameters.get("c")
            ),
            (Some("1"), None, None)
        );
        assert_eq!(parameters.repeated(&["b", "a"]), Some("a"));
        assert!(parameters.any(&["b"]) && !parameters.any(&["c"]));
    }

    #[test]
    fn redirects() {
        let pairs = [("code", "x y"), ("state", "s&")];
        for (uri, expected) in [
            ("/user/a/cb", "/user/a/cb?code=x+y&state=s%26"),
            ("https://h/cb?k=v", "https://h/cb?k=v&code=x+y&state=s%26"),
            ("https://h/cb?", "https://h/cb?code=x+y&state=s%26"),
        ] {
            assert_eq!(with_query(uri, &pairs), expected);
        }
    }
}
