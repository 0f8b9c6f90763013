//! End-to-end tests: one module per promise, real programs only.
#![expect(clippy::expect_used, reason = "tests fail by panicking")]

mod bad_input;
mod browser;
mod chp;
mod clock;
mod configuration;
mod cull;
mod examples;
mod failpoints;
mod files_on_disk;
mod fleet;
mod forward_auth;
mod kills;
mod limits;
mod listeners;
mod login;
mod manual;
mod new_project;
mod openapi;
mod peers_sdk;
mod proxy;
mod python_services;
mod quickstart;
mod rest_table;
mod restart;
mod sdk_matrix;
mod secrets_in_logs;
mod service_kinds;
mod service_life;
mod services_cookie;
mod shares;
mod shutdown;
mod spec;
mod tokens;
mod upstream_suite;
mod whoami;
