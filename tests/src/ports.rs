//! Ports that nobody uses.

use std::net::{Ipv4Addr, TcpListener};

use hub_types::secret::Token;

/// First port tried by [`free`], and how many there are: below the range from which the system takes ports for
/// connections and for port 0, so that nothing else gets it between now and its use.
const RANGE: (u16, u16) = (12_000, 20_000);

/// A port of the loopback interface that is free and was chosen at random.
///
/// Only for peers that cannot take port 0 themselves (the Python hub, services that are told their URL).
#[must_use]
pub fn free() -> u16 {
    let (first, count) = RANGE;
    (0..1000)
        .map(|_| {
            let random = Token::generate();
            let random = u16::from_str_radix(&random.expose()[..4], 16).expect("hexadecimal");
            first + random % count
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("loopback has a free port")
}

/// A loopback address that no other process takes: its ports are this test's.
#[must_use]
pub fn own_address() -> Ipv4Addr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, a, b, c)
}

/// A listener on a port that the system chose: for tests that need a port to be taken.
#[must_use]
pub fn held() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port")
}
