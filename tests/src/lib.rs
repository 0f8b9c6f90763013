//! Harness of the end-to-end tests: starts real programs, talks to them as people and programs do, cleans up.
//!
//! ```no_run
//! # async fn example() {
//! use e2e::Stack;
//!
//! let stack = Stack::builder()
//!     .config("[Authenticator]\nadmin_users = ['mal']")
//!     .start()
//!     .await;
//! let mut visitor = stack.visitor(); // cookies, no redirects unless asked
//! visitor.login("mal", "secret").await;
//! let users = stack.api().get("/users").await.expect(200).json(); // the REST API with an administrator's token
//! # let _ = users;
//! # }
//! ```
//!
//! * [`Stack`]: a hub with its proxy, servers and services in a temporary folder, on ports that the system chose.
//!   The same configuration can also start the real Python JupyterHub ([`StackBuilder::python_hub`]), so that a test
//!   can be shown to hold for it, and so that our SDK, culler and proxy meet the hub they are made for.
//! * [`Sandbox`]: the folder, the environment and the logs; kills whatever was started in it, shows the logs when the
//!   test failed.
//! * [`Visitor`] (cookies), [`Api`] (a token), [`Client`] (neither): HTTP. [`Ws`], [`Notebook`]: WebSocket, kernels.
//! * [`Browser`]: Chromium through its driver, screenshots in `target/artefacts`.
//! * [`eventually`]: the one place that waits by asking again; everything else waits for events.
//! * [`peers`], [`programs`]: where the real peers and our own programs are. A missing one is an error, never a skip.
//!
//! To add a kind of process, give [`Sandbox::command`] its arguments; to add a client, start from [`Client`].
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a harness for tests: it fails a test by panicking and shows logs on stderr"
)]

mod api;
mod browser;
mod client;
mod cookies;
mod eventually;
mod notebook;
pub mod pattern;
pub mod peers;
pub mod ports;
mod postgres;
mod process;
pub mod programs;
mod sandbox;
mod stack;
mod visitor;
mod ws;

pub use api::Api;
pub use browser::{Browser, Look, Tabs, Weight};
pub use client::{Client, Reply};
pub use cookies::{Cookie, Jar};
pub use eventually::{eventually, eventually_ok, eventually_some, within};
pub use notebook::Notebook;
pub use postgres::Postgres;
pub use process::{Exit, Process};
pub use sandbox::{Running, Sandbox};
pub use stack::{Stack, StackBuilder};
pub use visitor::Visitor;
pub use ws::Ws;
