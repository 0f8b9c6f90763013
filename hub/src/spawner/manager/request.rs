//! What can be asked of the manager, and what comes of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::db::DbError;
use crate::domain::lifecycle::Refused;
use crate::domain::limits::NamedServerRefused;
use crate::domain::server::{Failure, ServerRef};
use crate::spawner::options::InvalidOptions;

/// What is asked for with a start.
#[derive(Debug, Clone, Default)]
pub struct StartRequest {
    /// Options for the spawner; none means those of the last start.
    pub user_options: Option<Map<String, Value>>,
    /// What people call it; none leaves it as it is.
    pub display_name: Option<String>,
}

/// What a start came to within the time it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// It answers and is routed: 201.
    Ready,
    /// It is still being started: 202.
    Pending,
}

/// Why a server was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The name of a new server is no slug: 400.
    #[error("Invalid server name: {0}")]
    BadName(hub_types::names::InvalidName),
    /// The owner is not registered: 404.
    #[error("No such user: {0}")]
    NoSuchUser(String),
    /// It runs, or is being stopped: 400.
    #[error("{server} {why}")]
    Refused {
        /// `alice`, `alice:gpu`.
        server: String,
        /// Why not.
        why: Refused,
    },
    /// Too many servers are being started: 429.
    #[error("Too many users trying to log in right now. Try again in {}.", in_words(*.retry_after))]
    Throttled {
        /// For the header `Retry-After`.
        retry_after: Duration,
    },
    /// Too many servers run: 429.
    #[error("Active user limit exceeded. Try again in a few minutes.")]
    Full,
    /// The hub is being stopped: 503.
    #[error("The hub is stopping; try again in a few seconds.")]
    Closing,
    /// The server has a name, and the user may not have (another) one: 400.
    #[error(transparent)]
    NamedServer(#[from] NamedServerRefused),
    /// It could not start with the options that it has: 400.
    #[error(transparent)]
    BadOptions(#[from] InvalidOptions),
    /// The start failed: the status of the failure, 500 as a rule.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The database refused or is gone: 503.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl StartError {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadName(_) | Self::NamedServer(_) | Self::BadOptions(_) => 400,
            Self::NoSuchUser(_) => 404,
            Self::Refused { .. } => 400,
            Self::Throttled { .. } | Self::Full => 429,
            Self::Failed(failure) => failure.status,
            Self::Closing | Self::Db(_) => 503,
        }
    }
}

/// What is asked for with a stop.
#[derive(Debug, Clone, Default)]
pub struct StopRequest {
    /// Whether to forget a named server altogether.
    pub remove: bool,
    /// Its owner is being deleted: then the default server may be forgotten as well, and the stop is no activity of the
    /// owner.
    pub owner_goes: bool,
    /// Only if the server was not used after this time (the culler's precondition).
    pub unless_active_since: Option<DateTime<Utc>>,
}

/// What a stop came to within the time it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// It does not run: 204.
    Stopped,
    /// It is still being stopped: 202.
    Pending,
}

/// Why a server was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such named server: 404.
    #[error("{user} has no server named '{name}'")]
    NoSuchServer {
        /// The owner.
        user: String,
        /// The server.
        name: String,
    },
    /// The default server cannot be removed: 400.
    #[error("Cannot delete the default server")]
    DefaultServer,
    /// It was used after the given time: 412.
    #[error("{0} was active in the meantime")]
    Active(String),
    /// Nobody can say whether it was used after the given time: 503.
    #[error(
        "The proxy does not say when {0} was last used, so it is not stopped; try again in a few seconds."
    )]
    Unsure(String),
    /// The database refused or is gone: 503.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl StopError {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchServer { .. } => 404,
            Self::DefaultServer => 400,
            Self::Active(_) => 412,
            Self::Unsure(_) | Self::Db(_) => 503,
        }
    }
}

/// A time to wait, as people say it; JupyterHub's words.
fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ ..=90 => format!("{} seconds", seconds.div_ceil(10) * 10),
        _ => format!("{:.0} minutes", wait.as_secs_f64() / 60.0),
    }
}

/// `alice`, or `alice:gpu`: how messages name a server.
pub(super) fn log_name(server: &ServerRef) -> String {
    if server.name.is_default() {
        server.user.to_string()
    } else {
        format!("{}:{}", server.user, server.name)
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};

    use super::*;

    #[test]
    fn messages_and_statuses_of_the_wire() {
        let server = |name: &str| {
            log_name(&ServerRef::new(
                Username::stored("alice"),
                ServerName::stored(name),
            ))
        };
        for (error, status, message) in [
            (
                StartError::Refused {
                    server: server(""),
                    why: Refused::AlreadyRunning,
                },
                400,
                "alice is already running",
            ),
            (
                StartError::Refused {
                    server: server("gpu"),
                    why: Refused::PendingStop,
                },
                400,
                "alice:gpu is pending stop",
            ),
            (
                StartError::NoSuchUser("bob".into()),
                404,
                "No such user: bob",
            ),
        ] {
            assert_eq!(
                (error.status(), error.to_string().as_str()),
                (status, message)
            );
        }
        // As JupyterHub 6.1.1 rounds them.
        for (seconds, words) in [
            (0, "0 seconds"),
            (30, "30 seconds"),
            (31, "40 seconds"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (149, "2 minutes"),
            (150, "2 minutes"),
            (151, "3 minutes"),
            (210, "4 minutes"),
            (3600, "60 minutes"),
        ] {
            let throttled = StartError::Throttled {
                retry_after: Duration::from_secs(seconds),
            };
            let text = format!("Too many users trying to log in right now. Try again in {words}.");
            assert_eq!((throttled.status(), throttled.to_string()), (429, text));
        }
        assert_eq!(StopError::Active("alice".into()).status(), 412);
        assert_eq!(StopError::DefaultServer.status(), 400);
    }
}
