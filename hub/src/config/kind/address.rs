//! Kinds of addresses beyond one URL: routespecs, hosts with subdomains, proxies that are trusted.

use hub_types::paths::canonical;
use serde_json::Value as Json;
use url::Url;

use super::collection::Texts;
use super::scalar::Text;
use super::special::WebUrl;
use super::{Faults, Kind};
use crate::config::network::Network;
use crate::config::node::{Node, Value};
use crate::domain::service_hosts::ServiceHosts;
use crate::domain::subdomain::{Hook, Subdomains};

/// A routespec as proxies spell it: a path with slashes at both ends, or a host and such a path.
///
/// # Errors
/// What is wrong with it.
pub fn routespec(text: &str) -> Result<String, &'static str> {
    if text.contains(['?', '#']) || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("a path must be written as in a URL, without query or fragment");
    }
    let (host, path) = match text.find('/') {
        Some(slash) => text.split_at(slash),
        None => (text, "/"),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !host.bytes().all(plain) {
        return Err("what comes before the path must be a host name, without a port");
    }
    Ok(host.to_ascii_lowercase() + &canonical(path)?)
}

/// The route of the hub; empty means the usual one.
#[derive(Debug)]
pub struct OptRoutespec;

impl Kind for OptRoutespec {
    type Target = Option<String>;
    const EXPECTS: &'static str = "a path, e.g. \"/hub/api/\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<String>> {
        let text = Text::read(node, faults)?;
        if text.is_empty() {
            return Some(None);
        }
        faults.check(node, routespec(&text)).map(Some)
    }

    fn show(value: &Option<String>) -> Option<Json> {
        value.as_deref().map(Into::into)
    }
}

/// The host below which users and services have theirs: an origin. Without a scheme it is https, as in JupyterHub.
#[derive(Debug)]
pub struct SubdomainHost;

impl Kind for SubdomainHost {
    type Target = Option<Url>;
    const EXPECTS: &'static str = "a host, e.g. \"https://hub.example.org\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Url>> {
        let Some(text) = node.as_text() else {
            return faults.expected::<Self, _>(node);
        };
        let whole = match text.contains("://") || text.is_empty() {
            true => text.to_owned(),
            false => format!("https://{text}"),
        };
        let node = Node::new(Value::Text(whole), node.place.clone());
        let Some(url) = WebUrl::read(&node, faults)? else {
            return Some(None);
        };
        let why = if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            "must be a host alone, without a path: that is base_url"
        } else if Subdomains::new(&url, Hook::Idna).is_none() {
            "must be a name: an address has no subdomains"
        } else {
            return Some(Some(url));
        };
        faults.at(&node.place, why);
        None
    }

    fn show(value: &Option<Url>) -> Option<Json> {
        value
            .as_ref()
            .map(|url| url.origin().ascii_serialization().into())
    }
}

/// How names become hosts.
#[derive(Debug)]
pub struct HookName;

impl Kind for HookName {
    type Target = Hook;
    const EXPECTS: &'static str = "\"idna\" or \"legacy\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Hook> {
        match node.as_text() {
            Some("idna") => Some(Hook::Idna),
            Some("legacy") => Some(Hook::Legacy),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &Hook) -> Option<Json> {
        Some(match value {
            Hook::Idna => "idna".into(),
            Hook::Legacy => "legacy".into(),
        })
    }
}

/// Addresses and networks.
#[derive(Debug)]
pub struct Networks;

impl Kind for Networks {
    type Target = Vec<Network>;
    const EXPECTS: &'static str = "a list of addresses or networks, e.g. [\"10.0.0.0/8\"]";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<Network>> {
        let Some(items) = node.as_list() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<Network>> = items
            .iter()
            .map(|item| match item.as_text().map(str::parse) {
                Some(Ok(network)) => Some(network),
                _ => faults.expected::<Self, _>(item),
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &Vec<Network>) -> Option<Json> {
        Some(value.iter().map(ToString::to_string).collect())
    }
}

/// Hosts of services that are registered by the API.
#[derive(Debug)]
pub struct ServiceHostList;

impl Kind for ServiceHostList {
    type Target = ServiceHosts;
    const EXPECTS: &'static str =
        "a list of names, addresses and networks, e.g. [\"*.example.org\", \"10.0.0.0/8\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<ServiceHosts> {
        let items = Texts::read(node, faults)?;
        match ServiceHosts::parse(items.iter().map(String::as_str)) {
            Ok(hosts) => Some(hosts),
            Err(item) => {
                let why = "is no host name, *.NAME, address or network";
                faults.at(&node.place, format_args!("holds '{item}', which {why}"));
                None
            }
        }
    }

    fn show(value: &ServiceHosts) -> Option<Json> {
        Some(value.items().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn routespecs() {
        for (text, expected) in [
            ("/", "/"),
            ("/docs", "/docs/"),
            ("/a+b/", "/a%2Bb/"),
            ("/h%75b", "/hub/"),
            ("Hub.Example", "hub.example/"),
            ("hub.example/a", "hub.example/a/"),
        ] {
            assert_eq!(routespec(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in [
            "/a b/", "/a?b/", "/100%/", "/../x/", "host:80/", "u@host/", "h\u{e9}/", "/a#",
        ] {
            assert!(routespec(bad).is_err(), "{bad}");
        }
        assert_eq!(read::<OptRoutespec>(json!("")), Ok(None));
        assert_eq!(
            read::<OptRoutespec>(json!("/hub/api")),
            Ok(Some("/hub/api/".into()))
        );
    }

    #[test]
    fn hosts_and_hooks() {
        for (text, expected) in [
            ("https://Hub.Example:8443", "https://hub.example:8443"),
            ("http://hub.test:80", "http://hub.test"),
            ("hub.example", "https://hub.example"),
        ] {
            let url = read::<SubdomainHost>(json!(text)).unwrap();
            assert_eq!(SubdomainHost::show(&url), Some(expected.into()));
        }
        assert_eq!(read::<SubdomainHost>(json!("")), Ok(None));
        for (bad, why) in [
            ("https://hub.example/x", "without a path"),
            ("http://127.0.0.1:8000", "an address has no subdomains"),
            ("http://[::1]", "an address has no subdomains"),
            ("ftp://hub.example", "http://"),
            ("https://u:p@hub.example", "user name"),
        ] {
            let error = read::<SubdomainHost>(json!(bad)).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(read::<HookName>(json!("legacy")), Ok(Hook::Legacy));
        assert!(read::<HookName>(json!("other")).is_err());
        let networks = read::<Networks>(json!(["192.0.2.1", "::1", "10.0.0.0/8"])).unwrap();
        let shown = Some(json!(["192.0.2.1", "::1", "10.0.0.0/8"]));
        assert_eq!(Networks::show(&networks), shown);
        for bad in [json!("192.0.2.1"), json!(["10.0.0.0/99"]), json!([1])] {
            assert!(read::<Networks>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_of_services() {
        let list = json!(["*.a.example", "10.0.0.0/8"]);
        let hosts = read::<ServiceHostList>(list.clone()).unwrap();
        assert_eq!(ServiceHostList::show(&hosts), Some(list));
        for bad in [json!("a.example"), json!([1])] {
            assert!(read::<ServiceHostList>(bad.clone()).is_err(), "{bad}");
        }
        let error = read::<ServiceHostList>(json!(["a.example", "http://a"])).unwrap_err();
        assert!(error.contains("'http://a'"), "{error}");
    }
}
