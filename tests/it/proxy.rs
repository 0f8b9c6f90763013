//! Our proxy beside the real configurable-http-proxy, on the wire: both are sent the same bytes, and what their targets
//! and clients get is read by a strict reader of HTTP that neither of them uses.
//!
//! [`table`] compares what both do with whatever a client may ask: they differ only where `hub/proxy/COMPAT.md` says so.
//! The other modules are the cases 65-87 of `docs/security.md`: they judge ours, and count for both. The count of a case
//! is shown, and kept with every single outcome in `target/artefacts/proxy-case-NUMBER.txt`.
#![expect(
    clippy::print_stderr,
    reason = "counts are shown beside the test's result"
)]

mod aborted;
mod acting;
mod churn;
mod control;
mod door;
mod elsewhere;
mod framing;
mod guardian;
mod headers;
mod judge;
mod large;
mod paths;
mod recorder;
mod replies;
mod reuse;
mod slow;
mod table;
mod wire;

/// The reader of the fuzz targets.
#[expect(unreachable_pub, reason = "elsewhere it is part of a library")]
#[path = "../../hub/proxy/fuzz/src/strict.rs"]
mod strict;
