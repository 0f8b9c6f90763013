//! Where a route leads: a checked target URL, taken apart once when the route is posted.

use std::borrow::Cow;

use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

/// Scheme of URIs which mean a UNIX socket; their authority is the socket's path in hex.
pub(crate) const UNIX_SCHEME: &str = "unix";

/// Why a target cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not a URL at all.
    #[error("target is not a URL ({0}); use something like http://127.0.0.1:8888")]
    Syntax(String),
    /// A scheme that we do not speak.
    #[error("target has the scheme {0:?}; use http://, https://, h2c:// or http+unix://")]
    Scheme(String),
    /// The URL names no host.
    #[error("target names no host; use something like http://127.0.0.1:8888")]
    Host,
    /// `user:password@` in the URL.
    #[error("target must not contain a user name or password")]
    UserInfo,
    /// Port 0.
    #[error("target port 0 cannot be connected to")]
    Port,
}

/// A target that can be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    scheme: Scheme,
    authority: Authority,
    /// Whether the target speaks HTTP/2 without TLS.
    h2c: bool,
    /// `Host` header for `--change-origin` and for clients that sent none.
    pub(crate) host: HeaderValue,
    /// Path to put before the request's path; `/` for an origin.
    base: String,
    query: Option<String>,
}

impl Target {
    /// Checks and takes apart a target URL: `http[s]://host[:port][/path][?query]`, or `http+unix://%2Fpath%2Fof%2Fsocket`.
    /// `h2c://` stands for `http://` to a target that speaks HTTP/2 at once (RFC 9113 3.3).
    pub(crate) fn parse(text: &str) -> Result<Self, BadTarget> {
        let plain = strip_scheme(text, "h2c");
        let h2c = plain.is_some();
        // Only of schemes that it knows the URL parser takes hosts apart.
        let text = plain.map_or(Cow::Borrowed(text), |rest| format!("http{rest}").into());
        let url = Url::parse(&text).map_err(|error| BadTarget::Syntax(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadTarget::UserInfo);
        }
        let (scheme, authority) = match url.scheme() {
            "http" => (Scheme::HTTP, tcp_authority(&url)?),
            "http+unix" | "unix+http" => {
                let scheme = Scheme::try_from(UNIX_SCHEME)
                    .map_err(|_| BadTarget::Scheme(UNIX_SCHEME.to_owned()))?;
                (scheme, unix_authority(&url)?)
            }
            "https" => (Scheme::HTTPS, tcp_authority(&url)?),
            other => return Err(BadTarget::Scheme(other.to_owned())),
        };
        let host = if scheme.as_str() == UNIX_SCHEME {
            "localhost"
        } else {
            authority.as_str()
        };
        let host = HeaderValue::from_str(host).map_err(|_| BadTarget::Host)?;
        let base = if url.path().is_empty() {
            "/"
        } else {
            url.path()
        }
        .to_owned();
        Ok(Self {
            scheme,
            authority,
            h2c,
            host,
            base,
            query: url.query().map(str::to_owned),
        })
    }

    /// Where HTTP/2 is spoken without TLS, if the target is marked for it.
    pub(crate) fn h2c(&self) -> Option<&Authority> {
        self.h2c.then_some(&self.authority)
    }

    /// The URI to request for a request's `path` (normalised) and `query`.
    ///
    /// With `prepend` the target's own path and query come first: `/base/y?z=1` to `http://h/pre/fix?k=v` becomes
    /// `/pre/fix/base/y?k=v&z=1`. Source: http-proxy's join, which merges the one slash where the two paths meet.
    pub(crate) fn uri(
        &self,
        path: &str,
        query: Option<&str>,
        prepend: bool,
    ) -> Result<Uri, http::Error> {
        let mut joined =
            String::with_capacity(self.base.len() + path.len() + query.map_or(0, |q| q.len() + 1));
        let own = if prepend {
            (self.base.as_str(), self.query.as_deref())
        } else {
            ("/", None)
        };
        joined.push_str(own.0.strip_suffix('/').unwrap_or(own.0));
        joined.push_str(path);
        let mut separator = '?';
        for part in [own.1, query]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
        {
            joined.push(separator);
            joined.push_str(part);
            separator = '&';
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::try_from(joined)?)
            .build()
    }

