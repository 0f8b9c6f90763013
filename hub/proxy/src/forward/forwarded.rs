//! `X-Forwarded-*`: who asked, and how, told to the target. Pure.
//!
//! Without `--trusted-proxies` they are appended to what the client sent, as configurable-http-proxy does; a target must
//! then not believe all but the last item. With it they say only what we and the proxies in the list have seen.

use std::net::IpAddr;

use http::header::{Entry, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};

use crate::forward::headers::Origin;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const SCHEME: HeaderName = HeaderName::from_static("x-scheme");
/// Other ways to say the same, which some targets (tornado, and so the hub) believe more than `X-Forwarded-*`.
static OTHERS: [HeaderName; 3] = [FORWARDED, REAL_IP, SCHEME];

/// Addresses that share their first `bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or one address.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// The proxies in front of us whose `X-Forwarded-*` count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trusted {
    networks: Vec<Network>,
    /// Whoever comes by UNIX domain socket.
    unix: bool,
}

impl Trusted {
    /// Addresses, networks and the word `unix`, separated by commas; the item that is none of them otherwise.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let mut trusted = Self::default();
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            if item == "unix" {
                trusted.unix = true;
            } else {
                let network = Network::parse(item).ok_or_else(|| item.to_owned())?;
                trusted.networks.push(network);
            }
        }
        Ok(trusted)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
    }

    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.holds(peer))
    }

    /// The end of a list of addresses that can be believed: up to the first that is not a trusted proxy's, from the
    /// right. What stands before it was written by somebody whom nobody vouches for.
    fn believable(&self, chain: &str) -> String {
        let items: Vec<&str> = chain.split(',').map(str::trim).collect();
        let of_proxy = |item: &&str| item.parse().is_ok_and(|address| self.holds(address));
        let proxies = items.iter().rev().take_while(|item| of_proxy(item)).count();
        let first = items.len().saturating_sub(proxies + 1);
        items[first..].join(",")
    }
}

/// What we know ourselves.
#[derive(Debug)]
struct Known {
    peer: Option<HeaderValue>,
    port: HeaderValue,
    proto: HeaderValue,
    host: Option<HeaderValue>,
}

impl Known {
    fn of(headers: &HeaderMap, origin: Origin, upgrade: bool) -> Self {
        let host = headers.get(HOST).cloned();
        let port = host
            .as_ref()
            .and_then(|host| host.to_str().ok())
            .and_then(port_of)
            .and_then(|port| HeaderValue::from_str(port).ok());
        let usual = if origin.tls { "443" } else { "80" };
        let proto = match (upgrade, origin.tls) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        };
        Self {
            peer: origin
                .peer
                .and_then(|peer| HeaderValue::try_from(peer.to_string()).ok()),
            port: port.unwrap_or(HeaderValue::from_static(usual)),
            proto: HeaderValue::from_static(proto),
            // Source: http-proxy leaves it out on upgrades.
            host: host.filter(|_| !upgrade),
        }
    }
}

/// Adds the headers.
pub(crate) fn add(
    headers: &mut HeaderMap,
    origin: Origin,
    upgrade: bool,
    trusted: Option<&Trusted>,
) {
    let known = Known::of(headers, origin, upgrade);
    match trusted {
        None => append_all(headers, known),
        Some(trusted) => {
            if trusted.trusts(origin.peer) {
                narrow(headers, trusted);
            } else {
                remove_all(headers);
            }
            replace(headers, known);
        }
    }
}

