//! What every security case expects beside its own outcome: no 5xx, no panic, no secret in the log, and the next
//! ordinary request works.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use axum::http::Request;
use hub::config::Config;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Hub, PASSWORD, Reply};

/// A text that is shorter is no secret: it would be found anywhere.
const SHORTEST_SECRET: usize = 10;

/// What a request brings: kept until its answer is there.
#[derive(Debug)]
pub(crate) struct Asked {
    what: String,
    secrets: Vec<String>,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let header = |name: &str| {
            let values = request.headers().get_all(name).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        };
        let mut secrets: Vec<String> = header("authorization")
            .iter()
            .filter_map(|value| value.split_whitespace().last())
            .map(ToOwned::to_owned)
            .collect();
        let cookies = header("cookie").join(";");
        secrets.extend(
            cookies
                .split(';')
                .filter_map(|pair| pair.split_once('='))
                .map(|(_, value)| value.trim().to_owned()),
        );
        Self {
            what: format!("{} {}", request.method(), request.uri()),
            secrets,
        }
    }
}

/// Everything that was asked of a hub and answered.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    failures: Mutex<Vec<String>>,
    secrets: Mutex<BTreeSet<String>>,
}

impl Seen {
    pub(crate) fn note(&self, asked: Asked, reply: &Reply) {
        if reply.status.is_server_error() {
            let failure = format!("{} for {:.200}", reply.status, asked.what);
            self.failures.lock().unwrap().push(failure);
        }
        let mut secrets = self.secrets.lock().unwrap();
        secrets.extend(asked.secrets);
        let cookies = reply.set_cookies().into_iter();
        secrets.extend(cookies.map(|(_, rest)| rest.split(';').next().unwrap().to_owned()));
        secrets.extend(
            ["code", "state"]
                .iter()
                .filter_map(|name| reply.location_argument(name)),
        );
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
        secrets.extend(
            ["token", "access_token"]
                .iter()
                .filter_map(|name| body[*name].as_str().map(ToOwned::to_owned)),
        );
    }
}

/// The log of one test, as a hub with `log_level = "debug"` writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Collects what this thread logs from now on, in the form in which the hub writes it.
    pub(crate) fn collect_as_written(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .event_format(hub::telemetry::Lines(hub::config::LogFormat::Text))
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// Collects what this thread logs from now on.
    fn collect(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(hub::telemetry::filter(hub::config::LogLevel::Debug, false))
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A hub whose answers and log are watched. At its end a case calls [`Watched::is_well`].
pub(crate) struct Watched {
    hub: Hub,
    pub(crate) log: Log,
    _collecting: DefaultGuard,
}

impl Deref for Watched {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

impl Watched {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let log = Log::default();
        let collecting = log.collect();
        Self {
            hub: Hub::with(change).await,
            log,
            _collecting: collecting,
        }
    }

    /// The hub that comes after this one; see [`Hub::restarted`].
    pub(crate) async fn restarted(
        self,
        cookie_secret: [u8; 32],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let secrets = std::mem::take(&mut *self.hub.seen.secrets.lock().unwrap());
        let hub = self.hub.restarted(cookie_secret, change).await;
        *hub.seen.secrets.lock().unwrap() = secrets;
        Self { hub, ..self }
    }

    /// What the log must not hold, besides what the requests and answers show.
    pub(crate) fn secret(&self, secret: &str) {
        self.seen.secrets.lock().unwrap().insert(secret.to_owned());
    }

    /// Nothing failed, nothing panicked, no secret is in the log, and the next ordinary request works.
    #[track_caller]
    pub(crate) fn is_well(&self) -> impl Future<Output = ()> {
        let here = std::panic::Location::caller();
        async move {
            self.request("GET", "/hub/health").send().await.expect(200);
            let browser = self.log_in("alice").await;
            let page = self.request("GET", "/hub/home").browser(&browser).send();
            page.await.expect(200);
            let failures = self.seen.failures.lock().unwrap();
            assert!(failures.is_empty(), "{here}: {failures:#?}");
            let log = self.log.text();
            assert!(!log.contains("panicked"), "{here}: {log}");
            assert!(!log.is_empty(), "{here}: nothing was logged");
            let secrets = self.seen.secrets.lock().unwrap();
            for secret in secrets.iter().map(String::as_str).chain([PASSWORD]) {
                let leak = log
                    .lines()
                    .find(|line| secret.len() >= SHORTEST_SECRET && line.contains(secret));
                assert_eq!(leak, None, "{here}: {secret:?} is in the log");
            }
        }
    }
}
