//! The SDK against a fake hub on real sockets.

mod cache;
mod client;
mod extract;
mod harness;
mod oauth;
mod requests;
mod websocket;
mod xsrf;
