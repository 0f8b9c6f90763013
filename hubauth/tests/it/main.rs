//! The SDK against a fake hub on real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says by failing that something is missing"
)]

mod cache;
mod client;
mod extract;
mod harness;
mod oauth;
mod pieces;
mod public_api;
mod requests;
mod security;
mod services_cookie;
mod settings;
mod websocket;
mod xsrf;
