//! The proxy on real sockets: every test has its own proxy and its own targets, all on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod acme;
mod activity;
mod api;
mod certs;
mod corpus;
mod errors;
mod framing;
mod h2c;
mod harness;
mod headers;
mod http2;
mod limits;
mod observe;
mod passphrases;
mod pebble;
mod process;
mod retry;
mod routing;
mod storage;
mod streaming;
mod testssl;
mod tls;
mod trailers;
mod websocket;