/// Source: http-proxy's `xfwd`: For, Port and Proto are appended; Host only if absent.
fn append_all(headers: &mut HeaderMap, known: Known) {
    if let Some(peer) = known.peer {
        append(headers, FORWARDED_FOR, peer);
    }
    append(headers, FORWARDED_PORT, known.port);
    append(headers, FORWARDED_PROTO, known.proto);
    if let Some(host) = known.host {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

/// From somebody else: nothing that says where a request came from is kept.
fn remove_all(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-forwarded-"))
        .cloned()
        .collect();
    for name in names.iter().chain(&OTHERS) {
        headers.remove(name);
    }
}

/// From a trusted proxy: the believable end of the addresses, and the last word on everything else. What it may have
/// passed on unseen from its client goes, too.
fn narrow(headers: &mut HeaderMap, trusted: &Trusted) {
    for name in &OTHERS {
        headers.remove(name);
    }
    if let Some(chain) = joined(headers, &FORWARDED_FOR) {
        set(headers, FORWARDED_FOR, &trusted.believable(&chain));
    }
    for name in [FORWARDED_PORT, FORWARDED_PROTO, FORWARDED_HOST] {
        if let Some(all) = joined(headers, &name) {
            let last = all.rsplit(',').next().unwrap_or_default().trim();
            set(headers, name, last);
        }
    }
}

/// Adds the peer to the addresses, and the rest where no trusted proxy has said it.
fn replace(headers: &mut HeaderMap, known: Known) {
    if let Some(peer) = known.peer {
        append(headers, FORWARDED_FOR, peer);
    }
    headers.entry(FORWARDED_PORT).or_insert(known.port);
    headers.entry(FORWARDED_PROTO).or_insert(known.proto);
    if let Some(host) = known.host {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

/// All lines of a list header as one; `None` when there is none, or one that is no text.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let parts: Result<Vec<_>, _> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::to_str)
        .collect();
    parts
        .ok()
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join(","))
}

/// Sets a header; removes it when the value is empty.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) if !value.is_empty() => {
            headers.insert(name, value);
        }
        _ => {
            headers.remove(name);
        }
    }
}

/// The port of a `Host` header, if it has one.
fn port_of(host: &str) -> Option<&str> {
    let after_address = host.rfind(']').map_or(host, |end| &host[end..]);
    let (_, port) = after_address.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port)
}

/// Makes one line of all that is there and `value`, separated by commas without spaces.
fn append(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(none) => {
            none.insert(value);
        }
        Entry::Occupied(mut there) => {
            let mut all: Vec<u8> = Vec::new();
            for part in there.iter() {
                all.extend_from_slice(part.as_bytes());
                all.push(b',');
            }
            all.extend_from_slice(value.as_bytes());
            if let Ok(value) = HeaderValue::from_bytes(&all) {
                there.insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_parsed() {
        for good in [
            "",
            "10.0.0.0/8, 127.0.0.1,unix",
            "::1,2001:db8::/32",
            "0.0.0.0/0",
        ] {
            assert!(Trusted::parse(good).is_ok(), "{good}");
        }
        for bad in ["10.0.0.0/33", "host", "10.0.0.0/x", "::/129", "10.0.0"] {
            assert_eq!(Trusted::parse(bad), Err(bad.to_owned()));
        }
        let trusted = Trusted::parse("10.0.0.0/8,2001:db8::/32").unwrap();
        for (address, holds) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.0.0.1", true),
            ("2001:db8:1::", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(trusted.holds(address.parse().unwrap()), holds, "{address}");
        }
        assert!(!trusted.trusts(None));
        assert!(
            Trusted::parse("0.0.0.0/0")
                .unwrap()
                .trusts(Some("9.9.9.9".parse().unwrap()))
        );
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = Trusted::parse("10.0.0.0/8").unwrap();
        let given = [
            ("host", "h"),
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil, outside"),
            ("x-forwarded-prefix", "/p"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
        ];
        for (peer, expected) in [
            (
                "10.0.0.1",
                [
                    Some("1.2.3.4,10.0.0.7,10.0.0.1"),
                    Some("https"),
                    Some("outside"),
                    Some("80"),
                    Some("/p"),
                    None,
                ],
            ),
            (
                "9.9.9.9",
                [
                    Some("9.9.9.9"),
                    Some("http"),
                    Some("h"),
                    Some("80"),
                    None,
                    None,
                ],
            ),
        ] {
            let mut headers = HeaderMap::from_iter(given.map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            }));
            let origin = Origin {
                peer: Some(peer.parse().unwrap()),
                tls: false,
            };
            add(&mut headers, origin, false, Some(&trusted));
            let got = [
                "x-forwarded-for",
                "x-forwarded-proto",
                "x-forwarded-host",
                "x-forwarded-port",
                "x-forwarded-prefix",
                "forwarded",
            ]
            .map(|name| {
                headers
                    .get(name)
                    .map(|value| value.to_str().unwrap().to_owned())
            });
            assert_eq!(
                got,
                expected.map(|value| value.map(str::to_owned)),
                "{peer}"
            );
        }
    }
}
