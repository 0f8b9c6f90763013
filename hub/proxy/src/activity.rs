//! When a route was last used: one atomic per route, shared by every connection that was opened through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use hub_types::clock::Clock;

use crate::observe::Observer;
use crate::observe::metrics::Metrics;

/// The time of last use, in milliseconds since 1970 (the precision of the REST API).
///
/// A newer time always replaces an older one, even if the clock was set back: a stored future would hide all use until
/// the clock catches up.
#[derive(Debug)]
pub(crate) struct Activity(AtomicI64);

impl Activity {
    /// A route that was used `now`.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(now.timestamp_millis()))
    }

    /// The route was used `now`.
    pub(crate) fn touch(&self, now: DateTime<Utc>) {
        self.0.store(now.timestamp_millis(), Ordering::Relaxed);
    }

    /// Last use.
    pub(crate) fn last(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Last use as the REST API writes it: `2026-11-22T03:31:47.762Z`.
    pub(crate) fn wire(&self) -> String {
        self.last().to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

/// What a body or a tunnel needs to report use.
#[derive(Debug, Clone)]
pub(crate) struct Toucher {
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Toucher {
    pub(crate) fn new(activity: Arc<Activity>, observer: &Observer) -> Self {
        Self {
            activity,
            clock: observer.clock.clone(),
            metrics: observer.metrics.clone(),
        }
    }

    /// The route is being used now.
    pub(crate) fn touch(&self) {
        let begin = Instant::now();
        self.activity.touch(self.clock.now());
        self.metrics.last_activity_updating.observe(begin.elapsed());
    }
}
