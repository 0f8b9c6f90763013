//! A running proxy, ours or the real one, and its REST API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::{Process, eventually, peers, ports, programs};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::strict::Message;
use super::wire;

/// The API's token.
pub(super) const TOKEN: &str = "s3cret";

/// Longest wait for a proxy to listen: node takes a while on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// configurable-http-proxy, as npm has it.
    Theirs,
    /// hub-proxy.
    Ours,
}

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Theirs, Self::Ours];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Theirs => "configurable-http-proxy",
            Self::Ours => "hub-proxy",
        }
    }

    fn program(self) -> Command {
        match self {
            Self::Theirs => Command::new(peers::node_bin().join("configurable-http-proxy")),
            Self::Ours => Command::new(programs::path("hub-proxy")),
        }
    }
}

/// A proxy with its API.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) kind: Kind,
    pub(super) public: SocketAddr,
    pub(super) api: SocketAddr,
    process: Process,
    options: Vec<String>,
    folder: tempfile::TempDir,
}

impl Door {
    /// Starts a proxy on free ports, with further options.
    pub(super) async fn open(kind: Kind, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [public, api] = [ports::free(), ports::free()];
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let door = Self {
            kind,
            public: at(public),
            api: at(api),
            process: Self::spawn(kind, public, api, &options, folder.path()),
            options,
            folder,
        };
        door.listening().await;
        door
    }

    /// Starts both.
    pub(super) async fn both(options: &[&str]) -> [Self; 2] {
        let (theirs, ours) = tokio::join!(
            Self::open(Kind::Theirs, options),
            Self::open(Kind::Ours, options)
        );
        [theirs, ours]
    }

    fn spawn(kind: Kind, public: u16, api: u16, options: &[String], folder: &Path) -> Process {
        let mut command = kind.program();
        command
            .args(["--ip", "127.0.0.1", "--port", &public.to_string()])
            .args(["--api-ip", "127.0.0.1", "--api-port", &api.to_string()])
            .args(["--log-level", "error"])
            .args(options)
            .env("CONFIGPROXY_AUTH_TOKEN", TOKEN)
            .current_dir(folder);
        Process::start(kind.name(), command, &folder.join("log"))
    }

    async fn listening(&self) {
        for address in [self.public, self.api] {
            let what = format!("{} listens: {}", self.kind.name(), self.process.output());
            eventually(START, &what, async || {
                TcpStream::connect(address).await.is_ok()
            })
            .await;
        }
    }

    /// Kills the process and starts it again with the same options and ports.
    pub(super) async fn kill_and_restart(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(START).await;
        let (public, api) = (self.public.port(), self.api.port());
        self.process = Self::spawn(self.kind, public, api, &self.options, self.folder.path());
        self.listening().await;
    }

    /// Sends a request with the token to the API.
    pub(super) async fn call(&self, method: &str, path: &str, body: &str) -> Message {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nAuthorization: token {TOKEN}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        wire::ask(self.api, request.as_bytes()).await
    }

    /// Adds a route.
    pub(super) async fn route(&self, path: &str, target: &str) {
        let body = json!({ "target": target }).to_string();
        let answer = self
            .call("POST", &format!("/api/routes{path}"), &body)
            .await;
        assert_eq!(answer.status(), 201, "{answer:?}");
    }

    /// All routes.
    pub(super) async fn routes(&self) -> Value {
        let answer = self.call("GET", "/api/routes", "").await;
        serde_json::from_slice(&answer.body).expect("the routes are JSON")
    }

    /// How many files it has open.
    pub(super) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.id());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// Memory in use, in bytes.
    pub(super) fn memory(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("Linux tells the memory of a process")
            * 1024
    }

    /// What it has written.
    pub(super) fn log(&self) -> String {
        self.process.output()
    }
}