    /// Whether `authority` (of a `Location`) is this target's own.
    pub(crate) fn is_at(&self, url: &Url) -> bool {
        self.scheme.as_str() != UNIX_SCHEME
            && tcp_authority(url).is_ok_and(|other| other == self.authority)
    }
}

/// What follows `scheme` in `text`, from the colon on.
fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, _) = text.trim_start().split_once("://")?;
    found
        .eq_ignore_ascii_case(scheme)
        .then(|| &text.trim_start()[scheme.len()..])
}

/// `host[:port]` of an http(s) URL; the default port is left out.
fn tcp_authority(url: &Url) -> Result<Authority, BadTarget> {
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(BadTarget::Host)?;
    let text = match url.port() {
        Some(0) => return Err(BadTarget::Port),
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Authority::try_from(text).map_err(|_| BadTarget::Host)
}

/// The socket's path in hex, which is the only form of it that fits an authority.
fn unix_authority(url: &Url) -> Result<Authority, BadTarget> {
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(BadTarget::Host)?;
    let path: Vec<u8> = percent_decode_str(host).collect();
    if path.contains(&0) || path.len() > 107 {
        return Err(BadTarget::Host);
    }
    Authority::try_from(hex::encode(path)).map_err(|_| BadTarget::Host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_joined() {
        for (target, path, query, prepend, expected) in [
            ("http://h:1", "/x", None, true, "http://h:1/x"),
            ("http://h:1/", "/x", Some("y=1"), true, "http://h:1/x?y=1"),
            (
                "http://h/pre/fix?k=v",
                "/base/y",
                Some("z=1"),
                true,
                "http://h/pre/fix/base/y?k=v&z=1",
            ),
            (
                "http://h/pre/fix?k=v",
                "/base/y",
                Some("z=1"),
                false,
                "http://h/base/y?z=1",
            ),
            ("http://h/pre/", "//a//b", None, true, "http://h/pre//a//b"),
            ("http://h", "/x", Some(""), true, "http://h/x"),
            ("https://h:443", "/x", None, true, "https://h/x"),
            ("http://[::1]:80/", "/x", None, true, "http://[::1]/x"),
            ("H2C://h:1/pre", "/x", None, true, "http://h:1/pre/x"),
        ] {
            assert_eq!(
                Target::parse(target)
                    .unwrap()
                    .uri(path, query, prepend)
                    .unwrap()
                    .to_string(),
                expected
            );
        }
    }

    #[test]
    fn unusable_targets_are_refused() {
        for (target, expected) in [
            ("file:///etc/passwd", BadTarget::Scheme("file".into())),
            ("ftp://h/x", BadTarget::Scheme("ftp".into())),
            ("ws://h/x", BadTarget::Scheme("ws".into())),
            ("h2c://u@h/", BadTarget::UserInfo),
            ("h2c://h:0/", BadTarget::Port),
            ("h2c+unix://%2Fs/", BadTarget::Scheme("h2c+unix".into())),
            ("http://u:p@h/", BadTarget::UserInfo),
            ("http://u@h/", BadTarget::UserInfo),
            ("http://h:0/", BadTarget::Port),
            ("http+unix:///x", BadTarget::Host),
        ] {
            assert_eq!(Target::parse(target).unwrap_err(), expected, "{target}");
        }
        for target in [
            "nonsense",
            "",
            "http://",
            "http://h:99999/",
            "//h/x",
            "http://a b/",
        ] {
            assert!(
                matches!(Target::parse(target), Err(BadTarget::Syntax(_))),
                "{target}"
            );
        }
    }

    #[test]
    fn h2c_is_marked_by_the_scheme() {
        let marked = Target::parse("h2c://h:1/x").unwrap();
        assert_eq!(marked.h2c().unwrap(), "h:1");
        assert!(Target::parse("http://h:1/x").unwrap().h2c().is_none());
    }

    #[test]
    fn unix_sockets_keep_their_path() {
        let uri = Target::parse("http+unix://%2Ftmp%2Fs.sock/base")
            .unwrap()
            .uri("/x", None, true)
            .unwrap();
        assert_eq!(uri.scheme_str(), Some(UNIX_SCHEME));
        assert_eq!(hex::decode(uri.host().unwrap()).unwrap(), b"/tmp/s.sock");
        assert_eq!(uri.path(), "/base/x");
    }
}
