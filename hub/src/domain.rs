//! What the hub decides, without doing it: users, servers, tokens, roles, scopes, life-cycle, activity.
//!
//! Everything here is a function of data and `now`. No tokio, SQL or HTTP: `tests/layers.rs` fails when an import says
//! otherwise.

pub mod action;
pub mod activity;
pub mod authority;
pub mod lifecycle;
pub mod limits;
pub mod login;
pub mod membership;
pub mod next_url;
pub mod oauth;
pub mod principal;
pub mod role;
pub mod server;
pub mod service;
pub mod service_hosts;
pub mod session;
pub mod share;
pub mod subdomain;
pub mod token;
pub mod user;
