//! Whose program is at the other end of a connection on this machine, from the kernel's tables of sockets.
//!
//! Everybody with an account here can open the hub's own port. A program of root or of the hub's own user is taken for the
//! proxy; that others could be told apart from it is what `/proc/net/tcp` is read for, once for each login.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::unistd::Uid;

/// Column of a socket's own address.
const LOCAL: usize = 1;
/// Column of its state, and the state in which it belongs to a program for certain: one that has been closed is shown as
/// root's.
const STATE: usize = 3;
const ESTABLISHED: &str = "01";
/// Columns of its owner and of its inode, which is 0 when it belongs to no program any more.
const OWNER: usize = 7;
const INODE: usize = 9;

/// Whether all sockets of this machine with this address of their own are root's or the hub's user's, and there is one.
/// Reads the kernel's tables: blocks for as long as that takes.
#[must_use]
pub(super) fn belongs_to_us(address: SocketAddr) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables: Vec<String> = tables
        .iter()
        // A machine without one of them has no such sockets.
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .collect();
    let ours = [0, Uid::effective().as_raw()];
    let owners = owners(&tables.concat(), address);
    let is_ours = !owners.is_empty() && owners.iter().all(|owner| ours.contains(owner));
    if !is_ours {
        tracing::warn!(
            "X-Forwarded-For from {address} on this machine is not believed, for that program is neither root's nor the \
             hub's user's ({owners:?}); if it is a proxy of yours, name it in [JupyterHub] trusted_downstream_ips"
        );
    }
    is_ours
}

/// The user ids of the programs that have a connection from this address.
fn owners(table: &str, address: SocketAddr) -> Vec<u32> {
    let mut owners: Vec<u32> = table
        .lines()
        .filter_map(|line| owner(line, address))
        .collect();
    owners.dedup();
    owners
}

fn owner(line: &str, address: SocketAddr) -> Option<u32> {
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    let local = socket_address(columns.get(LOCAL)?)?;
    let same = local.ip() == address.ip().to_canonical() && local.port() == address.port();
    let in_use = *columns.get(STATE)? == ESTABLISHED && *columns.get(INODE)? != "0";
    if same && in_use {
        columns.get(OWNER)?.parse().ok()
    } else {
        None
    }
}

/// `0100007F:1F90`: words of the address as this machine reads them from memory, then the port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = address.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(word, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let words: Option<Vec<[u8; 4]>> = (0..4).map(word).collect();
            let bytes: [u8; 16] = words?.concat().try_into().ok()?;
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn whose_a_connection_is() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue; // a machine without IPv6
            };
            let asks = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_answers, peer) = listener.accept().unwrap();
            assert!(belongs_to_us(peer), "{peer}");
            drop(asks);
            assert!(!belongs_to_us(peer), "closed: {peer}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_of_the_table() {
        let row = |local: &str, state: &str, owner: u32, inode: u32| {
            format!(
                "   1: {local} 0100007F:1F91 {state} 00000000:00000000 00:00000000 00000000 {owner:5}        0 {inode} 1 x\n"
            )
        };
        let mapped = "0000000000000000FFFF00000100007F:1F90";
        let peer: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        for (rows, expected) in [
            (row("0100007F:1F90", "01", 1000, 7), vec![1000]),
            (row(mapped, "01", 1000, 7), vec![1000]),
            (row("0100007F:1F91", "01", 1000, 7), vec![]),
            (row("0200007F:1F90", "01", 1000, 7), vec![]),
            // Closed, or nobody's any more: the kernel says root.
            (row("0100007F:1F90", "06", 0, 0), vec![]),
            (row("0100007F:1F90", "01", 0, 0), vec![]),
            // Two programs with the same end, to different others.
            (
                row("0100007F:1F90", "01", 0, 7) + &row(mapped, "01", 1000, 8),
                vec![0, 1000],
            ),
            ("nonsense\n\n".to_owned(), vec![]),
        ] {
            assert_eq!(owners(&rows, peer), expected, "{rows}");
        }
    }
}
