//! Numbers for Prometheus, under the names of JupyterHub 6.1.
//!
//! Every hub has numbers of its own: nothing here is global. A metric exists from the start with every label that is
//! known beforehand, so that dashboards and alerts find it before it first happens.
//!
//! To add one: a name in `HISTOGRAMS` (or its own constant), a method that says when it is counted.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString,
};
use ::metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use hub_types::env::{
    EnvSource, JUPYTERHUB_METRICS_PREFIX, JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS,
    JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS,
};
use services::supervisor::{ServiceStatus, State};

/// `Content-Type` of [`Metrics::page`], as JupyterHub sends it.
pub const CONTENT_TYPE: &str = "text/plain; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of most histograms, in seconds. Source: the Python client of Prometheus.
const BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Of starts, which take longer. Source: JupyterHub 6.1.
const SPAWN_BUCKETS: &[f64] = &[
    0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0,
];

/// Of the scheduler, finer between 50 and 75 ms. Source: JupyterHub 6.1.
const LOOP_BUCKETS: &[f64] = &[
    0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

const REQUEST: &str = "request_duration_seconds";
const SPAWN: &str = "server_spawn_duration_seconds";
const STOP: &str = "server_stop_seconds";
const POLL: &str = "server_poll_duration_seconds";
const CHECK_ROUTES: &str = "check_routes_duration_seconds";
const PROXY_POLL: &str = "proxy_poll_duration_seconds";
const PROXY_ADD: &str = "proxy_add_duration_seconds";
const PROXY_DELETE: &str = "proxy_delete_duration_seconds";
const STARTUP: &str = "hub_startup_duration_seconds";
const INIT_SPAWNERS: &str = "init_spawners_duration_seconds";
const LOGIN: &str = "login_duration_seconds";
const LOGOUT: &str = "logout_duration_seconds";
const LOOP: &str = "event_loop_interval_seconds";
const RUNNING: &str = "running_servers";
const USERS: &str = "total_users";
const ACTIVE: &str = "active_users";
const REPORTS: &str = "csp_reports_total";
const SERVICE_STATE: &str = "service_state";
const SERVICE_RESTARTS: &str = "service_restarts_total";
const SERVICE_ANSWERS: &str = "service_answers";

const DESCRIPTIONS: &[(&str, &str)] = &[
    (REQUEST, "Time of HTTP requests"),
    (SPAWN, "Time of starts of servers"),
    (STOP, "Time of stops of servers"),
    (POLL, "Time of questions whether a server still runs"),
    (
        CHECK_ROUTES,
        "Time of comparing and repairing all routes of the proxy",
    ),
    (PROXY_POLL, "Time of reading all routes from the proxy"),
    (PROXY_ADD, "Time of adding a route to the proxy"),
    (PROXY_DELETE, "Time of deleting a route from the proxy"),
    (
        STARTUP,
        "Time from the start of the hub until it served requests",
    ),
    (
        INIT_SPAWNERS,
        "Time of finding the servers that earlier hubs left",
    ),
    (LOGIN, "Time of logins"),
    (LOGOUT, "Time of logouts"),
    (
        LOOP,
        "How late the scheduler of the hub runs a task that is due",
    ),
    (RUNNING, "Servers that are not stopped"),
    (USERS, "Registered users"),
    (ACTIVE, "Users who were active within the period"),
    (
        REPORTS,
        "Reports of browsers that something on a page was blocked",
    ),
    (
        SERVICE_STATE,
        "What a managed service of the configuration is doing: 1 for its state, 0 for the others",
    ),
    (
        SERVICE_RESTARTS,
        "How often a managed service was started again since the hub started",
    ),
    (
        SERVICE_ANSWERS,
        "Whether a service of the configuration answers at its URL; absent as long as it was not asked",
    ),
];

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

/// How a start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnEnd {
    /// The server is ready.
    Success,
    /// It did not start.
    Failure,
    /// The hub could not do its part.
    Error,
    /// Refused: too many were starting.
    Throttled,
    /// Refused: too many were running.
    TooManyUsers,
    /// Refused: the server was being started or stopped.
    AlreadyPending,
}

impl SpawnEnd {
    const ALL: [Self; 6] = [
        Self::Success,
        Self::Failure,
        Self::Error,
        Self::Throttled,
        Self::TooManyUsers,
        Self::AlreadyPending,
    ];

    fn labels(self) -> [(&'static str, &'static str); 2] {
        let (status, reason) = match self {
            Self::Success => (SUCCESS, ""),
            Self::Failure => (FAILURE, ""),
            Self::Error => ("error", ""),
            Self::Throttled => (FAILURE, "throttled"),
            Self::TooManyUsers => (FAILURE, "too-many-users"),
            Self::AlreadyPending => (FAILURE, "already-pending"),
        };
        [("status", status), ("reason", reason)]
    }
}

/// A period of `active_users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// How long it is.
    #[must_use]
    pub fn length(self) -> chrono::TimeDelta {
        chrono::TimeDelta::days(match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
        })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }
}

