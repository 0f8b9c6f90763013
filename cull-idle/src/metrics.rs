//! Numbers for Prometheus: served at `--metrics-address`, written to `--metrics-file` after each sweep.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use hub_types::clock::{Clock as _, SystemClock};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::report::Summary;
use crate::settings::Settings;

const SWEEPS: &str = "cull_idle_sweeps_total";
const SERVERS_CULLED: &str = "cull_idle_servers_culled_total";
const USERS_CULLED: &str = "cull_idle_users_culled_total";
const ANNOUNCED: &str = "cull_idle_notices_total";
const BECAME_ACTIVE: &str = "cull_idle_became_active_total";
const STILL_STOPPING: &str = "cull_idle_still_stopping_total";
const FAILED: &str = "cull_idle_failures_total";
const SERVERS: &str = "cull_idle_servers";
const USERS: &str = "cull_idle_users";
const SUSPICIOUS: &str = "cull_idle_suspicious";
const DURATION: &str = "cull_idle_last_sweep_duration_seconds";
const LAST: &str = "cull_idle_last_sweep_timestamp_seconds";

/// The address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("--metrics-address={address}: {reason}")]
pub struct MetricsError {
    address: SocketAddr,
    reason: std::io::Error,
}

/// The numbers of this process.
#[derive(Debug)]
pub struct Metrics {
    recorder: Recorder,
    listener: Mutex<Option<TcpListener>>,
    file: Option<PathBuf>,
}

/// The recorder, which says nothing of itself.
struct Recorder(PrometheusRecorder);

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Metrics {
    /// All numbers at zero, and the address of `settings` taken.
    ///
    /// # Errors
    /// When the address is taken by somebody else, or not ours.
    pub async fn new(settings: &Settings) -> Result<Self, MetricsError> {
        let listener = match settings.metrics_address {
            None => None,
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                let listener = listener.map_err(|reason| MetricsError { address, reason })?;
                if let Ok(address) = listener.local_addr() {
                    info!("numbers for Prometheus: http://{address}/metrics");
                }
                Some(listener)
            }
        };
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, start_at_zero);
        Ok(Self {
            recorder: Recorder(recorder),
            listener: Mutex::new(listener),
            file: settings.metrics_file.clone(),
        })
    }

    /// Counts a sweep, or an attempt that came to nothing (`None`), and writes the file.
    pub async fn note(&self, summary: Option<&Summary>) {
        metrics::with_local_recorder(&self.recorder.0, || count(summary));
        if let Some(file) = &self.file
            && let Err(error) = replace(file, &self.page()).await
        {
            warn!("--metrics-file={}: {error}", file.display());
        }
    }

    /// All numbers in the text format of Prometheus.
    #[must_use]
    pub fn page(&self) -> String {
        self.recorder.0.handle().render()
    }

    /// Serves the numbers; never ends. Without an address, or when it is served already, it only waits.
    pub async fn serve(&self) {
        let listener = self
            .listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(listener) = listener {
            let handle = self.recorder.0.handle();
            let page = move || {
                let text = handle.render();
                async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
            };
            let app = Router::new().route("/metrics", get(page));
            if let Err(error) = axum::serve(listener, app).await {
                warn!("--metrics-address: {error}");
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Dashboards find every number before it first counts.
fn start_at_zero() {
    for (name, what) in [
        (SERVERS_CULLED, "Servers that were stopped"),
        (USERS_CULLED, "Users that were deleted"),
        (ANNOUNCED, "Servers whose stop was announced"),
        (
            BECAME_ACTIVE,
            "Servers and users that were used between reading and stopping",
        ),
        (
            STILL_STOPPING,
            "Servers that were still stopping when the hub answered",
        ),
        (
            FAILED,
            "Servers and users that could not be stopped or deleted",
        ),
    ] {
        describe_counter!(name, what);
        counter!(name).absolute(0);
    }
    describe_counter!(SWEEPS, "Sweeps, by how they ended");
    for result in ["done", "failed"] {
        counter!(SWEEPS, "result" => result).absolute(0);
    }
    for (name, what) in [
        (SERVERS, "Servers that the last sweep looked at"),
        (
            USERS,
            "Users that the last sweep looked at; without --cull-users only those with servers",
        ),
        (
            SUSPICIOUS,
            "Servers and users that the last sweep kept because of missing or contradictory data",
        ),
        (DURATION, "How long the last sweep took"),
        (LAST, "When the last sweep was done (Unix time)"),
    ] {
        describe_gauge!(name, what);
    }
}

fn count(summary: Option<&Summary>) {
    let Some(summary) = summary else {
        return counter!(SWEEPS, "result" => "failed").increment(1);
    };
    counter!(SWEEPS, "result" => "done").increment(1);
    if !summary.dry_run {
        for (name, count) in [
            (SERVERS_CULLED, summary.servers_culled),
            (USERS_CULLED, summary.users_culled),
            (ANNOUNCED, summary.announced),
            (BECAME_ACTIVE, summary.became_active),
            (STILL_STOPPING, summary.still_stopping),
            (FAILED, summary.failed),
        ] {
            counter!(name).increment(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
    for (name, count) in [
        (SERVERS, summary.servers),
        (USERS, summary.users),
        (SUSPICIOUS, summary.suspicious),
    ] {
        gauge!(name).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
    gauge!(DURATION).set(summary.took.as_secs_f64());
    let seconds = SystemClock.now().timestamp();
    gauge!(LAST).set(f64::from(u32::try_from(seconds).unwrap_or(u32::MAX)));
}

/// Replaces a file in one step: a reader finds the old text or the new one.
async fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    tokio::fs::write(&draft, text).await?;
    tokio::fs::rename(&draft, file).await
}

#[cfg(test)]
mod tests;
