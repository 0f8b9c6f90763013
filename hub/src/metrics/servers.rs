//! Starts and stops of servers, and their routes.

use std::time::Duration;

use super::names::{
    CHECK_ROUTES, INIT_SPAWNERS, POLL, PROXY_ADD, PROXY_DELETE, PROXY_POLL, RUNNING, SPAWN, STOP,
};
use super::{FAILURE, Metrics, SUCCESS, number, status};

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
    pub(super) const ALL: [Self; 6] = [
        Self::Success,
        Self::Failure,
        Self::Error,
        Self::Throttled,
        Self::TooManyUsers,
        Self::AlreadyPending,
    ];

    pub(super) fn labels(self) -> [(&'static str, &'static str); 2] {
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

impl Metrics {
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

    /// The servers that earlier hubs left have been looked at.
    pub fn servers_found(&self, took: Duration) {
        self.histogram(INIT_SPAWNERS, &[]).record(took);
    }

    /// How many servers are not stopped.
    pub fn set_running_servers(&self, count: u64) {
        self.gauge(RUNNING, &[]).set(number(count));
    }
}
