//! Free ports for servers.

use std::collections::VecDeque;
use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::sync::{Mutex, PoisonError};

use crate::config::BindUrl;

/// How many ports are remembered as given away: between the choice and the server's own bind lies its start.
const REMEMBERED: usize = 512;
/// How often another port is asked for when the system offers one that was just given away.
const TRIES: usize = 64;

/// Chooses ports, and does not give the same one away twice in a row.
#[derive(Debug, Default)]
pub(super) struct Ports(Mutex<VecDeque<u16>>);

impl Ports {
    /// A port on which nothing listens at `host` (empty for all interfaces).
    ///
    /// # Errors
    /// When `host` is no address of this machine, or no port is free.
    pub(super) fn choose(&self, host: &str) -> io::Result<u16> {
        let mut chosen = free(host)?;
        for _ in 0..TRIES {
            let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !given.contains(&chosen) {
                given.push_back(chosen);
                if given.len() > REMEMBERED {
                    given.pop_front();
                }
                return Ok(chosen);
            }
            drop(given);
            chosen = free(host)?;
        }
        Ok(chosen)
    }
}

fn free(host: &str) -> io::Result<u16> {
    let address = BindUrl::new(host, 0).listen_addr();
    let address = address
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(TcpListener::bind(address)?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_hosts_must_exist() {
        let ports = Ports::default();
        let chosen: std::collections::BTreeSet<u16> = (0..100)
            .map(|_| ports.choose("127.0.0.1").unwrap())
            .collect();
        assert_eq!(chosen.len(), 100);
        assert!(ports.choose("").is_ok());
        assert!(ports.choose("192.0.2.1").is_err());
    }
}
