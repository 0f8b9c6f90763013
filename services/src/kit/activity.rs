//! When a single-user server was last used, and telling the hub: what the culler goes by.
//!
//! Only for programs that are somebody's server (`JUPYTERHUB_ACTIVITY_URL`). Of services the hub knows itself when they used
//! their token.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use hubauth::HubClient;
//! use hubauth::types::clock::SystemClock;
//! use hubauth::types::env::ProcessEnv;
//! use services::kit::activity::{LastUse, Reporter};
//!
//! # fn start(hub: &HubClient) {
//! let last_use = Arc::new(LastUse::new(Arc::new(SystemClock)));
//! if let Some(report) = Reporter::from_env(hub, &last_use, &ProcessEnv) {
//!     tokio::spawn(report.run());
//! }
//! last_use.note(); // whenever somebody really does something: not for polls and health checks
//! # }
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hub_types::clock::Clock;
use hub_types::env::{
    EnvSource, JUPYTERHUB_ACTIVITY_INTERVAL, JUPYTERHUB_ACTIVITY_URL, JUPYTERHUB_SERVER_NAME,
    JUPYTERHUB_USER,
};
use hub_types::user::{ActivityReport, ServerActivity};
use hubauth::HubClient;

/// Seconds between reports. Source: single-user servers of JupyterHub.
const DEFAULT_INTERVAL: f64 = 300.0;

/// The last time anybody used the server.
#[derive(Debug)]
pub struct LastUse {
    clock: Arc<dyn Clock>,
    at: Mutex<Option<DateTime<Utc>>>,
}

impl LastUse {
    /// Not used yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            at: Mutex::default(),
        }
    }

    /// It is being used now.
    pub fn note(&self) {
        let now = self.clock.now();
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// When that was, if it is news: later than what was reported.
    #[must_use]
    pub fn news(&self, reported: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.filter(|at| reported.is_none_or(|reported| *at > reported))
    }
}

/// Tells the hub from time to time.
#[derive(Debug)]
pub struct Reporter {
    client: HubClient,
    user: String,
    server: String,
    interval: Duration,
    last_use: Arc<LastUse>,
}

impl Reporter {
    /// Reads whose server this is. `None` when the environment names no URL to report to: then nothing is reported.
    #[must_use]
    pub fn from_env(
        hub: &HubClient,
        last_use: &Arc<LastUse>,
        env: &impl EnvSource,
    ) -> Option<Self> {
        env.get_nonempty(JUPYTERHUB_ACTIVITY_URL)?;
        let interval = env
            .get_nonempty(JUPYTERHUB_ACTIVITY_INTERVAL)
            .and_then(|text| text.parse().ok())
            .filter(|seconds: &f64| *seconds >= 1.0)
            .unwrap_or(DEFAULT_INTERVAL);
        Some(Self {
            client: hub.clone(),
            user: env.get_nonempty(JUPYTERHUB_USER)?,
            server: env.get(JUPYTERHUB_SERVER_NAME).unwrap_or_default(),
            interval: Duration::try_from_secs_f64(interval).unwrap_or(Duration::MAX),
            last_use: Arc::clone(last_use),
        })
    }

    /// Reports whenever there is news, at most once per interval. Ends with the program. What could not be reported is
    /// tried again at the next interval; the proxy reports too.
    pub async fn run(self) {
        let mut reported = None;
        loop {
            tokio::time::sleep(self.interval).await;
            let Some(at) = self.last_use.news(reported) else {
                continue;
            };
            let report = ActivityReport {
                last_activity: Some(at),
                servers: [(self.server.clone(), ServerActivity { last_activity: at })].into(),
            };
            match self.client.report_activity(&self.user, &report).await {
                Ok(()) => reported = Some(at),
                Err(error) => tracing::warn!(%error, "cannot report activity to the hub"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use hub_types::clock::FakeClock;

    use super::*;

    #[test]
    fn only_real_use_is_news() {
        let start = DateTime::UNIX_EPOCH;
        let clock = FakeClock::at(start);
        let last_use = LastUse::new(Arc::new(clock.clone()));
        assert_eq!(last_use.news(None), None);
        last_use.note();
        assert_eq!(last_use.news(None), Some(start));
        assert_eq!(last_use.news(Some(start)), None);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(last_use.news(Some(start)), None);
        last_use.note();
        assert_eq!(
            last_use.news(Some(start)),
            Some(start + TimeDelta::seconds(1))
        );
    }
}
