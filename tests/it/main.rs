//! End-to-end tests: one module per promise, real programs only.
#![expect(clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../../hub/tests/it/system_logins/accounts.rs"]
#[expect(
    dead_code,
    reason = "the hub's own tests use all of it; here is the same machine"
)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod accounts;
mod bad_input;
mod browser;
mod browser_admin;
mod chp;
mod class;
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
mod log_injection;
mod login;
mod logs;
mod manual;
mod manual_github;
mod manual_logins;
mod manual_servers;
mod metrics;
mod new_project;
mod openapi;
mod outage;
mod pages;
mod peers_sdk;
mod proxy;
mod proxy_away;
mod python_services;
mod quickstart;
mod rest_table;
mod restart;
mod roster;
mod sdk_matrix;
mod secrets_in_logs;
mod service_kinds;
mod service_life;
mod services_cookie;
mod shares;
mod shutdown;
mod single_sign_on;
mod soak;
mod sockets;
mod spec;
mod subdomains;
mod system_users;
mod templates;
mod tokens;
mod upstream_suite;
mod whoami;
