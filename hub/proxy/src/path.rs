//! The path of a request as both the route table and the target see it.
//!
//! One normalised path is used for choosing the route *and* for forwarding, so that the two can never name different
//! servers. Source: configurable-http-proxy takes the WHATWG URL pathname (dot segments resolved, `\` read as `/`),
//! decodes it as a whole for matching (so `%2F` separates) and forwards it undecoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

/// Why a path cannot be routed; the client gets 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    /// A `%` is not followed by two hex digits, or the decoded bytes are not UTF-8.
    #[error("the path has a percent escape that cannot be decoded")]
    Escape,
    /// The path does not start with `/` (`*`, or an authority).
    #[error("the path does not start with a slash")]
    NotAbsolute,
}

/// The WHATWG-normalised form of `path` (no query). Borrows when there is nothing to change, which is the usual case.
pub(crate) fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.starts_with('/') {
        return Err(BadPath::NotAbsolute);
    }
    if is_normal(path) {
        return Ok(Cow::Borrowed(path));
    }
    let url = Url::parse(&format!("http://h{path}")).map_err(|_| BadPath::Escape)?;
    Ok(Cow::Owned(url.path().to_owned()))
}

/// Whether normalising would change nothing; may say no to some paths that are normal.
fn is_normal(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().enumerate().all(|(i, byte)| match byte {
        b'.' => bytes[i.saturating_sub(1)] != b'/',
        b'%' => !bytes[i + 1..].starts_with(b"2e") && !bytes[i + 1..].starts_with(b"2E"),
        b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}' | b'|' | b' ' | b'#' | b'?' => false,
        other => other.is_ascii_graphic(),
    })
}

/// Percent-decodes `path` for matching. Borrows when there is no escape.
pub(crate) fn decode(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let bytes = path.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let escapes_ok = bytes
        .iter()
        .enumerate()
        .all(|(i, byte)| *byte != b'%' || (hex(i + 1) && hex(i + 2)));
    if !escapes_ok {
        return Err(BadPath::Escape);
    }
    percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| BadPath::Escape)
}

/// Drops the part of the undecoded `path` that decodes to the route key `key` (with its leading slash).
///
/// Used by `--no-include-prefix`. The result starts with a slash. Leading slashes beyond the first are skipped, as the
/// table ignores them.
pub(crate) fn without_prefix<'p>(path: &'p str, key: &str) -> Cow<'p, str> {
    if key == "/" {
        return Cow::Borrowed(path);
    }
    let bytes = path.trim_start_matches('/').as_bytes();
    let mut at = path.len() - bytes.len();
    for _ in 1..key.len() {
        at += if path.as_bytes().get(at) == Some(&b'%') {
            3
        } else {
            1
        };
    }
    match path.get(at..).unwrap_or_default() {
        "" => Cow::Borrowed("/"),
        rest if rest.starts_with('/') => Cow::Borrowed(rest),
        rest => Cow::Owned(format!("/{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalising_follows_whatwg() {
        for (path, expected) in [
            ("/", "/"),
            ("/user/a/tree", "/user/a/tree"),
            ("/user/a/../b", "/user/b"),
            ("/user/a/%2e%2e/b", "/user/b"),
            ("/user/a/.%2E/b", "/user/b"),
            ("/../../x", "/x"),
            ("/a/./b/.", "/a/b/"),
            ("/a/.hidden", "/a/.hidden"),
            ("/a/..%2fb", "/a/..%2fb"),
            ("/a\\..\\b", "/b"),
            ("//x//y", "//x//y"),
            ("/a%20b/%C3%A9", "/a%20b/%C3%A9"),
            ("/a;x=1,2/b@c", "/a;x=1,2/b@c"),
            ("/a{b}", "/a%7Bb%7D"),
        ] {
            assert_eq!(normalise(path).unwrap(), expected, "{path}");
        }
        assert_eq!(normalise("*"), Err(BadPath::NotAbsolute));
    }

    #[test]
    fn decoding_is_strict() {
        assert_eq!(decode("/a%20b%2Fc").unwrap(), "/a b/c");
        assert_eq!(decode("/%C3%A9").unwrap(), "/é");
        for bad in ["/%", "/%2", "/%zz", "/%c0%af", "/%ff", "/a%2"] {
            assert_eq!(decode(bad), Err(BadPath::Escape), "{bad}");
        }
    }

    #[test]
    fn prefixes_are_cut_from_the_undecoded_path() {
        for (path, key, expected) in [
            ("/user/a/x", "/user/a", "/x"),
            ("/user/a", "/user/a", "/"),
            ("/user/a/", "/user/a", "/"),
            ("/user/al%20ice/x%2Fy", "/user/al ice", "/x%2Fy"),
            ("/x/y", "/", "/x/y"),
            ("/", "/", "/"),
            ("//user/a/x", "/user/a", "/x"),
            ("/user%2Fa%2Fx", "/user/a", "/%2Fx"),
        ] {
            assert_eq!(without_prefix(path, key), expected, "{path} - {key}");
        }
    }
}
