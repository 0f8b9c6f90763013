//! What the fuzz targets do with their input. The tests of hub-proxy include this file and do the same with the kept
//! corpus, so that it is judged without a nightly toolchain, too.
//!
//! [`world`] is a proxy and a target on one thread, with a clock that runs only when everybody waits; [`strict`] is a
//! reader of HTTP/1.1 that has nothing in common with the proxy's; [`public`] and [`api`] feed bytes to one of the
//! sockets and judge what comes out on the other sides.

pub mod api;
pub mod public;
pub mod strict;
pub mod world;
