//! Numbers in Prometheus' text format: configurable-http-proxy's names, and ours.
//!
//! A counter is an atomic that is always there, so that counting takes no lock and no look-up.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::observe::process;

/// Upper bounds of the buckets of a histogram, in seconds.
const BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// Goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, delta: i64) {
        self.0.fetch_add(delta, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Answers by status.
#[derive(Debug)]
pub(crate) struct ByStatus(Box<[AtomicU64]>);

impl Default for ByStatus {
    fn default() -> Self {
        Self((0..1000).map(|_| AtomicU64::new(0)).collect())
    }
}

impl ByStatus {
    pub(crate) fn add(&self, status: u16) {
        if let Some(count) = self.0.get(usize::from(status)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How often something took how long.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Timing {
    pub(crate) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(at) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn sum(&self) -> f64 {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) api_route_get: Counter,
    pub(crate) api_route_add: Counter,
    pub(crate) api_route_delete: Counter,
    pub(crate) find_target_for_req: Timing,
    pub(crate) last_activity_updating: Timing,
    pub(crate) requests_ws: Counter,
    pub(crate) requests_web: Counter,
    pub(crate) requests_proxy: ByStatus,
    pub(crate) requests_api: ByStatus,
    /// Time to a target's head.
    pub(crate) target: Timing,
    /// Times of whole requests by the first digit of the status.
    durations: [Timing; 6],
    pub(crate) in_flight: Gauge,
    pub(crate) retries: Counter,
    pub(crate) connections: Counter,
    pub(crate) open_public: Gauge,
    pub(crate) open_api: Gauge,
}

impl Metrics {
    /// Where requests with an answer of `status` are timed.
    pub(crate) fn duration(&self, status: u16) -> &Timing {
        &self.durations[usize::from(status / 100).min(5)]
    }

    /// The page, with the present number of routes and tunnels.
    pub(crate) fn page(&self, routes: usize, tunnels: usize) -> String {
        let mut page = Page::default();
        page.counter(
            "api_route_get",
            "Count of API route get requests",
            &self.api_route_get,
        );
        page.counter(
            "api_route_add",
            "Count of API route add requests",
            &self.api_route_add,
        );
        page.counter(
            "api_route_delete",
            "Count of API route delete requests",
            &self.api_route_delete,
        );
        page.summary(
            "find_target_for_req",
            "Time to find the target of a request",
            &self.find_target_for_req,
        );
        page.summary(
            "last_activity_updating",
            "Time to update a last activity",
            &self.last_activity_updating,
        );
        page.counter(
            "requests_ws",
            "Count of websocket requests",
            &self.requests_ws,
        );
        page.counter("requests_web", "Count of web requests", &self.requests_web);
        page.by_status(
            "requests_proxy",
            "Count of proxy requests",
            &self.requests_proxy,
        );
        page.by_status("requests_api", "Count of API requests", &self.requests_api);
        self.ours(&mut page, routes, tunnels);
        page.0.push_str(&process::page());
        page.0
    }

    fn ours(&self, page: &mut Page, routes: usize, tunnels: usize) {
        let name = "proxy_request_duration_seconds";
        page.head(
            name,
            "Time from a request's head to the end of its answer",
            "histogram",
        );
        for (class, timing) in self.durations.iter().enumerate().skip(1) {
            page.histogram(name, &format!("class=\"{class}xx\""), timing);
        }
        let name = "proxy_target_seconds";
        page.head(
            name,
            "Time from sending a request to the head of the target's answer",
            "histogram",
        );
        page.histogram(name, "", &self.target);
        page.counter(
            "proxy_retries_total",
            "Requests sent again because a kept connection had died",
            &self.retries,
        );
        page.counter(
            "proxy_connections_total",
            "Connections accepted",
            &self.connections,
        );
        let open = "proxy_connections_open";
        page.head(open, "Connections that are open, without tunnels", "gauge");
        for (listener, gauge) in [("public", &self.open_public), ("api", &self.open_api)] {
            let _ = writeln!(page.0, "{open}{{listener=\"{listener}\"}} {}", gauge.get());
        }
        page.gauge("proxy_websockets_open", "WebSockets that are open", tunnels);
        page.gauge(
            "proxy_requests_in_flight",
            "Requests being answered",
            self.in_flight.get(),
        );
        page.gauge("proxy_routes", "Routes in the table", routes);
    }
}

/// Text being written.
#[derive(Debug, Default)]
pub(crate) struct Page(pub(crate) String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(crate) fn value(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        value: impl std::fmt::Display,
    ) {
        self.head(name, help, kind);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.value(name, help, "counter", counter.get());
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.value(name, help, "gauge", value);
    }

    fn summary(&mut self, name: &str, help: &str, timing: &Timing) {
        self.head(name, help, "summary");
        let count = timing.count.load(Ordering::Relaxed);
        let _ = write!(
            self.0,
            "{name}_sum {}\n{name}_count {count}\n",
            timing.sum()
        );
    }

    fn by_status(&mut self, name: &str, help: &str, counts: &ByStatus) {
        self.head(name, help, "counter");
        for (status, count) in counts.0.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let _ = writeln!(self.0, "{name}{{status=\"{status}\"}} {count}");
            }
        }
    }

    fn histogram(&mut self, name: &str, label: &str, timing: &Timing) {
        let comma = if label.is_empty() { "" } else { "," };
        let braced = if label.is_empty() {
            String::new()
        } else {
            format!("{{{label}}}")
        };
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(&timing.buckets) {
            below += count.load(Ordering::Relaxed);
            let _ = writeln!(
                self.0,
                "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {below}"
            );
        }
        let count = timing.count.load(Ordering::Relaxed);
        let _ = writeln!(self.0, "{name}_bucket{{{label}{comma}le=\"+Inf\"}} {count}");
        let _ = writeln!(self.0, "{name}_sum{braced} {}", timing.sum());
        let _ = writeln!(self.0, "{name}_count{braced} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        for millis in [0, 1, 30, 700_000] {
            metrics.duration(200).observe(Duration::from_millis(millis));
        }
        metrics.requests_proxy.add(200);
        metrics.requests_proxy.add(9999);
        let page = metrics.page(3, 2);
        for line in [
            "proxy_request_duration_seconds_bucket{class=\"2xx\",le=\"0.001\"} 2",
            "proxy_request_duration_seconds_bucket{class=\"2xx\",le=\"0.05\"} 3",
            "proxy_request_duration_seconds_bucket{class=\"2xx\",le=\"60\"} 3",
            "proxy_request_duration_seconds_bucket{class=\"2xx\",le=\"+Inf\"} 4",
            "proxy_request_duration_seconds_count{class=\"2xx\"} 4",
            "proxy_target_seconds_bucket{le=\"+Inf\"} 0",
            "requests_proxy{status=\"200\"} 1",
            "# TYPE find_target_for_req summary",
            "find_target_for_req_count 0",
            "proxy_routes 3",
            "proxy_websockets_open 2",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }
}
