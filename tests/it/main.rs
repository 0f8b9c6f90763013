//! End-to-end tests: one module per promise, real programs only.
#![expect(clippy::expect_used, reason = "tests fail by panicking")]

mod bad_input;
mod browser;
mod cull;
mod login;
mod manual;
mod peers_sdk;
mod python_services;
mod quickstart;
mod restart;
mod secrets_in_logs;
mod shares;
mod spec;
mod tokens;
mod upstream_suite;
mod whoami;
