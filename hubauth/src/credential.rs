//! Finds the tokens that came with a request, in the order in which they count (wire contract 4.3). Pure.

use http::{HeaderMap, Method, Uri, header};
use hub_types::secret::Token;

use crate::fetch::{FetchMode, fetch_mode};
use crate::user::Source;

/// Name of the cookie that ties OAuth tokens to a browser session; the hub sets it with `Path={base}`.
pub const SESSION_COOKIE: &str = "jupyterhub-session-id";

/// The tokens of a request, those that count first first: `?token=` where allowed, then `Authorization`.
///
/// `?token=` counts when `allow_in_url` is set, or for a request with `Sec-Fetch-Mode: websocket` (a script cannot give
/// a WebSocket any headers, and cannot set that one itself). Texts that can be no token (empty, or longer than 64
/// bytes) are left out without asking the hub.
pub fn tokens<'a>(
    method: &Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    allow_in_url: bool,
) -> impl Iterator<Item = (Source, Token)> + use<'a> {
    let websocket = *method == Method::GET && fetch_mode(headers) == FetchMode::Websocket;
    let in_url = (allow_in_url || websocket)
        .then(|| token_in_url(uri))
        .flatten();
    let in_header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| bearer(value.to_str().ok()?));
    let url = in_url.map(|token| (Source::Url, token));
    let header = in_header.map(|token| (Source::Header, token));
    url.into_iter().chain(header)
}

/// A query without its `token`: what goes on to other pages, and into logs.
#[cfg(feature = "tower")]
pub(crate) fn without_token(query: &str) -> String {
    query
        .split('&')
        .filter(|pair| {
            let key = pair.split('=').next().unwrap_or_default();
            !url::form_urlencoded::parse(key.as_bytes()).any(|(key, _)| key == "token")
        })
        .collect::<Vec<_>>()
        .join("&")
}

/// `?token=…`; the first one counts.
fn token_in_url(uri: &Uri) -> Option<Token> {
    let (_, value) =
        url::form_urlencoded::parse(uri.query()?.as_bytes()).find(|(key, _)| key == "token")?;
    Token::parse(value.trim())
}

/// The token of an `Authorization` header: `token X` or `Bearer X`, the word in any case, any space between.
#[must_use]
pub fn bearer(value: &str) -> Option<Token> {
    let (word, rest) = value.split_once(char::is_whitespace)?;
    let known = word.eq_ignore_ascii_case("token") || word.eq_ignore_ascii_case("bearer");
    let token = rest.trim();
    (known && token.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| Token::parse(token))
        .flatten()
}

/// The values of all cookies called `name`, in the order of the request. There may be several: any page of the same
/// site can set one, so whoever reads them takes the first that proves to be its own.
pub fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    all_cookies(headers)
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// All cookies of a request.
pub fn all_cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(key, value)| (key.trim(), unquote(value.trim())))
}

fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}

/// The browser session of a request; empty without one.
#[must_use]
pub fn session_id(headers: &HeaderMap) -> &str {
    cookies(headers, SESSION_COOKIE).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn authorization_headers() {
        for (value, expected) in [
            ("token abc", Some("abc")),
            ("TOKEN abc", Some("abc")),
            ("Bearer abc", Some("abc")),
            ("bEaReR  abc ", Some("abc")),
            ("token\tabc", Some("abc")),
            ("Basic abc", None),
            ("tokenabc", None),
            ("token", None),
            ("token ", None),
            ("token a b", None),
            ("xtoken abc", None),
            (" token abc", None),
            ("", None),
        ] {
            assert_eq!(
                bearer(value).as_ref().map(Token::expose),
                expected,
                "{value:?}"
            );
        }
        assert!(bearer(&format!("token {}", "a".repeat(65))).is_none());
    }

    #[test]
    fn order_and_rules() {
        let both = [("authorization", "token h")];
        let socket = [
            ("authorization", "token h"),
            ("sec-fetch-mode", "websocket"),
        ];
        let get = Method::GET;
        for (method, uri, pairs, allow, expected) in [
            (
                &get,
                "/?token=u",
                &both[..],
                false,
                vec![(Source::Header, "h")],
            ),
            (
                &get,
                "/?token=u",
                &both[..],
                true,
                vec![(Source::Url, "u"), (Source::Header, "h")],
            ),
            (
                &get,
                "/?token=u",
                &socket[..],
                false,
                vec![(Source::Url, "u"), (Source::Header, "h")],
            ),
            (
                &Method::POST,
                "/?token=u",
                &socket[..],
                false,
                vec![(Source::Header, "h")],
            ),
            (
                &get,
                "/?x=1&token=a%2Bb&token=c",
                &[][..],
                true,
                vec![(Source::Url, "a+b")],
            ),
            (&get, "/?token=", &[][..], true, vec![]),
            (&get, "/", &[][..], true, vec![]),
        ] {
            let (uri, headers) = (uri.parse().unwrap(), headers(pairs));
            let found: Vec<_> = tokens(method, &uri, &headers, allow).collect();
            let found: Vec<_> = found
                .iter()
                .map(|(source, token)| (*source, token.expose()))
                .collect();
            assert_eq!(found, expected, "{method} {uri} {pairs:?} {allow}");
        }
    }

    #[test]
    fn cookie_lines() {
        let headers = headers(&[
            ("cookie", "a=1; b=\"2\";a=3"),
            ("cookie", "junk; a = 4 ;jupyterhub-session-id=s"),
        ]);
        assert_eq!(cookies(&headers, "a").collect::<Vec<_>>(), ["1", "3", "4"]);
        assert_eq!(cookies(&headers, "b").collect::<Vec<_>>(), ["2"]);
        assert_eq!(session_id(&headers), "s");
        assert_eq!(session_id(&HeaderMap::new()), "");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_panic(value in ".{0,120}", query in "[ -~]{0,80}") {
            let _ = bearer(&value);
            if let (Ok(value), Ok(uri)) = (HeaderValue::from_str(&value), format!("/?{query}").parse::<Uri>()) {
                let mut map = HeaderMap::new();
                map.insert(header::AUTHORIZATION, value.clone());
                map.insert(header::COOKIE, value);
                for (_, token) in tokens(&Method::GET, &uri, &map, true) {
                    prop_assert!(!token.expose().is_empty() && token.expose().len() <= 64);
                }
                let _ = all_cookies(&map).count();
            }
        }

        #[test]
        fn good_tokens_are_found(token in "[!-~]{1,64}", word in "[tT][oO][kK][eE][nN]|[bB][eE][aA][rR][eE][rR]") {
            let value = format!("{word} {token}");
            prop_assert_eq!(bearer(&value), Token::parse(&token));
        }
    }
}
