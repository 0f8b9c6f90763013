//! HAProxy as a hub's proxy: one map of routes, changed over its socket while it runs.
//!
//! [`CLASS`] is what a hub is given; [`HaProxy`] does the work; `entry` says how a route stands in the map. HAProxy itself
//! is started by somebody else, with the `haproxy.cfg` beside this crate.

mod entry;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hub::proxy_client::registry::{BuildError, Built, ProxyClass, ProxyContext};
use hub::proxy_client::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::entry::Entry;

/// `proxy_class = "haproxy"`, with its settings under `[HAProxy]`.
pub const CLASS: ProxyClass = ProxyClass {
    name: "haproxy",
    section: "HAProxy",
    build,
};

/// Longest wait for HAProxy's answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest command that HAProxy takes, in bytes: a little less than its buffer (`tune.bufsize`, 16 KiB).
const LONGEST_COMMAND: usize = 15 << 10;

/// `[HAProxy]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// HAProxy's socket with `level admin`.
    pub socket: PathBuf,
    /// The map of routes, as HAProxy's configuration names it.
    pub map: String,
}

fn build(context: &ProxyContext) -> Result<Built, BuildError> {
    if context.config.proxy.should_start {
        return Err(
            "HAProxy is started by somebody else: write [Proxy] should_start = false".into(),
        );
    }
    let settings = Value::Object(context.settings.clone());
    let settings = Settings::deserialize(settings).map_err(|error| format!("[HAProxy] {error}"))?;
    Ok(Built {
        clients: vec![Arc::new(HaProxy::new(settings))],
        runner: None,
    })
}

/// Why HAProxy did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{socket}: {why}; check that HAProxy runs, and [HAProxy] socket")]
    Socket { socket: PathBuf, why: io::Error },
    #[error("HAProxy answered to `{command}`: {answer}")]
    Refused { command: String, answer: String },
    #[error(
        "{target} cannot be a target here: write http://ADDRESS:PORT, with an address, not a name"
    )]
    Target { target: String },
    #[error(
        "the route {routespec} cannot be told to HAProxy: ; and \\ end or change a command there"
    )]
    Routespec { routespec: String },
    #[error("the route {routespec} has more data than HAProxy takes, {LONGEST_COMMAND} bytes")]
    TooLong { routespec: String },
    #[error("the map holds what this hub did not write: {line}")]
    Foreign { line: String },
}

impl From<Failure> for ProxyError {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

/// How many connections to HAProxy's socket are open at once: it queues only a few.
const AT_ONCE: usize = 4;

/// HAProxy, through its socket.
#[derive(Debug)]
pub struct HaProxy {
    settings: Settings,
    slots: Semaphore,
}

impl HaProxy {
    /// Drives the HAProxy of these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// The map, as commands name it.
    fn map(&self) -> &str {
        &self.settings.map
    }

    /// Sends one command; the answer without the empty line that ends it.
    async fn tell(&self, command: &str) -> Result<String, Failure> {
        let socket: &Path = &self.settings.socket;
        let failed = |why| Failure::Socket {
            socket: socket.to_owned(),
            why,
        };
        // Before the clock starts: thousands of routes wait here for each other.
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|closed| failed(io::Error::other(closed)))?;
        let conversation = async {
            let mut stream = UnixStream::connect(socket).await?;
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer.trim_end().to_owned())
        };
        match tokio::time::timeout(PATIENCE, conversation).await {
            Ok(answer) => answer,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
        .map_err(failed)
    }

    /// Sends one command that succeeds without a word.
    async fn order(&self, command: String) -> Result<(), Failure> {
        match self.tell(&command).await? {
            answer if answer.is_empty() => Ok(()),
            answer => Err(Failure::Refused { command, answer }),
        }
    }
}

/// A routespec that is one word of a command.
fn checked(routespec: &str) -> Result<&str, Failure> {
    if routespec.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ';' | '\\'))
    {
        let routespec = routespec.to_owned();
        return Err(Failure::Routespec { routespec });
    }
    Ok(routespec)
}

#[async_trait]
impl ProxyClient for HaProxy {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let (map, spec) = (self.map(), checked(&route.routespec)?);
        let entry = Entry::of(route)?;
        let command = format!("set map {map} {spec} {entry}");
        if command.len() > LONGEST_COMMAND {
            let routespec = spec.to_owned();
            return Err(Failure::TooLong { routespec }.into());
        }
        // In place where there is one, so that no request finds it missing.
        match self.order(command).await {
            Err(Failure::Refused { answer, .. }) if answer.contains("not found") => {
                Ok(self.order(format!("add map {map} {spec} {entry}")).await?)
            }
            done => Ok(done?),
        }
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        match self
            .order(format!("del map {} {}", self.map(), checked(routespec)?))
            .await
        {
            Err(Failure::Refused { answer, .. }) if answer.contains("not found") => Ok(()),
            done => Ok(done?),
        }
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        let answer = self.tell(&format!("show map {}", self.map())).await?;
        let mut routes = Routes::new();
        for line in answer.lines().filter(|line| !line.is_empty()) {
            // Address of the entry in memory, key, value.
            let mut words = line.splitn(3, ' ').skip(1);
            let (Some(spec), Some(value)) = (words.next(), words.next()) else {
                let line = line.to_owned();
                return Err(Failure::Foreign { line }.into());
            };
            let route = Entry::parse(value)?.route(spec)?;
            let known = KnownRoute {
                route,
                last_activity: None,
            };
            routes.insert(spec.to_owned(), known);
        }
        Ok(routes)
    }
}
