//! Where a visitor goes after the login: always inside this service. Pure.

use http::request::Parts;
use url::Url;

use crate::credential::without_token;
use crate::fetch::original_uri;

/// Longest `next` that is carried through a login, in bytes; it travels in URLs.
const MAX_LEN: usize = 2000;

/// A base that no real URL has: what resolves to another host has left the service.
const NOWHERE: &str = "http://service.invalid";

/// `candidate`, if it is a path (with query) inside `prefix`; `None` for everything that a browser could read as
/// another place: other hosts, `//host`, backslashes, control characters, dot segments that climb out.
///
/// ```
/// use hubauth::oauth::next::within;
///
/// assert_eq!(within("/services/x/", "/services/x/a?b=1").as_deref(), Some("/services/x/a?b=1"));
/// assert_eq!(within("/services/x/", "/services/x/../../hub/logout"), None);
/// assert_eq!(within("/", "//evil.example/"), None);
/// ```
#[must_use]
pub fn within(prefix: &str, candidate: &str) -> Option<String> {
    // Browsers drop tabs and line ends from URLs and read `\` as `/`; none of them belongs into ours.
    let plain = candidate
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !plain
        || candidate.len() > MAX_LEN
        || !candidate.starts_with('/')
        || candidate.starts_with("//")
    {
        return None;
    }
    let base = Url::parse(NOWHERE).ok()?;
    let url = base.join(candidate).ok()?;
    let same_host =
        url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
    // What a browser makes of it is what is compared, and what is sent.
    let resolved = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let inside = url.path().starts_with(prefix) || url.path() == prefix.trim_end_matches('/');
    (same_host && inside && !resolved.starts_with("//")).then_some(resolved)
}

/// The URL of a request as a `next`, without a `token` in its query; the front page of the service if it lies
/// elsewhere.
pub(crate) fn of_request(request: &Parts, prefix: &str) -> String {
    let uri = original_uri(request);
    let path = match uri.query().map(without_token) {
        Some(query) if !query.is_empty() => format!("{}?{query}", uri.path()),
        _ => uri.path().to_owned(),
    };
    within(prefix, &path).unwrap_or_else(|| prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_ones_stay() {
        for (prefix, next) in [
            ("/", "/"),
            ("/", "/a/b?c=d&e"),
            ("/services/x/", "/services/x"),
            ("/services/x/", "/services/x/"),
            (
                "/services/x/",
                "/services/x/a%20b?next=http://evil.example/",
            ),
            ("/services/x/", "/services/x//double"),
        ] {
            assert_eq!(within(prefix, next).as_deref(), Some(next));
        }
        assert_eq!(within("/a/", "/a/b/../c").as_deref(), Some("/a/c"));
    }

    #[test]
    fn others_go() {
        for prefix in ["/", "/services/x/"] {
            for next in [
                "",
                "a",
                "//evil.example",
                "///evil.example",
                "/\\evil.example",
                "\\\\evil.example",
                "http://evil.example/services/x/",
                "javascript:alert(1)",
                "/\t/evil.example",
                "/\n/evil.example",
                " //evil.example",
                "/ü",
                "/..//evil.example",
                "/.//evil.example",
                "/%2e%2e//evil.example",
            ] {
                assert_eq!(within(prefix, next), None, "{prefix} {next:?}");
            }
        }
        for next in [
            "/",
            "/hub/logout",
            "/services/xy/",
            "/services/x/../y/",
            "/services/x/%2e%2e/y",
            "/services/x/..%2f",
        ] {
            let out = within("/services/x/", next);
            assert!(
                out.as_deref()
                    .is_none_or(|out| out.starts_with("/services/x/")),
                "{next} {out:?}"
            );
        }
        assert_eq!(within("/", &format!("/{}", "a".repeat(3000))), None);
    }

    #[test]
    fn tokens_do_not_travel() {
        for (uri, expected) in [
            ("/services/x/a?token=s&b=1", "/services/x/a?b=1"),
            ("/services/x/a?token=s", "/services/x/a"),
            ("/services/x/a?t%6Fken=s&c", "/services/x/a?c"),
            ("/elsewhere", "/services/x/"),
        ] {
            let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
            assert_eq!(of_request(&parts, "/services/x/"), expected, "{uri}");
        }
    }

    proptest! {
        /// Whatever comes out, a WHATWG parser keeps it on the host and below the prefix.
        #[test]
        fn never_leaves(next in "[/\\\\.%a-c2ef@:?#\\t\\r\\n ]{0,24}|.{0,30}", deep in any::<bool>()) {
            let prefix = if deep { "/s/x/" } else { "/" };
            let candidate = if deep && !next.starts_with("//") { format!("/s/x{next}") } else { next };
            if let Some(out) = within(prefix, &candidate) {
                let base = Url::parse("https://hub.example/s/x/oauth_callback").unwrap();
                let target = base.join(&out).unwrap();
                prop_assert_eq!(target.host_str(), Some("hub.example"), "{}", out);
                prop_assert!(target.path().starts_with(prefix) || target.path() == prefix.trim_end_matches('/'), "{}", out);
            }
        }
    }
}
