//! Which hosts a service may have that is registered by the API: the proxy will send requests there, whatever is there.
//!
//! Who may register services decides what this machine talks to. Addresses that mean something only to the machine itself
//! (cloud providers answer with its credentials at `169.254.169.254`) are never what is meant; beyond that the
//! configuration may say which hosts there are. Services of the configuration are the administrator's own words.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// Hosts that the configuration lists for services of the API; without a list all but link-local addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceHosts(Vec<Pattern>);

/// What one item of the list says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// A name as it stands, in lower case and punycode.
    Name(String),
    /// `*.example.org`: every name below this one.
    Below(String),
    /// An address, or all of a network.
    Network(IpNet),
}

/// Why a host is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody listed it.
    #[error(
        "is at a host that hub.service_hosts does not list; ask an administrator to add it there"
    )]
    NotListed,
    /// Whatever the list says of names, nobody named this address.
    #[error(
        "is at a link-local address, where machines answer about themselves; list it in hub.service_hosts if it is meant"
    )]
    LinkLocal,
}

impl ServiceHosts {
    /// Reads a list: names, `*.` and a name, addresses, networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// The first item that is none of them.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let read = |item: &'a str| item.parse().map_err(|()| item);
        items
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The list, as [`Self::parse`] reads it.
    pub fn items(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(ToString::to_string)
    }

    /// Whether a service may be at this URL. Names are judged as names: where they lead is for those who list them.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, url: &Url) -> Result<(), Refusal> {
        let host = url.host();
        if host.as_ref().is_some_and(|host| self.lists(host)) {
            return Ok(());
        }
        match host.as_ref().and_then(address) {
            Some(address) if is_link_local(address) => Err(Refusal::LinkLocal),
            _ if self.0.is_empty() => Ok(()),
            _ => Err(Refusal::NotListed),
        }
    }

    fn lists(&self, host: &Host<&str>) -> bool {
        let address = address(host);
        self.0.iter().any(|pattern| match (pattern, host, address) {
            (Pattern::Network(network), _, Some(address)) => network.contains(&address),
            (Pattern::Name(name), Host::Domain(host), _) => without_dot(host) == name,
            (Pattern::Below(name), Host::Domain(host), _) => without_dot(host)
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            _ => false,
        })
    }
}

impl FromStr for Pattern {
    type Err = ();

    fn from_str(item: &str) -> Result<Self, ()> {
        if let Ok(network) = item.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = item.parse::<IpAddr>() {
            return Ok(Self::Network(plain(address).into()));
        }
        let (name, make): (_, fn(String) -> Self) = match item.strip_prefix("*.") {
            Some(name) => (name, Self::Below),
            None => (item, Self::Name),
        };
        match Host::parse(name) {
            Ok(Host::Domain(name)) if !name.contains('*') => {
                Ok(make(without_dot(&name).to_owned()))
            }
            _ => Err(()),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// `example.org.` is the same host as `example.org`.
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn address(host: &Host<&str>) -> Option<IpAddr> {
    match *host {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(plain(address.into())),
        Host::Domain(_) => None,
    }
}

/// The IPv4 address that is written as one of IPv6 (`::ffff:192.0.2.1`).
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// RFC 3927, RFC 4291 section 2.5.6, and the unique-local address at which one provider's machines answer the same.
fn is_link_local(address: IpAddr) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address == METADATA,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(list: &[&str], url: &str) -> Result<(), Refusal> {
        let hosts = ServiceHosts::parse(list.iter().copied()).unwrap();
        hosts.admit(&Url::parse(url).unwrap())
    }

    #[test]
    fn without_a_list_all_but_link_local_addresses() {
        for url in [
            "http://127.0.0.1:1",
            "http://localhost",
            "https://service.example.org",
            "http://[::1]:80",
            "http://10.1.2.3",
            "http://[fd00::1]",
        ] {
            assert_eq!(judge(&[], url), Ok(()), "{url}");
        }
        for url in [
            "http://169.254.169.254",
            "http://2852039166/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://[::ffff:169.254.169.254]",
            "http://[::ffff:a9fe:a9fe]:81",
            "http://[fe80::1]",
            "http://[fd00:ec2::254]",
        ] {
            assert_eq!(judge(&[], url), Err(Refusal::LinkLocal), "{url}");
        }
    }

    #[test]
    fn with_a_list_what_it_says() {
        let list = ["10.0.0.0/8", "*.Example.org", "bücher.example", "192.0.2.7"];
        for url in [
            "http://10.255.0.1:8000",
            "http://[::ffff:10.0.0.1]",
            "http://a.b.example.org",
            "http://A.EXAMPLE.ORG.",
            "http://bücher.example",
            "http://192.0.2.7",
        ] {
            assert_eq!(judge(&list, url), Ok(()), "{url}");
        }
        for url in [
            "http://11.0.0.1",
            "http://192.0.2.8",
            "http://example.org",
            "http://badexample.org",
            "http://.example.org",
            "http://a.example.org.evil.test",
            "http://bücher.example.test",
            "http://127.0.0.1",
        ] {
            assert_eq!(judge(&list, url), Err(Refusal::NotListed), "{url}");
        }
        assert_eq!(judge(&list, "http://169.254.1.1"), Err(Refusal::LinkLocal));
        assert_eq!(judge(&["169.254.1.1"], "http://169.254.1.1"), Ok(()));
    }

    #[test]
    fn items_that_are_none() {
        for item in [
            "",
            "*",
            "*.",
            "a.*.b",
            "http://a",
            "a:80",
            "10.0.0.0/33",
            "a b",
        ] {
            assert_eq!(ServiceHosts::parse([item]), Err(item), "{item}");
        }
        let list = ["10.1.2.3/8", "*.a.example", "b.example", "::1"];
        let read = ServiceHosts::parse(list).unwrap();
        let shown: Vec<String> = read.items().collect();
        assert_eq!(shown, ["10.0.0.0/8", "*.a.example", "b.example", "::1/128"]);
        assert_eq!(
            ServiceHosts::parse(shown.iter().map(String::as_str)),
            Ok(read.clone())
        );
    }
}
