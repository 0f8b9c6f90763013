//! Which route answers a request, and which path its target is asked for. Pure.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Uri, header::HOST};

use crate::guard::head;
use crate::path::{self, BadPath};
use crate::table::{Route, Table};

/// The answer to "where does this request go".
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) route: Arc<Route>,
    /// Path for the target, normalised.
    pub(crate) path: String,
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Nowhere {
    /// 404.
    #[error("no route")]
    NoRoute,
    /// 400.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// 400: the target speaks HTTP/2, which has stricter hosts.
    #[error("the host cannot be written as an authority")]
    Host,
    /// 400: an absolute request target that is not for us.
    #[error("the request target is not a path or an http URL")]
    Absolute,
}

/// The host that the request is for. An absolute request target wins over `Host` (RFC 9112 3.2.2).
pub(crate) fn host_of(uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, Nowhere> {
    let Some(authority) = uri.authority() else {
        return Ok(headers.get(HOST).cloned());
    };
    if !matches!(uri.scheme_str(), Some("http" | "https"))
        || !head::is_host(authority.as_str().as_bytes())
    {
        return Err(Nowhere::Absolute);
    }
    HeaderValue::from_str(authority.as_str())
        .map(Some)
        .map_err(|_| Nowhere::Absolute)
}

/// Looks up the route for `uri` at `host`. Without `include_prefix` the route's own path is cut off for the target.
pub(crate) fn select(
    table: &Table,
    uri: &Uri,
    host: Option<&HeaderValue>,
    include_prefix: bool,
) -> Result<Selection, Nowhere> {
    let normal = path::normalise(uri.path())?;
    let decoded = path::decode(&normal)?;
    let host = host.and_then(|host| host.to_str().ok());
    let route = table.find(host, &decoded).ok_or(Nowhere::NoRoute)?;
    let path = if include_prefix {
        normal.into_owned()
    } else {
        path::without_prefix(&normal, table.path_of(&route.key)).into_owned()
    };
    Ok(Selection { route, path })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn table(host_routing: bool, keys: &[&str]) -> Table {
        let table = Table::new(host_routing);
        for key in keys {
            let data = Map::from_iter([("target".to_owned(), json!("http://t"))]);
            table.add(key, data, chrono::DateTime::default()).unwrap();
        }
        table
    }

    fn pick(
        table: &Table,
        uri: &str,
        host: &'static str,
        include: bool,
    ) -> Result<(String, String), Nowhere> {
        let host = HeaderValue::from_static(host);
        let found = select(table, &uri.parse().unwrap(), Some(&host), include)?;
        Ok((found.route.key.clone(), found.path))
    }

    #[test]
    fn route_and_path_name_the_same_server() {
        let table = table(false, &["/user/a", "/user/b"]);
        for (uri, expected) in [
            ("/user/a/x?y=/user/b", Ok(("/user/a", "/user/a/x"))),
            ("/user/a/../b", Ok(("/user/b", "/user/b"))),
            ("/user/a/%2e%2e/b/", Ok(("/user/b", "/user/b/"))),
            ("/user/a/..%2fb", Ok(("/user/a", "/user/a/..%2fb"))),
            ("/user/a%2fx", Ok(("/user/a", "/user/a%2fx"))),
            ("/user\\b\\x", Ok(("/user/b", "/user/b/x"))),
            ("//user/b/x", Ok(("/user/b", "//user/b/x"))),
            ("/user//b", Err(Nowhere::NoRoute)),
            ("/user/./a/", Ok(("/user/a", "/user/a/"))),
            ("/user/a;x", Err(Nowhere::NoRoute)),
            ("/user/A", Err(Nowhere::NoRoute)),
            ("/user/ab", Err(Nowhere::NoRoute)),
            ("/user/%61", Ok(("/user/a", "/user/%61"))),
            ("/user/a%00", Err(Nowhere::NoRoute)),
            ("/user/a/%zz", Err(Nowhere::Path(BadPath::Escape))),
            ("/user/%c0%af", Err(Nowhere::Path(BadPath::Escape))),
            ("/__proto__", Err(Nowhere::NoRoute)),
            ("/constructor", Err(Nowhere::NoRoute)),
        ] {
            let expected = expected.map(|(key, path)| (key.to_owned(), path.to_owned()));
            assert_eq!(pick(&table, uri, "h", true), expected, "{uri}");
        }
    }

    #[test]
    fn prefixes_can_be_cut() {
        let plain = table(false, &["/", "/user/al ice"]);
        assert_eq!(
            pick(&plain, "/user/al%20ice/x", "h", false).unwrap().1,
            "/x"
        );
        assert_eq!(pick(&plain, "/other/x", "h", false).unwrap().1, "/other/x");
        let hosts = table(true, &["/", "/ex.org", "/ex.org/user/a"]);
        for (uri, host, expected) in [
            ("/user/a/x", "EX.org:8000", ("/ex.org/user/a", "/x")),
            ("/y/z", "ex.org", ("/ex.org", "/y/z")),
            ("/y/z", "other", ("/", "/y/z")),
        ] {
            let (key, path) = pick(&hosts, uri, host, false).unwrap();
            assert_eq!((key.as_str(), path.as_str()), expected);
        }
    }

    #[test]
    fn absolute_targets_set_the_host() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
        let host = |uri: &str| host_of(&uri.parse().unwrap(), &headers);
        assert_eq!(host("/x"), Ok(Some(HeaderValue::from_static("h"))));
        assert_eq!(
            host("http://other:81/x"),
            Ok(Some(HeaderValue::from_static("other:81")))
        );
        for bad in ["ftp://h/x", "http://u:p@h/x", "http://a,b/x"] {
            assert_eq!(host(bad), Err(Nowhere::Absolute), "{bad}");
        }
    }
}
