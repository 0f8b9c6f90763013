//! Processes that outlive the hub.
//!
//! Everything the hub runs (user servers, managed services, the proxy) starts in two steps, so that a hub killed at any
//! instant leaves nothing behind that it cannot find again:
//!
//! 1. [`hold`] starts a small launcher in a session of its own. It waits, and its [`ProcessRecord`] is known.
//! 2. The caller commits the record, then calls [`Held::release`]: the launcher becomes the program.
//!
//! If the hub dies between the two, the socket to the launcher closes and the launcher goes away without running
//! anything. After a restart, [`adopt`] finds a recorded process again; [`stop`] ends it and everything in its session.
//!
//! The launcher is the hub's own binary (hidden subcommand `launch`, which calls [`launcher_main`]). All that needs care
//! between fork and exec (privileges, signals, descriptors) happens there, in a fresh single-threaded process.

mod adopt;
mod control;
mod descriptors;
mod failure;
mod held;
mod identity;
mod inherited;
mod launcher;
pub mod output;
mod plan;
mod program;
mod record;
mod stop;
pub mod users;

pub use adopt::{Adopted, adopt, child_ended};
pub use descriptors::{give_children_descriptors, with_given_descriptors};
pub use failure::{Failure, LaunchError};
pub use held::{Exit, Held, Running, hold};
pub use launcher::{LAUNCH, launcher_main};
pub use plan::{LaunchPlan, RunAs};
pub use program::{DEFAULT_PATH, resolve};
pub use record::{Liveness, ProcessRecord, poll};
pub use stop::{StopReport, StopTimes, signal_group, stop, stop_watched};
