//! Places at which a debug build of the hub can be made to die, so that tests see what the next hub makes of what is left.
//!
//! `HUB_FAILPOINT=stop.unrouted` in the environment: the process ends, as by `kill -9`, the first time it gets there.
//! Release builds have none of this. The points are those of a server's life, and of an upgrade of the database, where
//! something has just become true (a row, a process, a route, a schema) and the next thing has not: see the calls of
//! [`reached`].
//!
//! A switch of its own rather than a cargo feature: the tests run debug builds anyway, and must not have to build the hub
//! a second time.

/// Dies here if this is the point that the environment names.
#[cfg(debug_assertions)]
pub(crate) fn reached(point: &str) {
    use std::sync::LazyLock;

    use hub_types::env::{EnvSource as _, ProcessEnv};
    use nix::sys::signal::{Signal, raise};

    static ARMED: LazyLock<Option<String>> = LazyLock::new(|| ProcessEnv.get("HUB_FAILPOINT"));
    if ARMED.as_deref() == Some(point) {
        tracing::warn!("failpoint {point}: the hub kills itself");
        let _ = raise(Signal::SIGKILL);
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn reached(_: &str) {}
