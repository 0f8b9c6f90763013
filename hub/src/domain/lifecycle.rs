//! The state machine of a server: which step may follow which, and why not.
//!
//! ```text
//!             start              ready
//!  stopped ─────────► spawning ─────────► ready
//!     ▲                  │ failed           │
//!     │◄─────────────────┤                  │ died ──► stopped
//!     │                  │ stop             │ stop
//!     │    stopped       ▼                  ▼
//!     └─────────────  stopping ◄────────────┘
//! ```
//!
//! `removing` is `stopping` for a server that is forgotten when it has stopped, or that had stopped before: the wish is in
//! the row, so that it survives the hub that was asked.
//!
//! Each step is one conditional write on the server's row (`db::servers`): it names the epoch that it has seen, so of
//! two hubs that try the same step exactly one succeeds. While a hub works on a step it holds a lease.

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::server::Pending;

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// Nothing runs.
    Stopped,
    /// A hub is starting it.
    Spawning,
    /// It answers and is routed.
    Ready,
    /// A hub is stopping it.
    Stopping,
    /// A hub is stopping it, and its row goes with it.
    Removing,
}

impl ServerState {
    /// Those of a server of which something runs, or may run.
    pub const ACTIVE: &[ServerState] =
        &[Self::Spawning, Self::Ready, Self::Stopping, Self::Removing];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ServerState::Stopped => "stopped",
            ServerState::Spawning => "spawning",
            ServerState::Ready => "ready",
            ServerState::Stopping => "stopping",
            ServerState::Removing => "removing",
        }
    }

    /// Reads the word in the database.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        std::iter::once(Self::Stopped)
            .chain(Self::ACTIVE.iter().copied())
            .find(|state| state.as_str() == text)
    }

    /// What the wire calls it while something is going on.
    #[must_use]
    pub fn pending(self) -> Option<Pending> {
        match self {
            ServerState::Spawning => Some(Pending::Spawn),
            ServerState::Stopping | ServerState::Removing => Some(Pending::Stop),
            ServerState::Stopped | ServerState::Ready => None,
        }
    }
}

/// A step in a server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Somebody asked for it.
    Start,
    /// It answers.
    Ready,
    /// The start went wrong.
    Failed,
    /// Somebody asked to stop it; also cancels a start.
    Stop,
    /// Somebody asked to stop and forget it; also one that is being stopped.
    Remove,
    /// The stop is complete.
    Stopped,
    /// It was found dead.
    Died,
}

/// A step that cannot be taken from where the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A start of something that runs.
    #[error("is already running")]
    AlreadyRunning,
    /// A start of something that is being started.
    #[error("is pending spawn")]
    PendingSpawn,
    /// Anything while it is being stopped.
    #[error("is pending stop")]
    PendingStop,
    /// A stop of something that does not run.
    #[error("is not running")]
    NotRunning,
}

/// The state after `step`.
///
/// # Errors
/// Why the step cannot be taken.
pub fn next(state: ServerState, step: Step) -> Result<ServerState, Refused> {
    use ServerState::{Ready, Removing, Spawning, Stopped, Stopping};
    match (state, step) {
        (Stopped, Step::Start) => Ok(Spawning),
        (Spawning, Step::Ready) => Ok(Ready),
        (Spawning, Step::Failed) | (Stopping | Removing, Step::Stopped) | (Ready, Step::Died) => {
            Ok(Stopped)
        }
        (Spawning | Ready, Step::Stop) => Ok(Stopping),
        (Spawning | Ready | Stopping, Step::Remove) => Ok(Removing),
        (Ready, Step::Start | Step::Ready | Step::Failed | Step::Stopped) => {
            Err(Refused::AlreadyRunning)
        }
        (Spawning, Step::Start | Step::Stopped | Step::Died) => Err(Refused::PendingSpawn),
        (Stopping | Removing, _) => Err(Refused::PendingStop),
        (Stopped, _) => Err(Refused::NotRunning),
    }
}

/// How long a lease holds unless it is renewed.
pub const LEASE: TimeDelta = TimeDelta::seconds(30);

/// The right of one hub process to work on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Id of the hub process.
    pub owner: String,
    /// When the right ends unless it is renewed.
    pub expires: DateTime<Utc>,
}

