//! Waiting until a proxy listens.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hub_types::socket_url;
use serde::Deserialize;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use super::ProxyAddresses;
use crate::unix_sockets::{self, There};

/// Longest wait for somebody to take a connection.
const KNOCK: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(20);

/// What our own proxy writes when both its ports are bound.
#[derive(Debug, Deserialize)]
struct Ready {
    pid: u32,
    public: String,
    api: String,
}

/// Reads the file of the proxy `pid`; none when it is not there yet, or is an older one's.
pub(super) fn read(file: &Path, pid: u32) -> Option<ProxyAddresses> {
    let text = std::fs::read_to_string(file).ok()?;
    let ready: Ready = serde_json::from_str(&text).ok()?;
    (ready.pid == pid).then(|| ProxyAddresses {
        public: reachable(&ready.public),
        api: reachable(&ready.api),
    })
}

/// Waits for the file of the proxy `pid`.
pub(super) async fn wait(file: &Path, pid: u32) -> ProxyAddresses {
    loop {
        if let Some(addresses) = read(file, pid) {
            return addresses;
        }
        sleep(PAUSE).await;
    }
}

/// Waits until something listens at both addresses.
pub(super) async fn connects(addresses: &ProxyAddresses) {
    for url in [&addresses.public, &addresses.api] {
        while knock(url).await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// The address of the two where something listens already.
pub(super) async fn taken(addresses: &ProxyAddresses) -> Option<&str> {
    for url in [&addresses.public, &addresses.api] {
        let is_taken = match socket(url) {
            Some(path) => unix_sockets::look(&path).await == There::Alive,
            None => matches!(tokio::time::timeout(KNOCK, knock(url)).await, Ok(Ok(()))),
        };
        if is_taken {
            return Some(url);
        }
    }
    None
}

/// Removes what a proxy that was killed has left of its sockets, once nobody is known to listen there: not every proxy does
/// so itself.
pub(super) async fn remove_dead_sockets(addresses: &ProxyAddresses) {
    let urls = [&addresses.public, &addresses.api].into_iter();
    for path in urls.filter_map(|url| socket(url)) {
        if unix_sockets::look(&path).await == There::Dead {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The socket that a proxy's URL names; with TLS on it the scheme says so.
fn socket(url: &str) -> Option<PathBuf> {
    let url = url.replacen("https+", "http+", 1);
    socket_url::split(&url).map(|(path, _)| path)
}

/// Makes a connection and ends it.
async fn knock(url: &str) -> io::Result<()> {
    match socket(url) {
        Some(path) => UnixStream::connect(path).await.map(drop),
        None => TcpStream::connect(authority(url)).await.map(drop),
    }
}

/// `HOST:PORT` of a URL without a path.
fn authority(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    address.trim_end_matches('/')
}

/// The address as this machine reaches it: "all interfaces" is no place to connect to.
fn reachable(url: &str) -> String {
    url.trim_end_matches('/')
        .replace("//0.0.0.0:", "//127.0.0.1:")
        .replace("//[::]:", "//127.0.0.1:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sockets_that_are_dead_are_told_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| socket_url::origin(&dir.path().join(name));
        let addresses = ProxyAddresses {
            public: at("public").replacen("http+", "https+", 1),
            api: at("api"),
        };
        assert_eq!(taken(&addresses).await, None);
        let bind = |name: &str| std::os::unix::net::UnixListener::bind(dir.path().join(name));
        let public = bind("public").unwrap();
        assert_eq!(taken(&addresses).await, Some(addresses.public.as_str()));
        drop(public);
        assert_eq!(taken(&addresses).await, None);
        std::fs::write(dir.path().join("api"), "no socket").unwrap();
        remove_dead_sockets(&addresses).await;
        bind("public").unwrap();
        assert!(dir.path().join("api").exists());
    }

    #[test]
    fn only_the_file_of_the_same_process_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ready");
        assert_eq!(read(&file, 7), None);
        std::fs::write(
            &file,
            r#"{"pid":7,"public":"http://[::]:8000","api":"http://127.0.0.1:8001/"}"#,
        )
        .unwrap();
        let expected = ProxyAddresses {
            public: "http://127.0.0.1:8000".into(),
            api: "http://127.0.0.1:8001".into(),
        };
        assert_eq!(read(&file, 7), Some(expected));
        assert_eq!(read(&file, 8), None);
    }
}
