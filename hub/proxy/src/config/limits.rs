//! What the options of limits mean.

use nix::sys::resource::{Resource, getrlimit};

use crate::admission::ConnectionLimits;
use crate::cli::LimitArgs;
use crate::config::ConfigError;
use crate::guard::head::HeadLimits;

/// Descriptors that are left for targets' idle connections, files and listeners.
const RESERVE: u64 = 128;

/// Limits of request heads.
pub(crate) fn head(args: &LimitArgs) -> Result<HeadLimits, ConfigError> {
    let bytes = args.max_header_bytes;
    // What is between us and a target is buffered in 64 KiB.
    within("--max-header-bytes", bytes, 1024, 64 * 1024)?;
    within("--max-headers", args.max_headers, 10, 1000)?;
    let default = HeadLimits::default();
    Ok(HeadLimits {
        bytes,
        line: default.line.min(bytes),
        headers: args.max_headers,
    })
}

fn within(
    option: &'static str,
    given: usize,
    least: usize,
    most: usize,
) -> Result<(), ConfigError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(ConfigError::Range {
        option,
        given,
        least,
        most,
    })
}

/// Limits of connections. A client may need a second descriptor, for its target: nearly half of them are for clients.
pub(crate) fn connections(args: &LimitArgs) -> ConnectionLimits {
    let all = args.max_connections.unwrap_or_else(|| {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        usize::try_from(most.saturating_sub(RESERVE) / 2).unwrap_or(usize::MAX)
    });
    ConnectionLimits {
        all,
        per_address: args.max_connections_per_address,
    }
}
