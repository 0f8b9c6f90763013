//! Tests with real processes and sockets.
#![cfg(all(feature = "supervisor", feature = "kit", feature = "forward-auth"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod descriptors;
mod forward_auth;
mod launching;
mod probing;
mod programs;
mod scene;
mod stopping;
mod supervising;
mod visitor;
