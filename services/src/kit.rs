//! For authors of services: from the environment to a listening, well-behaved program.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use hubauth::{HubOAuth, HubUser};
//! use services::kit;
//!
//! fn main() -> std::process::ExitCode {
//!     kit::run(async |_env| {
//!         let hub = HubOAuth::from_env()?;
//!         Ok(Router::new()
//!             .route("/", get(|user: HubUser| async move { format!("hello {}", user.name) }))
//!             .layer(hub.layer())
//!             .merge(hub.callback_routes()))
//!     })
//! }
//! ```
//!
//! [`run`] reads the contract ([`ServiceEnv`]), listens where the hub says, puts the router under the service's prefix,
//! answers `{prefix}health`, and stops in order on SIGINT and SIGTERM (at once on the second one). Its parts ([`mount`],
//! [`ServiceEnv::bind`], [`serve`]) can be used alone. A service without a web address, which only works with the hub's API,
//! is a [`worker`]. Both get the typed client of the API ([`HubClient`]) from the same environment; [`activity`] is for programs
//! that are somebody's server.

pub mod activity;
mod environment;
mod program;
mod serve;

pub use environment::{EnvError, ServiceEnv};
pub use hubauth::HubClient;
pub use program::{SettingsError, run, worker};
pub use serve::{BindError, Shutdown, mount, serve};
