//! URLs of unix sockets, as JupyterHub and configurable-http-proxy write them: `http+unix://%2Fsrv%2Fhub.sock/hub/api`, the
//! path of the socket in place of the host, percent-encoded.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The scheme.
pub const SCHEME: &str = "http+unix";

/// How the scheme was written before JupyterHub 6; still read.
pub const OLD_SCHEME: &str = "unix+http";

/// Longest path of a socket, in bytes. Source: `sun_path` of unix(7), with its closing zero.
pub const MAX_PATH: usize = 107;

/// What stands as itself in a URL's host.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The origin of what listens at `path`: no trailing slash.
#[must_use]
pub fn origin(path: &Path) -> String {
    let path = path.to_string_lossy();
    let host = utf8_percent_encode(&path, ENCODED);
    format!("{SCHEME}://{host}")
}

/// The socket that a URL names, and what follows it (nothing, or from the slash on); none for any other URL, and without an
/// absolute path. Paths are texts: what is not UTF-8 is none.
#[must_use]
pub fn split(url: &str) -> Option<(PathBuf, &str)> {
    let (scheme, after) = url.split_once("://")?;
    if scheme != SCHEME && scheme != OLD_SCHEME {
        return None;
    }
    let (host, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    let path = percent_decode_str(host).decode_utf8().ok()?;
    let whole = path.starts_with('/') && !path.contains('\0') && path.len() <= MAX_PATH;
    whole.then(|| (PathBuf::from(path.into_owned()), rest))
}

/// The socket to go through and the URL to ask for there; none for any other URL. The host is one that nobody else has.
#[must_use]
pub fn through(url: &str) -> Option<(PathBuf, String)> {
    let (path, rest) = split(url)?;
    Some((path, format!("http://localhost{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_what_follows_them() {
        for (url, path, rest) in [
            ("http+unix://%2Fsrv%2Fhub.sock", "/srv/hub.sock", ""),
            ("http+unix://%2Fsrv%2Fa%20b/", "/srv/a b", "/"),
            ("unix+http://%2fs/hub/api?x=1", "/s", "/hub/api?x=1"),
            ("http+unix://%2Fs?x", "/s", "?x"),
        ] {
            assert_eq!(split(url), Some((PathBuf::from(path), rest)), "{url}");
        }
        for url in [
            "",
            "http://%2Fs",
            "http+unix://srv%2Fhub.sock",
            "http+unix:///srv/hub.sock",
            "http+unix://%2Fs%00",
            &format!("http+unix://%2F{}", "s".repeat(107)),
        ] {
            assert_eq!(split(url), None, "{url}");
        }
        let (path, url) = through("http+unix://%2Fs/hub/api").unwrap();
        assert_eq!(
            (path, url.as_str()),
            ("/s".into(), "http://localhost/hub/api")
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(path in "/[^\0]{0,25}", rest in "(/[a-z]{0,5}){0,2}") {
            let path = Path::new(&path);
            let url = origin(path) + &rest;
            proptest::prop_assert_eq!(split(&url), Some((path.to_path_buf(), rest.as_str())));
        }
    }
}
