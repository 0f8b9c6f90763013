//! Tests with real processes and sockets.
#![cfg(feature = "supervisor")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod launching;
mod scene;
mod stopping;
mod supervising;
