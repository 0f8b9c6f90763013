//! Pebble, the ACME server that Let's Encrypt tests clients with: <https://github.com/letsencrypt/pebble>.

use std::net::SocketAddr;
use std::process::Stdio;

use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::certs::{Authority, trusting};
use crate::harness::{get, soon};

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
        let authority = Authority::new();
        let issued = authority.issue();
        // It cannot be told to take any free port, so another process may take ours first.
        for _ in 0..5 {
            let (listen, management) = (free_port().await, free_port().await);
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

async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
