//! Pebble, the ACME server that Let's Encrypt tests clients with: <https://github.com/letsencrypt/pebble>.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::certs::{Authority, trusting};
use crate::harness::{eventually, get, soon};

/// A running Pebble; killed on drop.
pub(crate) struct Pebble {
    authority: Authority,
    /// Where its directory is.
    pub(crate) directory: String,
    management: SocketAddr,
    _child: Child,
}

impl Pebble {
    /// Starts a Pebble that looks for names at these ports of this machine.
    pub(crate) async fn start(tls_port: u16, http_port: u16) -> Self {
        let (authority, ip) = (Authority::new(), own_address());
        let issued = authority.issue_for(&["localhost", &ip.to_string()]);
        // It cannot be told to take any free port, so something else of this test may take ours first.
        for _ in 0..5 {
            let [listen, management] = free_ports(ip).await;
            let config = json!({"pebble": {
                "listenAddress": listen.to_string(),
                "managementListenAddress": management.to_string(),
                "certificate": authority.file("pebble.pem", &issued.chain),
                "privateKey": authority.file("pebble-key.pem", &issued.key),
                "httpPort": http_port,
                "tlsPort": tls_port,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": false,
            }});
            let config = authority.file("pebble.json", &config.to_string());
            let mut child = Command::new("pebble")
                .args(["-config", &config])
                .env("PEBBLE_VA_NOSLEEP", "1")
                // By default it refuses one good nonce in twenty. Three in a row, and the next try is in two minutes.
                .env("PEBBLE_WFE_NONCEREJECT", "0")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect(
                    "pebble is installed: run tests/run --peers-only, or apt-get install pebble",
                );
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            while let Some(line) = soon(lines.next_line()).await.unwrap() {
                if line.contains("ACME directory available at") {
                    // What it says later has to go somewhere.
                    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                    // It says so before it listens.
                    for address in [listen, management] {
                        eventually("pebble listens", async || {
                            TcpStream::connect(address).await.is_ok()
                        })
                        .await;
                    }
                    return Self {
                        authority,
                        directory: format!("https://{listen}/dir"),
                        management,
                        _child: child,
                    };
                }
            }
        }
        panic!("pebble does not start");
    }

    /// The file of who signed the certificate of Pebble's own server.
    pub(crate) fn ca(&self) -> String {
        self.authority.ca()
    }

    /// Who signs what it issues.
    pub(crate) async fn roots(&self) -> RootCertStore {
        let connecting = self.authority.connect(self.management, "http/1.1", None);
        let stream = TokioIo::new(connecting.await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let answer = soon(sender.send_request(get("/roots/0"))).await.unwrap();
        let pem = answer.into_body().collect().await.unwrap().to_bytes();
        trusting(std::str::from_utf8(&pem).unwrap())
    }
}

/// A loopback address that no other process uses: its ports are ours.
fn own_address() -> Ipv4Addr {
    let [_, rest @ ..] = std::process::id().to_be_bytes();
    let [a, b, c] = rest;
    Ipv4Addr::new(127, a, b, c)
}

/// Two ports where nobody listens now.
async fn free_ports(ip: Ipv4Addr) -> [SocketAddr; 2] {
    let one = TcpListener::bind((ip, 0)).await.unwrap();
    let two = TcpListener::bind((ip, 0)).await.unwrap();
    [one, two].map(|listener| listener.local_addr().unwrap())
}