/// What the environment says of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsOptions {
    /// Stands before every name, with an underscore between; may be empty.
    pub prefix: String,
    /// Upper bounds of the buckets of starts, in seconds.
    pub spawn_buckets: Vec<f64>,
    /// Upper bounds of the buckets of stops, in seconds.
    pub stop_buckets: Vec<f64>,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self {
            prefix: "jupyterhub".to_owned(),
            spawn_buckets: SPAWN_BUCKETS.to_vec(),
            stop_buckets: BUCKETS.to_vec(),
        }
    }
}

/// A variable of the environment that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?} {why}")]
pub struct BadVariable {
    /// The variable.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// What is wrong, and what to write.
    pub why: &'static str,
}

impl MetricsOptions {
    /// Reads `JUPYTERHUB_METRICS_PREFIX` and the two lists of buckets.
    ///
    /// # Errors
    /// [`BadVariable`].
    pub fn from_env(env: &dyn EnvSource) -> Result<Self, BadVariable> {
        let default = Self::default();
        let prefix = env.get(JUPYTERHUB_METRICS_PREFIX);
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
        if let Some(prefix) = prefix.as_deref()
            && (prefix.starts_with(|c: char| c.is_ascii_digit()) || !prefix.bytes().all(word))
        {
            return Err(BadVariable {
                name: JUPYTERHUB_METRICS_PREFIX,
                value: prefix.to_owned(),
                why: "cannot begin a name of Prometheus; use letters, digits and underscores",
            });
        }
        let buckets = |name, default| {
            env.get_nonempty(name)
                .map_or(Ok(default), |text| buckets(name, text))
        };
        Ok(Self {
            prefix: prefix.unwrap_or(default.prefix),
            spawn_buckets: buckets(
                JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS,
                default.spawn_buckets,
            )?,
            stop_buckets: buckets(
                JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS,
                default.stop_buckets,
            )?,
        })
    }
}

