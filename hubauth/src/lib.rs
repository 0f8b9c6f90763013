//! Client SDK: makes any Rust service trust a JupyterHub.

#[cfg(feature = "client")]
pub mod client;
pub mod config;

#[cfg(feature = "client")]
pub use client::{
    ApiRoot, ClientError, HubClient, HubClientBuilder, StartOptions, Started, StateFilter, Stopped,
    UsersQuery,
};
pub use hub_types::identity::{Identity, Kind};
pub use hub_types::secret::Token;
