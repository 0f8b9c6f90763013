//! How many files the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many file descriptors as we may have, as node does: the usual 1,024 are for programs that still use
/// `select`, and every client needs two. Returns how many there were before, for programs that this one starts.
pub fn raise_descriptors() -> Option<u64> {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(before, most)| {
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        Ok(before)
    });
    raised
        .inspect_err(|error| tracing::warn!("cannot raise the limit of open files: {error}"))
        .ok()
}
