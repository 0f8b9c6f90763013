//! The address of whoever asks, as far as it can be believed: what failed logins are counted by, and what the log names.
//!
//! Each proxy appends whom it was asked by to `X-Forwarded-For`, so it is read from its end backwards while the one who
//! wrote an entry is ours; what stands before can be made up by the client. Ours are `trusted_downstream_ips`, and on this
//! machine (loopback, or the address on which the hub listens) the programs of root and of the hub's own user: everybody
//! whose server runs here can reach the hub's port as well as the proxy's, and is believed nothing. Source of that trait:
//! tornado's `xheaders` with `trusted_downstream`, as JupyterHub 6.1 sets them; there the first entry is believed whoever
//! sends it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use super::peer::belongs_to_us;
use crate::config::JupyterHub;
use crate::state::AppState;

/// The address of the client; none when the request did not come over a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub Option<IpAddr>);

impl ClientIp {
    /// The address from which a request comes, for the line of the log that every request has: whoever asks from this
    /// machine is believed, for want of the time to look.
    #[must_use]
    pub fn of(headers: &HeaderMap, extensions: &Extensions, settings: &JupyterHub) -> Self {
        let peer = peer(extensions).map(|peer| peer.ip());
        Self(client_ip(headers, peer, true, &Trust(settings)))
    }
}

fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions
        .get()
        .map(|peer: &ConnectInfo<SocketAddr>| peer.0)
}

impl FromRequestParts<AppState> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let trust = Trust(&state.config.jupyterhub);
        let from = peer(&parts.extensions);
        let address = from.map(|from| from.ip());
        let in_doubt = from.filter(|from| {
            parts.headers.contains_key(FORWARDED_FOR)
                && trust.is_here(from.ip().to_canonical())
                && !trust.is_named(from.ip().to_canonical())
        });
        let believed = match in_doubt {
            None => true,
            Some(from) => {
                let looked = tokio::task::spawn_blocking(move || belongs_to_us(from));
                looked.await.unwrap_or(false)
            }
        };
        Ok(Self(client_ip(&parts.headers, address, believed, &trust)))
    }
}

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who is believed.
struct Trust<'a>(&'a JupyterHub);

impl Trust<'_> {
    /// Whether the configuration names the address.
    fn is_named(&self, address: IpAddr) -> bool {
        let named = &self.0.trusted_downstream_ips;
        named.iter().any(|network| network.contains(address))
    }

    /// Whether whoever comes through the hub's socket is let in by nobody but the hub's own user.
    fn is_own_socket(&self) -> bool {
        self.0.hub_bind_url.socket.is_none() || self.0.hub_socket_mode & 0o077 == 0
    }

    /// Whether the address is this machine's.
    fn is_here(&self, address: IpAddr) -> bool {
        let listens = self.0.hub_bind_url.host.parse::<IpAddr>();
        address.is_loopback() || listens.is_ok_and(|listens| listens.to_canonical() == address)
    }
}

