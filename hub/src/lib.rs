//! The hub: users log in, get their own servers, and everything asks it "who is this?".
//!
//! The floors, each of which knows only those to its left:
//!
//! ```text
//! domain ◄─ db · auth · oauth · spawner · proxy_client · managed ◄─ state ◄─ http · tasks ◄─ serve ◄─ main
//! ```
//!
//! * [`domain`]: decisions, pure.
//! * [`config`], [`cli`]: `hub.toml`, flags, every trait with its default.
//! * [`db`]: all SQL; rows in, domain values out. [`bus`]: who else has to know.
//! * [`metrics`]: what is counted and timed, for Prometheus.
//! * [`auth`]: authenticators, sessions, from a credential to a principal.
//! * [`spawner`], [`proxy_client`], [`managed`]: servers, routes, services.
//! * [`render`], [`assets`]: pages and static files.
//! * [`state`], [`http`]: the REST API, the OAuth provider, the pages.

pub mod addresses;
pub mod assets;
pub mod auth;
pub mod bootstrap;
pub mod bus;
pub mod check_config;
pub mod cli;
pub mod config;
pub mod db;
pub mod domain;
pub mod event_log;
mod failpoint;
pub mod http;
pub mod lifecycle;
pub mod managed;
pub mod metrics;
pub mod plugins;
pub mod programs;
pub mod proxy_client;
pub mod quickstart;
pub mod render;
pub mod serve;
pub mod spawner;
pub mod state;
pub mod tasks;
pub mod telemetry;
pub mod token_command;
pub mod typed_password;
pub mod unix_sockets;
pub mod upgrade_command;
