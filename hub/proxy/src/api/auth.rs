//! Who may change routes: whoever knows the one token.

use http::{HeaderMap, header::AUTHORIZATION};
use hub_types::secret::Token;
use subtle::ConstantTimeEq as _;

/// Whether a request with `headers` may use the API. Without a configured token everybody may.
///
/// The form is `Authorization: token X`, case-sensitive as configurable-http-proxy has it, but the whole header: a
/// token somewhere in other text does not count.
pub(crate) fn is_allowed(token: Option<&Token>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return true };
    let mut given = headers.get_all(AUTHORIZATION).into_iter();
    let (Some(given), None) = (given.next(), given.next()) else {
        return false;
    };
    let Some(rest) = given.as_bytes().strip_prefix(b"token") else {
        return false;
    };
    let secret = rest.trim_ascii_start();
    secret.len() < rest.len() && bool::from(secret.ct_eq(token.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_exact_form_counts() {
        let token = Token::from_config("s3cret");
        for (value, allowed) in [
            ("token s3cret", true),
            ("token   s3cret", true),
            ("token\ts3cret", true),
            ("tokens3cret", false),
            ("token s3cre", false),
            ("token s3crets", false),
            ("token s3cret x", false),
            ("token", false),
            ("token ", false),
            ("TOKEN s3cret", false),
            ("Token s3cret", false),
            ("Bearer s3cret", false),
            ("x token s3cret", false),
            ("Bearer x, token s3cret", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(is_allowed(Some(&token), &headers), allowed, "{value:?}");
        }
        assert!(!is_allowed(Some(&token), &HeaderMap::new()));
        assert!(is_allowed(None, &HeaderMap::new()));
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, HeaderValue::from_static("token s3cret"));
        twice.append(AUTHORIZATION, HeaderValue::from_static("token other"));
        assert!(!is_allowed(Some(&token), &twice));
    }
}
