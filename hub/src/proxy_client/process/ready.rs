//! Waiting until a proxy listens.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::ProxyAddresses;

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
        while TcpStream::connect(authority(url)).await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// The address of the two where something listens already.
pub(super) async fn taken(addresses: &ProxyAddresses) -> Option<&str> {
    for url in [&addresses.public, &addresses.api] {
        let knock = TcpStream::connect(authority(url));
        if matches!(tokio::time::timeout(KNOCK, knock).await, Ok(Ok(_))) {
            return Some(url);
        }
    }
    None
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
