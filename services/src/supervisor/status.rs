//! What can be seen of a service.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being started, or cleared of what an earlier run left.
    #[default]
    Starting,
    /// Its process runs.
    Running,
    /// It failed and waits to be started again.
    Backoff,
    /// Being stopped.
    Stopping,
    /// Stopped on purpose.
    Stopped,
    /// Not ours to run: only asked whether it answers.
    External,
}

impl State {
    /// Those that a managed service can be in.
    pub const MANAGED: [Self; 5] = [
        Self::Starting,
        Self::Running,
        Self::Backoff,
        Self::Stopping,
        Self::Stopped,
    ];

    /// The state in a word, as `ServiceModel::status` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Backoff => "backoff",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::External => "external",
        }
    }
}

/// Why a service last ended by itself, or could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// Why, with what to change where that is known.
    pub reason: String,
    /// The last lines of its output at that time.
    pub log_tail: Vec<String>,
}

/// A service as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// What it is doing.
    pub state: State,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// When that process was started or adopted.
    pub since: Option<DateTime<Utc>>,
    /// Whether the process was started by an earlier run of the hub.
    pub adopted: bool,
    /// Whether it answers at its URL; `None` when it has none, or was not asked yet.
    pub answers: Option<bool>,
    /// How often it was started again.
    pub restarts: u64,
    /// When it will be started again.
    pub next_start: Option<DateTime<Utc>>,
    /// Why it last failed.
    pub last_failure: Option<LastFailure>,
    /// The last lines of its output.
    pub log_tail: Vec<String>,
}

/// A status that one task writes and others read.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<ServiceStatus>>);

impl Shared {
    pub(super) fn get(&self) -> ServiceStatus {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ServiceStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
