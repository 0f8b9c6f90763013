//! `[PeriodicMetricsCollector]`: metrics that are computed from time to time.

use std::time::Duration;

/// `[PeriodicMetricsCollector]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodicMetricsCollector {
    /// Whether active users are counted.
    pub active_users_enabled: bool,
    /// How often.
    pub active_users_update_interval: Duration,
    /// Whether the hub measures how promptly its scheduler runs tasks.
    pub event_loop_interval_enabled: bool,
    /// How often, which is also the shortest delay that is told apart.
    pub event_loop_interval_resolution: Duration,
    /// A delay as long as this is said in the log.
    pub event_loop_interval_log_threshold: Duration,
}

impl Default for PeriodicMetricsCollector {
    fn default() -> Self {
        Self {
            active_users_enabled: true,
            active_users_update_interval: Duration::from_secs(3_600),
            event_loop_interval_enabled: true,
            event_loop_interval_resolution: Duration::from_millis(50),
            event_loop_interval_log_threshold: Duration::from_secs(1),
        }
    }
}
