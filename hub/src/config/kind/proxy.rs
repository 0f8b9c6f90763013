//! Kinds of the proxy's settings: which one, its API's addresses, routes of one's own.

use std::collections::BTreeMap;

use hub_types::paths::BaseUrl;
use serde_json::Value as Json;
use url::Url;

use super::address::routespec;
use super::collection::TextMap;
use super::scalar::{Positive, Text};
use super::special::{Bind, Level};
use super::{Faults, Kind};
use crate::config::node::{Node, Value};
use crate::config::sections::proxy::{ApiUrls, CONFIGURABLE_HTTP_PROXY};
use crate::config::{BindUrl, LogLevel};

/// Which proxy, by name. Names that only a hub with more proxies knows are checked when the whole is.
#[derive(Debug)]
pub struct ProxyName;

impl Kind for ProxyName {
    type Target = String;
    const EXPECTS: &'static str = "the name of a proxy, e.g. \"configurable-http-proxy\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
        let name = Text::read(node, faults)?;
        let ours = [
            "",
            "default",
            "jupyterhub.proxy.ConfigurableHTTPProxy",
            CONFIGURABLE_HTTP_PROXY,
        ];
        Some(match ours.contains(&name.as_str()) {
            true => CONFIGURABLE_HTTP_PROXY.to_owned(),
            false => name,
        })
    }

    fn show(value: &String) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// Where the proxy's API is, or the APIs of several.
#[derive(Debug)]
pub struct Apis;

impl Kind for Apis {
    type Target = ApiUrls;
    const EXPECTS: &'static str =
        "an address, e.g. \"http://127.0.0.1:8001\", or a list of addresses";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<ApiUrls> {
        let Value::List(items) = &node.value else {
            return match node.as_text() {
                Some(_) => api(node, faults).map(ApiUrls::from),
                None => faults.expected::<Self, _>(node),
            };
        };
        let read: Vec<_> = items.iter().map(|item| api(item, faults)).collect();
        let mut all: Vec<BindUrl> = read.into_iter().collect::<Option<_>>()?;
        if let Some(twice) = (1..all.len()).find(|at| all[..*at].contains(&all[*at])) {
            faults.at(&items[twice].place, "is in the list twice");
            return None;
        }
        if all.is_empty() {
            return faults.expected::<Self, _>(node);
        }
        let first = all.remove(0);
        Some(ApiUrls { first, others: all })
    }

    fn show(value: &ApiUrls) -> Option<Json> {
        if value.others.is_empty() {
            return Bind::show(&value.first);
        }
        Some(value.iter().filter_map(Bind::show).collect())
    }
}

/// The address of one API, which is at the root of its server.
fn api(node: &Node, faults: &mut Faults<'_>) -> Option<BindUrl> {
    let url = Bind::read(node, faults)?;
    if url.base_url != BaseUrl::default() {
        let path = url.base_url.as_str();
        faults.at(
            &node.place,
            format_args!("has the path {path}, and a proxy's API has none: it is at /api/routes"),
        );
        return None;
    }
    Some(url)
}

/// Routes of the administrator's own. A routespec gets the slash that it lacks at its end, as in JupyterHub, and is spelt
/// as proxies tell it back. Whether it has to begin with a host is checked when the whole is.
#[derive(Debug)]
pub struct ExtraRoutes;

impl Kind for ExtraRoutes {
    type Target = BTreeMap<String, String>;
    const EXPECTS: &'static str =
        "a table of paths and URLs, e.g. { \"/docs/\" = \"http://127.0.0.1:4000\" }";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, String>> {
        let mut routes = BTreeMap::new();
        for (spec, target) in TextMap::read(node, faults)? {
            let checked = match wrong_target(&target) {
                Some(why) => Err(why),
                None => routespec(&spec),
            };
            match checked {
                Ok(path) => routes.insert(path, target),
                Err(why) => {
                    faults.at(&node.place, format_args!("holds '{spec}': {why}"));
                    return None;
                }
            };
        }
        Some(routes)
    }

    fn show(value: &BTreeMap<String, String>) -> Option<Json> {
        TextMap::show(value)
    }
}

fn wrong_target(target: &str) -> Option<&'static str> {
    match Url::parse(target) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
            Some("its target must begin with http:// or https:// and a host")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some("its target must not hold a name or password: proxies do not log in")
        }
        Ok(url) if url.port() == Some(0) => Some("its target must have a port that is not 0"),
        Ok(_) => None,
        Err(_) => Some("its target must be a URL, e.g. \"http://127.0.0.1:4000\""),
    }
}

/// A log level; nothing means "as the hub's".
#[derive(Debug)]
pub struct OptLevel;

impl Kind for OptLevel {
    type Target = Option<LogLevel>;
    const EXPECTS: &'static str = Level::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<LogLevel>> {
        if node.as_text() == Some("") {
            return Some(None);
        }
        Level::read(node, faults).map(Some)
    }

    fn show(value: &Option<LogLevel>) -> Option<Json> {
        value.as_ref().and_then(Level::show)
    }
}

