//! The culler against a hub over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod failures;
mod fake_hub;
mod notices;
mod program;
mod simulation;
mod storm;
mod sweeps;
mod users;
mod world;
