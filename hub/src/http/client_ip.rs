//! The address of whoever asks, as the nearest proxy that is not one of the administrator's own saw it.
//!
//! Each proxy appends whom it was asked by to `X-Forwarded-For`; what stands before the entry of the last proxy that we
//! trust can be made up by the client. Source: tornado's `xheaders` with `trusted_downstream`, as JupyterHub 6.1 sets them.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// The client's address: the last entry of `X-Forwarded-For` that is none of `trusted`, else the other end of the connection.
///
/// Whoever reaches the hub past its proxy can say anything: good for logs and counters, no ground to let anybody in.
#[must_use]
pub fn client_ip(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpAddr]) -> Option<IpAddr> {
    let lists = headers.get_all("x-forwarded-for").iter();
    let entries: Vec<&str> = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    for entry in entries.iter().rev() {
        // One that is no address was made up, or is of a proxy that keeps it to itself.
        let Ok(ip) = entry.parse::<IpAddr>() else {
            break;
        };
        client = Some(ip.to_canonical());
        if !trusted.contains(&ip.to_canonical()) {
            break;
        }
    }
    client
}

/// The other end of the connection on which a request came; none for a unix socket.
#[must_use]
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let peer: &ConnectInfo<SocketAddr> = extensions.get()?;
    Some(peer.0.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_that_is_not_ours() {
        let peer = Some(IpAddr::from([127, 0, 0, 1]));
        let nginx = IpAddr::from([192, 0, 2, 10]);
        for (lists, trusted, expected) in [
            (&[][..], &[][..], "127.0.0.1"),
            (&["198.51.100.7"], &[], "198.51.100.7"),
            // The client made the first one up.
            (&["10.0.0.1, 198.51.100.7"], &[], "198.51.100.7"),
            (&["198.51.100.7, 192.0.2.10"], &[], "192.0.2.10"),
            (&["198.51.100.7, 192.0.2.10"], &[nginx], "198.51.100.7"),
            (
                &["10.0.0.1, 198.51.100.7", "::ffff:192.0.2.10"],
                &[nginx],
                "198.51.100.7",
            ),
            (&["192.0.2.10"], &[nginx], "192.0.2.10"),
            (&["x, 192.0.2.10"], &[nginx], "192.0.2.10"),
            (&["evil\" x"], &[], "127.0.0.1"),
            (&["2001:db8::1"], &[], "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", list.parse().unwrap());
            }
            let found = client_ip(&headers, peer, trusted).unwrap();
            assert_eq!(found.to_string(), expected, "{lists:?}");
        }
        assert_eq!(client_ip(&HeaderMap::new(), None, &[]), None);
    }
}