impl Lease {
    /// Whether another hub may take the server over.
    #[must_use]
    pub fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expires <= now
    }
}

/// What a hub does with a server that it finds in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Another hub is working on it.
    Leave,
    /// It runs: keep the route and watch it.
    Watch,
    /// Its start was interrupted after its process was recorded: wait for it to answer.
    Resume,
    /// Its start was interrupted before there was a process: the start has failed.
    Fail,
    /// Its stop was interrupted: stop it again.
    StopAgain,
    /// Nothing to do.
    Nothing,
}

/// Decides what to do with a server after the hub has started, or after the lease of another hub ran out.
#[must_use]
pub fn adopt(
    state: ServerState,
    lease: Option<&Lease>,
    has_process: bool,
    now: DateTime<Utc>,
) -> Adoption {
    if lease.is_some_and(|lease| !lease.expired(now)) {
        return Adoption::Leave;
    }
    match state {
        ServerState::Stopped => Adoption::Nothing,
        ServerState::Ready => Adoption::Watch,
        ServerState::Spawning if has_process => Adoption::Resume,
        ServerState::Spawning => Adoption::Fail,
        ServerState::Stopping | ServerState::Removing => Adoption::StopAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        use Refused::{AlreadyRunning, NotRunning, PendingSpawn, PendingStop};
        use ServerState::{Ready, Removing, Spawning, Stopped, Stopping};
        let steps = [
            Step::Start,
            Step::Ready,
            Step::Failed,
            Step::Stop,
            Step::Remove,
            Step::Stopped,
            Step::Died,
        ];
        let table = [
            (
                Stopped,
                [
                    Ok(Spawning),
                    Err(NotRunning),
                    Err(NotRunning),
                    Err(NotRunning),
                    Err(NotRunning),
                    Err(NotRunning),
                    Err(NotRunning),
                ],
            ),
            (
                Spawning,
                [
                    Err(PendingSpawn),
                    Ok(Ready),
                    Ok(Stopped),
                    Ok(Stopping),
                    Ok(Removing),
                    Err(PendingSpawn),
                    Err(PendingSpawn),
                ],
            ),
            (
                Ready,
                [
                    Err(AlreadyRunning),
                    Err(AlreadyRunning),
                    Err(AlreadyRunning),
                    Ok(Stopping),
                    Ok(Removing),
                    Err(AlreadyRunning),
                    Ok(Stopped),
                ],
            ),
            (
                Stopping,
                [
                    Err(PendingStop),
                    Err(PendingStop),
                    Err(PendingStop),
                    Err(PendingStop),
                    Ok(Removing),
                    Ok(Stopped),
                    Err(PendingStop),
                ],
            ),
            (
                Removing,
                [
                    Err(PendingStop),
                    Err(PendingStop),
                    Err(PendingStop),
                    Err(PendingStop),
                    Err(PendingStop),
                    Ok(Stopped),
                    Err(PendingStop),
                ],
            ),
        ];
        for (state, row) in table {
            for (step, expected) in steps.into_iter().zip(row) {
                assert_eq!(next(state, step), expected, "{state:?} {step:?}");
            }
            assert_eq!(ServerState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn adoption() {
        let now = DateTime::UNIX_EPOCH;
        let live = Lease {
            owner: "x".into(),
            expires: now + LEASE,
        };
        let dead = Lease {
            owner: "x".into(),
            expires: now,
        };
        for (state, lease, has_process, expected) in [
            (ServerState::Spawning, Some(&live), true, Adoption::Leave),
            (ServerState::Spawning, Some(&dead), true, Adoption::Resume),
            (ServerState::Spawning, Some(&dead), false, Adoption::Fail),
            (ServerState::Stopping, None, true, Adoption::StopAgain),
            (ServerState::Removing, None, true, Adoption::StopAgain),
            (ServerState::Ready, None, true, Adoption::Watch),
            (ServerState::Stopped, None, false, Adoption::Nothing),
        ] {
            assert_eq!(
                adopt(state, lease, has_process, now),
                expected,
                "{state:?} {lease:?}"
            );
        }
    }
}
