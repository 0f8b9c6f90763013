//! What logs may show of a request's target: never a credential. Hub and proxy both use this, and nothing else.
//!
//! Values of a query are hidden unless their name is known to be harmless, because the next secret will have a new name
//! (today: `code`, `state`, `token`, `_xsrf`). Paths are shown, except what follows `/authorizations/`: the look-ups of
//! JupyterHub 0.7 and 0.8 carry tokens and cookies there. Source: security cases 17, 94, 121.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Stands for whatever is hidden.
pub const HIDDEN: &str = "[secret]";

/// Query arguments whose values may be shown, as long as they look like what they should be.
const HARMLESS: &[&str] = &[
    "limit",
    "offset",
    "sort",
    "redirects",
    "include_stopped_servers",
    "client_id",
    "response_type",
];

/// Query arguments that hold a URL: shown up to its own query, when it is a path.
const URLS: &[&str] = &["next", "url"];

/// The longest name or value of a query that is shown, in bytes.
const LONGEST_WORD: usize = 64;

/// The longest target that is shown, in characters.
const LONGEST: usize = 512;

/// The folder of the API whose paths carry credentials.
const LOOK_UPS: &str = "authorizations";

/// A request's target (a path, perhaps with a query) without secrets, on one line, and not too long.
#[must_use]
pub fn target(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut text = hide_look_ups(path).into_owned();
    if let Some(query) = query {
        let pairs: Vec<Cow<'_, str>> = query.split('&').map(pair).collect();
        text.push('?');
        text.push_str(&pairs.join("&"));
    }
    let escaped: String = text.chars().flat_map(on_one_line).collect();
    match escaped.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

/// A character as a line of a log may hold it; quotes are the log's own business.
fn on_one_line(c: char) -> impl Iterator<Item = char> {
    let plain = matches!(c, '"' | '\'' | '\\');
    let escaped = (!plain).then(|| c.escape_debug());
    plain
        .then_some(c)
        .into_iter()
        .chain(escaped.into_iter().flatten())
}

/// Hides what follows `/authorizations/token/`, `/authorizations/cookie/`, or anything that could be read as such.
fn hide_look_ups(path: &str) -> Cow<'_, str> {
    let mut end = 0;
    let mut segments = path.split('/');
    while let Some(segment) = segments.next() {
        let plain = segment == LOOK_UPS;
        if !plain && !mentions_look_ups(segment) {
            end += segment.len() + 1;
            continue;
        }
        let shown = &path[..end];
        return match segments.next() {
            None if plain => Cow::Borrowed(path),
            Some(kind @ ("token" | "cookie")) if plain => match segments.next() {
                None => Cow::Borrowed(path),
                Some(_) => Cow::Owned(format!("{shown}{segment}/{kind}/{HIDDEN}")),
            },
            _ => Cow::Owned(format!("{shown}{HIDDEN}")),
        };
    }
    Cow::Borrowed(path)
}

/// Whether a text names the look-ups in any spelling: other case, percent-encoded once or several times.
fn mentions_look_ups(text: &str) -> bool {
    let mut text = Cow::Borrowed(text);
    // What is encoded deeper than this reaches nobody who would decode it.
    for _ in 0..4 {
        if text.to_ascii_lowercase().contains(LOOK_UPS) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = Cow::Owned(decoded);
    }
    true
}

fn is_word(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    text.len() <= LONGEST_WORD && text.bytes().all(word)
}

fn pair(pair: &str) -> Cow<'_, str> {
    // Without a `=` the whole may be a secret, and so may an odd name.
    let Some((name, value)) = pair.split_once('=').filter(|(name, _)| is_word(name)) else {
        return Cow::Borrowed(if pair.is_empty() { "" } else { HIDDEN });
    };
    if HARMLESS.contains(&name) && is_word(value) {
        return Cow::Borrowed(pair);
    }
    let value = if URLS.contains(&name) {
        url(value)
    } else {
        None
    };
    Cow::Owned(format!("{name}={}", value.as_deref().unwrap_or(HIDDEN)))
}

