//! Client SDK: makes any Rust service trust a JupyterHub.

pub mod access;
#[cfg(feature = "client")]
pub mod auth;
#[cfg(feature = "client")]
pub mod cache;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod credential;
#[cfg(feature = "axum")]
pub mod extract;
pub mod fetch;
#[cfg(feature = "tower")]
mod gate;
#[cfg(feature = "tower")]
pub mod layer;
#[cfg(feature = "oauth")]
pub mod oauth;
#[cfg(feature = "tower")]
mod reply;
#[cfg(feature = "client")]
pub mod resolve;
#[cfg(feature = "tower")]
pub mod service;
#[cfg(feature = "test-util")]
pub mod testing;
pub mod user;

pub use access::{Access, Decision};
#[cfg(feature = "client")]
pub use auth::HubAuth;
#[cfg(feature = "client")]
pub use cache::{CacheStats, CacheUse};
#[cfg(feature = "client")]
pub use client::{
    ApiRoot, ClientError, HubClient, HubClientBuilder, StartOptions, Started, StateFilter, Stopped,
    UsersQuery,
};
pub use config::{ConfigError, HubAuthConfig};
pub use hub_types::identity::{Identity, Kind};
pub use hub_types::secret::Token;
#[cfg(feature = "tower")]
pub use layer::HubAuthLayer;
#[cfg(feature = "oauth")]
pub use oauth::HubOAuth;
#[cfg(feature = "client")]
pub use resolve::{Lookup, Resolve};
#[cfg(feature = "tower")]
pub use service::{HubAuthService, XsrfToken};
pub use user::{HubUser, Source};
