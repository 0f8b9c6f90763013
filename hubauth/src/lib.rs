#![doc = include_str!("../README.md")]
//!
//! ## The same, tried without a hub
//!
//! ```
//! use axum::body::Body;
//! use axum::{Router, routing::get};
//! use hubauth::testing::FakeHub;
//! use hubauth::{Access, HubOAuth, HubUser};
//! use tower::ServiceExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeHub::start().await?;
//! let hub = HubOAuth::from_env_source(&fake.env("whoami")?)?;
//! let app = Router::new()
//!     .route("/", get(|user: HubUser| async move { format!("hello {}", user.name) }))
//!     .layer(hub.layer().require(Access::any_user()))
//!     .merge(hub.callback_routes());
//! let app = hub.mount(app);
//!
//! // A script with a token of Alice's enters.
//! let token = fake.add_user("alice");
//! let request = http::Request::get("/services/whoami/")
//!     .header("authorization", format!("token {}", token.expose()))
//!     .body(Body::empty())?;
//! assert_eq!(app.clone().oneshot(request).await?.status(), 200);
//!
//! // A browser that nobody knows goes to the login.
//! let request = http::Request::get("/services/whoami/").body(Body::empty())?;
//! let reply = app.oneshot(request).await?;
//! assert_eq!(reply.status(), 302);
//! assert!(reply.headers()["location"].to_str()?.starts_with("/hub/api/oauth2/authorize?"));
//! # Ok(())
//! # }
//! ```

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
#[cfg(feature = "tower")]
pub mod watch;

pub use access::{Access, Decision};
#[cfg(feature = "client")]
pub use auth::HubAuth;
#[cfg(feature = "client")]
pub use cache::{CacheStats, CacheUse};
#[cfg(feature = "client")]
pub use client::{
    ApiRoot, BadItem, ClientError, Dated, HubClient, HubClientBuilder, Listed, Retries,
    StartOptions, Started, StateFilter, StopOptions, Stopped, UserChange, UsersQuery,
};
pub use config::{ConfigError, HubAuthConfig};
#[cfg(feature = "axum")]
pub use extract::Require;
#[cfg(feature = "tower")]
pub use gate::Recognised;
/// The models, names, scopes and environment variables that this crate speaks of.
pub use hub_types as types;
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
#[cfg(feature = "tower")]
pub use watch::{LoginEnd, LoginWatch};