/// A local URL as the value of an argument, up to whatever may follow its path.
fn url(value: &str) -> Option<String> {
    let local = ["/", "%2F", "%2f"]
        .iter()
        .any(|slash| value.starts_with(slash));
    if !local || mentions_look_ups(value) {
        return None;
    }
    let end = ["?", "%3F", "%3f", "#", "%23", ";", "%3B", "%3b", "%25"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min();
    Some(match end {
        Some(end) => format!("{}{HIDDEN}", &value[..end]),
        None => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            ("/hub/home", "/hub/home"),
            ("/hub/api/users/a", "/hub/api/users/a"),
            ("/a%20b/100%", "/a%20b/100%"),
            ("/", "/"),
            ("", ""),
            ("/hub/api/authorizations", "/hub/api/authorizations"),
            (
                "/hub/api/authorizations/token",
                "/hub/api/authorizations/token",
            ),
            (
                "/hub/api/authorizations/token/s3cret",
                "/hub/api/authorizations/token/[secret]",
            ),
            (
                "/hub/api/authorizations/token/s3/cr/et",
                "/hub/api/authorizations/token/[secret]",
            ),
            (
                "/hub/api/authorizations/cookie/name/s3cret",
                "/hub/api/authorizations/cookie/[secret]",
            ),
            ("/hub/api/authorizations/s3cret", "/hub/api/[secret]"),
            ("/hub/api/authorizations//token/s3cret", "/hub/api/[secret]"),
            (
                "/hub/api/%61uthorizations/token/s3cret",
                "/hub/api/[secret]",
            ),
            (
                "/hub/api/%2561uthorizations/token/s3cret",
                "/hub/api/[secret]",
            ),
            ("/hub/api/Authorizations/token/s3cret", "/hub/api/[secret]"),
            (
                "/hub/api/authorizations%2Ftoken%2Fs3cret",
                "/hub/api/[secret]",
            ),
            (
                "/user/a/x/authorizations/token/s3cret",
                "/user/a/x/authorizations/token/[secret]",
            ),
        ] {
            assert_eq!(target(path), expected, "{path}");
        }
    }

    #[test]
    fn queries() {
        for (query, expected) in [
            (
                "limit=1&token=abc&state=s",
                "limit=1&token=[secret]&state=[secret]",
            ),
            ("code=abc&_xsrf=1%7C2", "code=[secret]&_xsrf=[secret]"),
            ("s3cret", "[secret]"),
            ("s3%20cret=1", "[secret]"),
            ("limit=s3cret%20", "limit=[secret]"),
            ("", ""),
            ("a=", "a=[secret]"),
            ("client_id=service-whoami", "client_id=service-whoami"),
            ("next=%2Fhub%2Fx", "next=%2Fhub%2Fx"),
            ("next=%2Fhub%2Fx%3Fcode%3Dabc", "next=%2Fhub%2Fx[secret]"),
            ("next=%2Fhub%2Fx%23s3cret", "next=%2Fhub%2Fx[secret]"),
            (
                "next=%2Fhub%2Fx%253Fcode%253Dabc",
                "next=%2Fhub%2Fx[secret]",
            ),
            (
                "url=%2Fuser%2Fa%2Fws%3Ftoken%3Dabc",
                "url=%2Fuser%2Fa%2Fws[secret]",
            ),
            ("next=https%3A%2F%2Fu%3Apw%40evil", "next=[secret]"),
            (
                "next=%2Fhub%2Fapi%2Fauthorizations%2Ftoken%2Fabc",
                "next=[secret]",
            ),
        ] {
            assert_eq!(target(&format!("/p?{query}")), format!("/p?{expected}"));
        }
    }

    #[test]
    fn one_line_and_not_too_long() {
        let long = format!("/hub/{}", "a".repeat(10_000));
        assert!(target(&long).len() < 1_024);
        assert_eq!(target("/a\nb\u{1b}'\""), "/a\\nb\\u{1b}'\"");
    }

    proptest! {
        #[test]
        fn no_value_of_a_secret_argument_is_ever_shown(
            name in "(token|code|state|_xsrf|auth|password|[a-z]{1,8}_token)",
            before in "[ -~]{0,20}",
            secret in "S3[a-z0-9]{20}",
        ) {
            let shown = target(&format!("/p?{before}&{name}={secret}"));
            prop_assert!(!shown.contains(&secret), "{}", shown);
            let shown = target(&format!("/hub/login?next=%2Fx%3F{name}%3D{secret}"));
            prop_assert!(!shown.contains(&secret), "{}", shown);
            for kind in ["token", "cookie/n"] {
                let shown = target(&format!("/hub/api/authorizations/{kind}/{secret}"));
                prop_assert!(!shown.contains(&secret), "{}", shown);
            }
        }
    }
}