/// An old switch: yes is the level "debug".
#[derive(Debug)]
pub struct DebugLevel;

impl Kind for DebugLevel {
    type Target = Option<LogLevel>;
    const EXPECTS: &'static str = "true or false";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<LogLevel>> {
        match node.value {
            Value::Bool(yes) => Some(yes.then_some(LogLevel::Debug)),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &Option<LogLevel>) -> Option<Json> {
        Some((*value == Some(LogLevel::Debug)).into())
    }
}

/// How many at once: one or more.
#[derive(Debug)]
pub struct AtOnce;

impl Kind for AtOnce {
    type Target = usize;
    const EXPECTS: &'static str = Positive::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<usize> {
        let number = Positive::read(node, faults)?;
        faults.check(node, usize::try_from(number))
    }

    fn show(value: &usize) -> Option<Json> {
        Some((*value).into())
    }
}

/// A umask: a number from 0 to 0o777.
#[derive(Debug)]
pub struct Umask;

impl Kind for Umask {
    type Target = u32;
    const EXPECTS: &'static str = "a umask, e.g. 0o077";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u32> {
        match node.value {
            Value::Int(mask @ 0..=0o777) => u32::try_from(mask).ok(),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &u32) -> Option<Json> {
        Some((*value).into())
    }
}

/// The mode of a file: a number from 0 to 0o777.
#[derive(Debug)]
pub struct FileMode;

impl Kind for FileMode {
    type Target = u32;
    const EXPECTS: &'static str = "the mode of a file, e.g. 0o600";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u32> {
        match node.value {
            Value::Int(mode @ 0..=0o777) => u32::try_from(mode).ok(),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &u32) -> Option<Json> {
        Some((*value).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn one_address_or_several() {
        let one = read::<Apis>(json!("http://127.0.0.1:8001")).unwrap();
        assert_eq!((one.first.port, one.others.len()), (8001, 0));
        assert_eq!(Apis::show(&one), Some(json!("http://127.0.0.1:8001/")));
        let both = json!(["http://a:1/", "http://b:2/"]);
        let two = read::<Apis>(both.clone()).unwrap();
        assert_eq!(two.iter().map(|url| url.port).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(Apis::show(&two), Some(both));
        for (bad, why) in [
            (json!([]), "a list of addresses"),
            (json!(["http://a:1", "http://a:1/"]), "twice"),
            (json!(["a:1"]), "no scheme"),
            (json!("http://a:1/prefix/"), "/prefix/"),
            (json!(7), "a list of addresses"),
        ] {
            let error = read::<Apis>(bad).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn extra_routes_are_checked() {
        let routes = json!({"/docs": "http://127.0.0.1:4000", "/a/": "https://x/"});
        let routes = read::<ExtraRoutes>(routes).unwrap();
        assert_eq!(routes.keys().collect::<Vec<_>>(), ["/a/", "/docs/"]);
        let routes =
            read::<ExtraRoutes>(json!({"/a+b/": "http://x", "/h%75b": "http://x"})).unwrap();
        assert_eq!(routes.keys().collect::<Vec<_>>(), ["/a%2Bb/", "/hub/"]);
        let routes = read::<ExtraRoutes>(json!({"Docs.example/x": "http://x"})).unwrap();
        assert_eq!(routes.keys().collect::<Vec<_>>(), ["docs.example/x/"]);
        for (spec, target) in [
            ("docs:1/", "http://x"),
            ("/a b/", "http://x"),
            ("/a?b/", "http://x"),
            ("/a/", "x"),
            ("/a/", "ftp://x"),
            ("/100%/", "http://x"),
            ("/../x/", "http://x"),
            ("/a/", "http://me:pw@x"),
            ("/a/", "http://x:0"),
        ] {
            let error = read::<ExtraRoutes>(json!({spec: target})).unwrap_err();
            assert!(error.contains(spec), "{error}");
        }
    }

    #[test]
    fn names_levels_and_umasks() {
        for name in ["default", "jupyterhub.proxy.ConfigurableHTTPProxy"] {
            let read = read::<ProxyName>(json!(name)).unwrap();
            assert_eq!(read, CONFIGURABLE_HTTP_PROXY);
        }
        assert_eq!(read::<ProxyName>(json!("haproxy")).unwrap(), "haproxy");
        assert_eq!(read::<OptLevel>(json!("")), Ok(None));
        assert_eq!(read::<OptLevel>(json!("warn")), Ok(Some(LogLevel::Warning)));
        assert_eq!(read::<DebugLevel>(json!(true)), Ok(Some(LogLevel::Debug)));
        assert_eq!(read::<Umask>(json!(0o27)), Ok(0o27));
        assert!(read::<Umask>(json!(0o1000)).is_err());
        assert!(read::<AtOnce>(json!(0)).is_err());
    }
}
