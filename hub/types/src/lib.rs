//! Wire types of the hub: what servers, services, proxies and API clients of JupyterHub 6.1 say to each other.
//!
//! This crate is a leaf. It knows encodings, not transports: no tokio, no HTTP, no SQL. Everything that two of our
//! crates must agree on is defined here exactly once:
//!
//! * [`names`]: validated names of users, servers, groups and services, and how they are escaped in URLs;
//! * [`scope`]: scopes, their hierarchy and filters, and the algebra of what a caller may reach;
//! * [`user`], [`server`], [`group`], [`service`], [`token`], [`share`], [`identity`]: the REST
//!   models;
//! * [`page`], [`error`]: pagination envelope and error body;
//! * [`progress`]: the events of a starting server;
//! * [`route`]: a route of the proxy, as its REST API shows it;
//! * [`paths`]: every URL path under the base URL; [`socket_url`]: URLs of unix sockets;
//! * [`mod@env`]: every environment variable of the contract between hub, servers and services;
//! * [`secret`], [`clock`], [`time`]: secrets as types, time as a parameter, timestamps on the wire;
//! * [`redact`]: what logs may show of a request.
//!
//! # To add something
//!
//! * A **scope**: one line in the table of [`scope`]; hierarchy, description, parser and docs follow.
//! * A **model field**: an `Option` here (absent unless the caller may see it), a line in the hub's `http::view`.
//! * An **environment variable**: one documented constant in [`mod@env`].

pub mod clock;
pub mod env;
pub mod error;
pub mod group;
pub mod identity;
pub mod names;
pub mod page;
pub mod paths;
pub mod progress;
pub mod redact;
pub mod role;
pub mod route;
pub mod scope;
pub mod secret;
pub mod server;
pub mod service;
pub mod share;
pub mod socket_url;
pub mod time;
pub mod token;
pub mod user;

/// The JupyterHub release whose wire format we speak; sent as `X-JupyterHub-Version` and as `version` of the API root.
///
/// Single-user servers and services compare it with their own version and warn when the major differs.
pub const JUPYTERHUB_VERSION: &str = "6.1.1";

/// Response header which carries [`JUPYTERHUB_VERSION`].
pub const VERSION_HEADER: &str = "x-jupyterhub-version";

/// Request header of ours on `DELETE …/server`: stop the server only if it was not used after this time (ISO 8601);
/// otherwise the answer is 412. The culler sends what it has read, so that a server that woke up meanwhile is kept.
pub const IF_INACTIVE_SINCE_HEADER: &str = "x-jupyterhub-if-inactive-since";
