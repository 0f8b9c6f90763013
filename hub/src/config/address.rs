//! Addresses to listen on, in JupyterHub's form: `http://HOST:PORT/BASE/`, where an empty host means all interfaces, or
//! `http+unix://%2Fsrv%2Fhub.sock/BASE/`. `https://…` says what a certificate makes of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hub_types::paths::{BaseUrl, canonical};
use hub_types::socket_url;

/// Where to listen, and under which path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindUrl {
    /// Name or address without brackets; empty means all interfaces.
    pub host: String,
    /// 0 means any free port.
    pub port: u16,
    /// A unix socket instead of host and port, which are empty and 0 then.
    pub socket: Option<PathBuf>,
    /// The path; `/` when none is given.
    pub base_url: BaseUrl,
    /// Whether it is written `https://`.
    pub https: bool,
}

/// Why a text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBindUrl {
    /// No `scheme://`.
    #[error("no scheme; write it as \"http://HOST:PORT/\", with an empty HOST for all interfaces")]
    NoScheme,
    /// No path of a unix socket.
    #[error(
        "a unix socket is written with its absolute path, percent-encoded, of at most {} bytes: \"http+unix://%2Fsrv%2Fjupyterhub%2Fhub.sock\"",
        socket_url::MAX_PATH
    )]
    Unix,
    /// Any other scheme.
    #[error("scheme '{0}' is not known; use http://")]
    Scheme(String),
    /// Not a number from 0 to 65535.
    #[error("'{0}' is not a port; use 0 to 65535, where 0 means any free port")]
    Port(String),
    /// A host that cannot be one.
    #[error("'{0}' is not a host name or address")]
    Host(String),
    /// A path that could be spelt otherwise: proxies tell paths in one way, and links must agree with it.
    #[error("the path '{0}' {1}")]
    Path(String, String),
    /// A query or fragment.
    #[error("a query or fragment has no meaning in an address to listen on")]
    Extra,
}

impl BindUrl {
    /// An address under the path `/`.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            socket: None,
            base_url: BaseUrl::default(),
            https: false,
        }
    }

    /// Whether any free port will do.
    #[must_use]
    pub fn any_port(&self) -> bool {
        self.port == 0 && self.socket.is_none()
    }

    /// Whether it listens on all interfaces.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.socket.is_none() && matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }

    /// `HOST:PORT`, brackets around IPv6, `0.0.0.0` when no host is given; or the path of the unix socket.
    #[must_use]
    pub fn listen_addr(&self) -> String {
        if let Some(path) = &self.socket {
            return path.display().to_string();
        }
        let host = if self.host.is_empty() {
            "0.0.0.0"
        } else {
            &self.host
        };
        format!("{}:{}", bracketed(host), self.port)
    }

    /// `http://HOST:PORT` as somebody on this machine reaches it: loopback when it listens on all interfaces; or
    /// `http+unix://SOCKET`.
    ///
    /// `port` is the port in fact in use, which differs from [`BindUrl::port`] when that is 0.
    #[must_use]
    pub fn local_origin(&self, port: u16) -> String {
        if let Some(path) = &self.socket {
            return socket_url::origin(path);
        }
        let host = if self.is_wildcard() {
            "127.0.0.1"
        } else {
            &self.host
        };
        format!("http://{}:{port}", bracketed(host))
    }
}

/// A host as it stands in a URL: IPv6 in brackets.
#[must_use]
pub fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

impl fmt::Display for BindUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, base) = (bracketed(&self.host), self.base_url.as_str());
        if let Some(path) = &self.socket {
            return write!(f, "{}{base}", socket_url::origin(path));
        }
        let s = if self.https { "s" } else { "" };
        write!(f, "http{s}://{host}:{}{base}", self.port)
    }
}

impl FromStr for BindUrl {
    type Err = InvalidBindUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidBindUrl::NoScheme)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            socket_url::SCHEME | socket_url::OLD_SCHEME => return on_socket(rest),
            other => return Err(InvalidBindUrl::Scheme(other.to_owned())),
        };
        if rest.contains(['?', '#']) {
            return Err(InvalidBindUrl::Extra);
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let (host, port) = split_authority(authority)?;
        Ok(Self {
            host: host_of(host)?,
            port: port.unwrap_or(if https { 443 } else { 80 }),
            socket: None,
            base_url: base_url(path)?,
            https,
        })
    }
}

/// What is written behind `http+unix://`.
fn on_socket(rest: &str) -> Result<BindUrl, InvalidBindUrl> {
    if rest.contains(['?', '#']) {
        return Err(InvalidBindUrl::Extra);
    }
    let url = format!("{}://{rest}", socket_url::SCHEME);
    let (path, base) = socket_url::split(&url).ok_or(InvalidBindUrl::Unix)?;
    Ok(BindUrl {
        host: String::new(),
        port: 0,
        socket: Some(path),
        base_url: base_url(base)?,
        https: false,
    })
}

