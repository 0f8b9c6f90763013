//! Numbers for Prometheus, under the names of JupyterHub 6.1.
//!
//! Every hub has numbers of its own: nothing here is global. A metric exists from the start with every label that is
//! known beforehand, so that dashboards and alerts find it before it first happens.
//!
//! To add one: a name and its description in `names`, a method beside those of its family (`servers`, `people`,
//! `services`; here: of the hub itself) that says when it is counted.

mod names;
mod options;
mod people;
mod servers;
mod services;

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString,
};
use ::metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use self::names::{
    CHECK_ROUTES, DESCRIPTIONS, INIT_SPAWNERS, LOGIN, LOGOUT, LOOP, POLL, PROXY_ADD, PROXY_DELETE,
    PROXY_POLL, REPORTS, REQUEST, SPAWN, STARTUP, STOP,
};
use self::options::{BUCKETS, LOOP_BUCKETS};
pub use self::options::{BadVariable, MetricsOptions};
pub use self::people::Period;
pub use self::servers::SpawnEnd;

/// `Content-Type` of [`Metrics::page`], as JupyterHub sends it.
pub const CONTENT_TYPE: &str = "text/plain; version=1.0.0; charset=utf-8";

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

/// The numbers of one hub. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    prefix: String,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("prefix", &self.0.prefix)
            .finish_non_exhaustive()
    }
}

fn metadata() -> Metadata<'static> {
    Metadata::new(module_path!(), Level::INFO, None)
}

impl Metrics {
    /// Numbers that begin at zero.
    ///
    /// # Errors
    /// When there are no buckets.
    pub fn new(options: &MetricsOptions) -> Result<Self, BuildError> {
        let prefix = match options.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}_"),
        };
        let full = |name: &str| Matcher::Full(format!("{prefix}{name}"));
        let builder = PrometheusBuilder::new()
            .set_buckets(BUCKETS)?
            .set_buckets_for_metric(full(SPAWN), &options.spawn_buckets)?
            .set_buckets_for_metric(full(STOP), &options.stop_buckets)?
            .set_buckets_for_metric(full(LOOP), LOOP_BUCKETS)?;
        let recorder = builder.build_recorder();
        let metrics = Self(Arc::new(Inner {
            handle: recorder.handle(),
            recorder,
            prefix,
        }));
        metrics.begin();
        Ok(metrics)
    }

    /// Describes everything, and makes exist what has known labels.
    fn begin(&self) {
        for (name, text) in DESCRIPTIONS {
            let (name, text) = (self.name(name), SharedString::const_str(text));
            self.0
                .recorder
                .describe_histogram(name.clone(), None, text.clone());
            self.0
                .recorder
                .describe_gauge(name.clone(), None, text.clone());
            self.0.recorder.describe_counter(name, None, text);
        }
        for end in SpawnEnd::ALL {
            let _ = self.histogram(SPAWN, &end.labels());
        }
        for name in [STOP, PROXY_ADD, PROXY_DELETE, LOGIN] {
            for status in [SUCCESS, FAILURE] {
                let _ = self.histogram(name, &[("status", status)]);
            }
        }
        for status in ["running", "stopped"] {
            let _ = self.histogram(POLL, &[("status", status)]);
        }
        for name in [
            CHECK_ROUTES,
            PROXY_POLL,
            STARTUP,
            INIT_SPAWNERS,
            LOGOUT,
            LOOP,
        ] {
            let _ = self.histogram(name, &[]);
        }
        self.counter(REPORTS).increment(0);
    }

    fn name(&self, name: &str) -> KeyName {
        KeyName::from(format!("{}{name}", self.0.prefix))
    }

    fn key(&self, name: &str, labels: &[(&'static str, &'static str)]) -> Key {
        let labels: Vec<Label> = labels
            .iter()
            .map(|(name, value)| Label::from_static_parts(name, value))
            .collect();
        Key::from_parts(self.name(name), labels)
    }

    fn histogram(&self, name: &str, labels: &[(&'static str, &'static str)]) -> Histogram {
        let key = self.key(name, labels);
        self.0.recorder.register_histogram(&key, &metadata())
    }

    fn gauge(&self, name: &str, labels: &[(&'static str, &'static str)]) -> Gauge {
        let key = self.key(name, labels);
        self.0.recorder.register_gauge(&key, &metadata())
    }

    fn counter(&self, name: &str) -> Counter {
        self.0
            .recorder
            .register_counter(&self.key(name, &[]), &metadata())
    }

    fn by_status(&self, name: &str, status: &'static str, took: Duration) {
        self.histogram(name, &[("status", status)]).record(took);
    }

    /// A request was answered. `route` is the pattern of its path, never the path itself.
    pub fn request(&self, method: &str, route: &str, code: u16, took: Duration) {
        let labels = vec![
            Label::new("method", method.to_owned()),
            Label::new("handler", route.to_owned()),
            Label::new("code", code.to_string()),
        ];
        let key = Key::from_parts(self.name(REQUEST), labels);
        let histogram = self.0.recorder.register_histogram(&key, &metadata());
        histogram.record(took);
    }

    /// The hub serves requests.
    pub fn hub_started(&self, took: Duration) {
        self.histogram(STARTUP, &[]).record(took);
    }

    /// A task that was due was run this much later (never less than the resolution of the measurement).
    pub fn event_loop(&self, delay: Duration) {
        self.histogram(LOOP, &[]).record(delay);
    }

    /// A browser blocked something.
    pub fn csp_report(&self) {
        self.counter(REPORTS).increment(1);
    }

    /// Sorts what was recorded into its buckets: until then every single observation is kept.
    pub fn tidy(&self) {
        self.0.handle.run_upkeep();
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn page(&self) -> String {
        self.0.handle.render()
    }
}

fn status(success: bool) -> &'static str {
    if success { SUCCESS } else { FAILURE }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody has more than 2^53 servers or users"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
