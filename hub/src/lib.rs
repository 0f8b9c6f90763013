//! The hub: users log in, get their own servers, and everything asks it "who is this?".
//!
//! The floors, each of which knows only those to its left:
//!
//! ```text
//! domain ◄─ db · auth · oauth · spawner · proxy_client · managed ◄─ state ◄─ http · tasks ◄─ serve ◄─ main
//! ```
//!
//! * [`domain`]: decisions, pure.
//! * [`db`]: all SQL; rows in, domain values out.
//! * [`config`]: `hub.toml`, flags, every trait with its default.

// cli
pub mod config;
pub mod addresses;
pub mod auth;
pub mod bus;
pub mod db;
pub mod domain;
pub mod proxy_client;
pub mod spawner;
