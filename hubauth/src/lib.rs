//! Client SDK: makes any Rust service trust a JupyterHub.

pub mod access;
#[cfg(feature = "client")]
pub mod cache;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
#[cfg(feature = "client")]
pub mod resolve;
pub mod user;

pub use access::{Access, Decision};
#[cfg(feature = "client")]
pub use client::{
    ApiRoot, ClientError, HubClient, HubClientBuilder, StartOptions, Started, StateFilter, Stopped,
    UsersQuery,
};
pub use config::{ConfigError, HubAuthConfig};
pub use hub_types::identity::{Identity, Kind};
pub use hub_types::secret::Token;
pub use user::{HubUser, Source};