/// The base URL that `path` is.
///
/// # Errors
/// [`InvalidBindUrl::Path`] when it is not spelt as proxies spell it.
pub fn base_url(path: &str) -> Result<BaseUrl, InvalidBindUrl> {
    let base = BaseUrl::new(path);
    let wrong = |why| Err(InvalidBindUrl::Path(path.to_owned(), why));
    match canonical(base.as_str()) {
        Ok(spelt) if spelt == base.as_str() => Ok(base),
        Ok(spelt) => wrong(format!("has to be written as {spelt}")),
        Err(why) => wrong(format!("cannot be a base URL: {why}")),
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), InvalidBindUrl> {
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    let number = |text: &str| {
        text.parse()
            .map_err(|_| InvalidBindUrl::Port(text.to_owned()))
    };
    Ok((host, port.map(number).transpose()?))
}

/// Checks a host; `*` is taken as "all interfaces", brackets are removed.
///
/// # Errors
/// [`InvalidBindUrl::Host`].
pub fn host_of(text: &str) -> Result<String, InvalidBindUrl> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if bare == "*" {
        return Ok(String::new());
    }
    let name = bare
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if name || bare.parse::<std::net::Ipv6Addr>().is_ok() {
        Ok(bare.to_owned())
    } else {
        Err(InvalidBindUrl::Host(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_spelt_as_proxies_spell_them() {
        assert_eq!(base_url("a%20b").unwrap().as_str(), "/a%20b/");
        for (path, part) in [
            ("/jupyter+hub/", "/jupyter%2Bhub/"),
            ("/é/", "/%C3%A9/"),
            ("/100%/", "%25"),
            ("/../", ".."),
        ] {
            let error = format!("http://:8000{path}")
                .parse::<BindUrl>()
                .unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn texts_that_jupyterhub_accepts() {
        for (text, host, port, base, back) in [
            ("http://:8000", "", 8000, "/", "http://:8000/"),
            ("http://*:8000/", "", 8000, "/", "http://:8000/"),
            (
                "http://127.0.0.1:0/a/b",
                "127.0.0.1",
                0,
                "/a/b/",
                "http://127.0.0.1:0/a/b/",
            ),
            ("http://[::1]:80", "::1", 80, "/", "http://[::1]:80/"),
            (
                "HTTP://hub.example",
                "hub.example",
                80,
                "/",
                "http://hub.example:80/",
            ),
            ("https://:8443", "", 8443, "/", "https://:8443/"),
            (
                "https://hub.example",
                "hub.example",
                443,
                "/",
                "https://hub.example:443/",
            ),
        ] {
            let url: BindUrl = text.parse().unwrap();
            assert_eq!(
                (url.host.as_str(), url.port, url.base_url.as_str()),
                (host, port, base),
                "{text}"
            );
            assert_eq!(url.to_string(), back);
            assert_eq!(back.parse(), Ok(url));
        }
    }

    #[test]
    fn sockets() {
        for (text, path, base, back) in [
            (
                "http+unix://%2Fsrv%2Fhub.sock",
                "/srv/hub.sock",
                "/",
                "http+unix://%2Fsrv%2Fhub.sock/",
            ),
            (
                "unix+http://%2Fs/pfx",
                "/s",
                "/pfx/",
                "http+unix://%2Fs/pfx/",
            ),
        ] {
            let url: BindUrl = text.parse().unwrap();
            assert_eq!(url.listen_addr(), path);
            assert_eq!(url.base_url.as_str(), base);
            assert!(!url.is_wildcard() && !url.any_port(), "{text}");
            assert_eq!(url.to_string(), back);
            assert_eq!(format!("{}{base}", url.local_origin(0)), back);
            assert_eq!(back.parse(), Ok(url));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(host in "([a-z0-9-]{1,8}(\\.[a-z0-9]{1,4})?|::1|)", port: u16, base in "(/[a-z]{1,5}){0,2}") {
            let url = BindUrl { base_url: BaseUrl::new(&base), ..BindUrl::new(host, port) };
            proptest::prop_assert_eq!(url.to_string().parse(), Ok(url));
        }

        #[test]
        fn no_text_panics(text in "(http://)?\\PC{0,20}") {
            let _ = text.parse::<BindUrl>();
        }
    }

    #[test]
    fn texts_that_it_does_not() {
        for (text, why) in [
            (":8000", InvalidBindUrl::NoScheme),
            ("8000", InvalidBindUrl::NoScheme),
            ("http+unix://srv%2Fhub.sock", InvalidBindUrl::Unix),
            ("http+unix:///srv/hub.sock", InvalidBindUrl::Unix),
            ("http+unix://%2Fs?x", InvalidBindUrl::Extra),
            ("ftp://:21", InvalidBindUrl::Scheme("ftp".into())),
            ("http://:80000", InvalidBindUrl::Port("80000".into())),
            ("http://:x", InvalidBindUrl::Port("x".into())),
            ("http://a b:1", InvalidBindUrl::Host("a b".into())),
            ("http://u@h:1", InvalidBindUrl::Host("u@h".into())),
            ("http://:1/?x", InvalidBindUrl::Extra),
        ] {
            assert_eq!(text.parse::<BindUrl>(), Err(why), "{text}");
        }
    }

    #[test]
    fn how_it_is_reached() {
        assert_eq!(BindUrl::new("", 8000).listen_addr(), "0.0.0.0:8000");
        assert_eq!(BindUrl::new("::1", 0).listen_addr(), "[::1]:0");
        assert_eq!(
            BindUrl::new("", 0).local_origin(4711),
            "http://127.0.0.1:4711"
        );
        assert_eq!(BindUrl::new("::1", 1).local_origin(1), "http://[::1]:1");
    }
}
