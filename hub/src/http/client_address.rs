//! From where a request comes, as far as that can be believed: what failed logins are counted and logged by.
//!
//! `X-Forwarded-For` can be made up by anybody, so it is read from its end, which our own proxy wrote, backwards while
//! the writer is trusted: this machine, and `[hub] trusted_proxies`.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::config::network::Network;
use crate::state::AppState;

/// The address of the client; none when the request did not come over a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|peer| peer.0.ip());
        let trusted = &state.config.own.trusted_proxies;
        Ok(Self(believed(peer, &forwarded(&parts.headers), trusted)))
    }
}

/// All that proxies say, the first of them first; what is no address ends the chain.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|item| item.trim().trim_matches(['[', ']']).parse().ok())
        .collect()
}

fn believed(
    peer: Option<IpAddr>,
    forwarded: &[Option<IpAddr>],
    trusted: &[Network],
) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| {
        address.to_canonical().is_loopback()
            || trusted.iter().any(|network| network.contains(address))
    };
    let mut address = peer.map(|peer| peer.to_canonical());
    for said in forwarded.iter().rev() {
        if address.is_some_and(|address| !is_trusted(address)) {
            break;
        }
        let Some(said) = said else { break };
        address = Some(said.to_canonical());
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_believed_as_far_as_its_writers_are() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (peer, said, expected) in [
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("::1", "192.0.2.1", "192.0.2.1"),
            // Made up by the client: our proxy has added who it was.
            ("127.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.1, 10.0.0.7, 127.0.0.1", "192.0.2.1"),
            ("127.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
            // Who asks the hub itself is believed nothing.
            ("192.0.2.9", "6.6.6.6", "192.0.2.9"),
            ("127.0.0.1", "nonsense", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1, nonsense, 10.0.0.7", "10.0.0.7"),
            ("127.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in said.split(", ").filter(|line| !line.is_empty()) {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let peer = peer.parse().ok();
            let found = believed(peer, &forwarded(&headers), &trusted);
            assert_eq!(found, expected.parse().ok(), "{said}");
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", said.parse().unwrap());
            let again = believed(peer, &forwarded(&headers), &trusted);
            assert_eq!(again, found, "{said}: one line or several are the same");
        }
        assert_eq!(believed(None, &[], &[]), None);
    }
}
