//! End-to-end tests: one module per promise, real programs only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod login;