/// Reads `0.5,1,inf`: numbers that go up. Infinity is always there and may be left out.
fn buckets(name: &'static str, text: String) -> Result<Vec<f64>, BadVariable> {
    let parsed: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match parsed {
        Ok(mut bounds) if bounds.is_sorted_by(|a: &f64, b| a < b) => {
            bounds.retain(|bound| bound.is_finite());
            if !bounds.is_empty() {
                return Ok(bounds);
            }
        }
        _ => {}
    }
    Err(BadVariable {
        name,
        value: text,
        why: "is no list of numbers of seconds that go up, such as 0.5,1,5,60",
    })
}

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

    /// A start came to its end.
    pub fn spawn(&self, end: SpawnEnd, took: Duration) {
        self.histogram(SPAWN, &end.labels()).record(took);
    }

    /// A stop came to its end.
    pub fn stop(&self, success: bool, took: Duration) {
        self.by_status(STOP, status(success), took);
    }

    /// A server was asked whether it runs.
    pub fn server_poll(&self, running: bool, took: Duration) {
        let status = if running { "running" } else { "stopped" };
        self.by_status(POLL, status, took);
    }

    /// All routes were compared.
    pub fn check_routes(&self, took: Duration) {
        self.histogram(CHECK_ROUTES, &[]).record(took);
    }

    /// All routes were read from the proxy.
    pub fn proxy_poll(&self, took: Duration) {
        self.histogram(PROXY_POLL, &[]).record(took);
    }

    /// A route was added.
    pub fn proxy_add(&self, success: bool, took: Duration) {
        self.by_status(PROXY_ADD, status(success), took);
    }

    /// A route was deleted.
    pub fn proxy_delete(&self, success: bool, took: Duration) {
        self.by_status(PROXY_DELETE, status(success), took);
    }

    /// The hub serves requests.
    pub fn hub_started(&self, took: Duration) {
        self.histogram(STARTUP, &[]).record(took);
    }

    /// The servers that earlier hubs left have been looked at.
    pub fn servers_found(&self, took: Duration) {
        self.histogram(INIT_SPAWNERS, &[]).record(took);
    }

    /// Somebody tried to log in.
    pub fn login(&self, success: bool, took: Duration) {
        self.by_status(LOGIN, status(success), took);
    }

    /// Somebody logged out.
    pub fn logout(&self, took: Duration) {
        self.histogram(LOGOUT, &[]).record(took);
    }

    /// A task that was due was run this much later (never less than the resolution of the measurement).
    pub fn event_loop(&self, delay: Duration) {
        self.histogram(LOOP, &[]).record(delay);
    }

    /// A browser blocked something.
    pub fn csp_report(&self) {
        self.counter(REPORTS).increment(1);
    }

    /// How many servers are not stopped.
    pub fn set_running_servers(&self, count: u64) {
        self.gauge(RUNNING, &[]).set(number(count));
    }

    /// How many users there are.
    pub fn set_total_users(&self, count: u64) {
        self.gauge(USERS, &[]).set(number(count));
    }

    /// How many users were active within a period.
    pub fn set_active_users(&self, period: Period, count: u64) {
        let labels = [("period", period.label())];
        self.gauge(ACTIVE, &labels).set(number(count));
    }

    /// How a service of the configuration is. (Of those, because they stay as long as this process: what has been shown
    /// once is shown for ever.)
    /// `has_url`: whether there is anything to answer.
    pub fn set_service(&self, name: &str, status: &ServiceStatus, has_url: bool) {
        let named = |metric: &str, state: Option<&'static str>| {
            let mut labels = vec![Label::new("service", name.to_owned())];
            labels.extend(state.map(|state| Label::from_static_parts("state", state)));
            Key::from_parts(self.name(metric), labels)
        };
        let gauge = |key: &Key, on: bool| {
            let gauge = self.0.recorder.register_gauge(key, &metadata());
            gauge.set(if on { 1.0 } else { 0.0 });
        };
        if status.state != State::External {
            for state in State::MANAGED {
                gauge(
                    &named(SERVICE_STATE, Some(state.as_str())),
                    state == status.state,
                );
            }
            let restarts = named(SERVICE_RESTARTS, None);
            let restarts = self.0.recorder.register_counter(&restarts, &metadata());
            restarts.absolute(status.restarts);
        }
        // A service that does not run does not answer either; one that has just been started was not asked yet.
        let silent = status.state != State::External && status.state != State::Running;
        let answers = status.answers.or(silent.then_some(false));
        if let (true, Some(answers)) = (has_url, answers) {
            gauge(&named(SERVICE_ANSWERS, None), answers);
        }
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn everything_is_there_from_the_start_and_counts() {
        let metrics = Metrics::new(&MetricsOptions::default()).unwrap();
        metrics.set_running_servers(0);
        metrics.set_total_users(3);
        for period in Period::ALL {
            metrics.set_active_users(period, 0);
        }
        metrics.request(
            "GET",
            "/hub/api/users/{user}",
            200,
            Duration::from_millis(30),
        );
        metrics.spawn(SpawnEnd::Success, Duration::from_secs(3));
        let failed = ServiceStatus {
            state: State::Backoff,
            restarts: 4,
            ..ServiceStatus::default()
        };
        metrics.set_service("grader", &failed, true);
        metrics.set_service("culler", &failed, false);
        let page = metrics.page();
        for (name, _) in DESCRIPTIONS {
            assert!(
                page.contains(&format!("# HELP jupyterhub_{name} ")),
                "{name}: {page}"
            );
        }
        assert!(
            !page.contains("service_answers{service=\"culler\"}"),
            "{page}"
        );
        for line in [
            "jupyterhub_total_users 3",
            "jupyterhub_csp_reports_total 0",
            "jupyterhub_active_users{period=\"7d\"} 0",
            "jupyterhub_request_duration_seconds_bucket{method=\"GET\",handler=\"/hub/api/users/{user}\",code=\"200\",le=\"0.025\"} 0",
            "jupyterhub_request_duration_seconds_bucket{method=\"GET\",handler=\"/hub/api/users/{user}\",code=\"200\",le=\"0.05\"} 1",
            "jupyterhub_server_spawn_duration_seconds_bucket{status=\"success\",reason=\"\",le=\"2.5\"} 0",
            "jupyterhub_server_spawn_duration_seconds_bucket{status=\"success\",reason=\"\",le=\"5\"} 1",
            "jupyterhub_server_spawn_duration_seconds_count{status=\"failure\",reason=\"throttled\"} 0",
            "jupyterhub_proxy_add_duration_seconds_count{status=\"failure\"} 0",
            "jupyterhub_event_loop_interval_seconds_count 0",
            "jupyterhub_service_state{service=\"grader\",state=\"backoff\"} 1",
            "jupyterhub_service_state{service=\"grader\",state=\"running\"} 0",
            "jupyterhub_service_restarts_total{service=\"grader\"} 4",
            "jupyterhub_service_answers{service=\"grader\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn the_environment_names_prefix_and_buckets() {
        let read = |name: &str, value: &str| {
            MetricsOptions::from_env(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
        };
        let options = read("JUPYTERHUB_METRICS_PREFIX", "lab").unwrap();
        let page = Metrics::new(&options).unwrap().page();
        assert!(
            page.contains("lab_logout_duration_seconds_count 0"),
            "{page}"
        );
        let options = read("JUPYTERHUB_METRICS_PREFIX", "").unwrap();
        assert!(
            Metrics::new(&options)
                .unwrap()
                .page()
                .contains("\nlogout_duration_seconds_count 0")
        );
        assert!(read("JUPYTERHUB_METRICS_PREFIX", "1 lab").is_err());
        let name = "JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS";
        assert_eq!(read(name, " 1, 2.5,inf").unwrap().spawn_buckets, [1.0, 2.5]);
        assert_eq!(read(name, "").unwrap(), MetricsOptions::default());
        for bad in ["1,1", "2,1", "x", "inf", "1,,2", "nan"] {
            assert!(read(name, bad).is_err(), "{bad}");
        }
    }
}