/// The nearest that is not ours, else the farthest that is. What is no address was made up, or is of a proxy that keeps
/// it to itself: it ends the chain. A peer without address came through a socket of this machine.
fn client_ip(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    believed: bool,
    trust: &Trust<'_>,
) -> Option<IpAddr> {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    // Bytes: a line that is no text because of what the client wrote still ends with what our proxy added.
    let entries: Vec<&[u8]> = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .collect();
    let mut client = peer.map(|peer| peer.to_canonical());
    // Who wrote the last entry: a program of this machine that was looked at, or a proxy that was named.
    let mut ours = client.map_or_else(
        || trust.is_own_socket(),
        |peer| trust.is_named(peer) || believed && trust.is_here(peer),
    );
    for (nth, entry) in entries.iter().rev().enumerate() {
        if !ours {
            break;
        }
        let text = std::str::from_utf8(entry).unwrap_or_default();
        // What configurable-http-proxy 5 writes of whoever asked it through a socket.
        if nth == 0 && text.trim() == "undefined" {
            continue;
        }
        let Ok(entry) = text.trim().trim_matches(['[', ']']).parse::<IpAddr>() else {
            break;
        };
        let entry = entry.to_canonical();
        // Whoever asked our proxy from this machine may be anybody who works on it.
        ours = trust.is_named(entry);
        client = Some(entry);
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BindUrl;

    fn found(settings: &JupyterHub, peer: Option<&str>, lines: &[&str]) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        if let Some(peer) = peer {
            let peer: IpAddr = peer.parse().unwrap();
            extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
        }
        ClientIp::of(&headers, &extensions, settings).0
    }

    #[test]
    fn who_works_on_the_hubs_machine_makes_no_addresses_up() {
        let headers = HeaderMap::from_iter([(
            http::header::HeaderName::from_static(FORWARDED_FOR),
            http::HeaderValue::from_static("6.6.6.6, 192.0.2.1"),
        )]);
        let named = JupyterHub {
            trusted_downstream_ips: vec!["127.0.0.1".parse().unwrap()],
            ..JupyterHub::default()
        };
        for (settings, believed, expected) in [
            (&JupyterHub::default(), true, "192.0.2.1"),
            (&JupyterHub::default(), false, "127.0.0.1"),
            (&named, false, "192.0.2.1"),
        ] {
            let peer = Some(IpAddr::from([127, 0, 0, 1]));
            let found = client_ip(&headers, peer, believed, &Trust(settings));
            assert_eq!(found, expected.parse().ok(), "{believed}");
        }
    }

    #[test]
    fn what_is_no_text_hides_nobody() {
        let mut headers = HeaderMap::new();
        let line = http::HeaderValue::from_bytes(b"\xff\xfe, 192.0.2.1").unwrap();
        headers.append("x-forwarded-for", line);
        let peer = Some(IpAddr::from([127, 0, 0, 1]));
        let found = client_ip(&headers, peer, true, &Trust(&JupyterHub::default()));
        assert_eq!(found, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn the_chain_is_believed_as_far_as_its_writers_are() {
        let settings = JupyterHub {
            trusted_downstream_ips: vec!["10.0.0.0/8".parse().unwrap()],
            hub_bind_url: BindUrl {
                host: "192.0.2.80".to_owned(),
                ..JupyterHub::default().hub_bind_url
            },
            ..JupyterHub::default()
        };
        for (peer, said, expected) in [
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1,undefined", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.1,undefined,undefined", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("::1", "192.0.2.1", "192.0.2.1"),
            // Our proxy, when the hub listens on the address of the machine.
            ("192.0.2.80", "192.0.2.1", "192.0.2.1"),
            // Made up by the client: our proxy has added who it was.
            ("127.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.1, 10.0.0.7, 10.0.0.8", "192.0.2.1"),
            // Somebody who works on this machine asks our proxy.
            ("127.0.0.1", "6.6.6.6, 127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "6.6.6.6, 192.0.2.80", "192.0.2.80"),
            (
                "127.0.0.1",
                "6.6.6.6, 192.0.2.1, ::ffff:10.0.0.7",
                "192.0.2.1",
            ),
            ("127.0.0.1", "10.0.0.7", "10.0.0.7"),
            ("10.1.1.1", "192.0.2.1", "192.0.2.1"),
            // Who asks the hub itself is believed nothing.
            ("192.0.2.9", "6.6.6.6", "192.0.2.9"),
            ("127.0.0.1", "nonsense", "127.0.0.1"),
            ("127.0.0.1", "evil\" x", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1, nonsense, 10.0.0.7", "10.0.0.7"),
            ("127.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ] {
            let lines: Vec<&str> = said.split(", ").filter(|line| !line.is_empty()).collect();
            let expected = expected.parse().ok();
            assert_eq!(found(&settings, Some(peer), &lines), expected, "{said}");
            let one_line = found(&settings, Some(peer), &[said]);
            assert_eq!(
                one_line, expected,
                "{said}: one line or several are the same"
            );
        }
        assert_eq!(found(&settings, None, &[]), None);
        let through_a_socket = found(&settings, None, &["192.0.2.1"]);
        assert_eq!(through_a_socket, "192.0.2.1".parse().ok());
    }
}
