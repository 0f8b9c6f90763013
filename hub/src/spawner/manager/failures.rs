//! Starts that fail one after the other: a hub that cannot start anything any more may be better off started anew.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::metrics::SpawnEnd;

/// Counts failed starts in a row, of all users together.
#[derive(Debug, Default)]
pub(super) struct Failures {
    in_a_row: AtomicU64,
    enough: CancellationToken,
}

impl Failures {
    /// Counts the end of a start. With as many failures in a row as `limit` (0: any number is fine), it is enough.
    ///
    /// A limit on how many may start is no failure, nor is a start that was cancelled: neither is counted.
    pub(super) fn count(&self, end: SpawnEnd, limit: u64) {
        if end == SpawnEnd::Success {
            self.in_a_row.store(0, Ordering::Relaxed);
            return;
        }
        let failures = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if limit > 0 && failures >= limit {
            tracing::error!("{failures} starts in a row have failed: the hub stops");
            self.enough.cancel();
        } else if limit > 0 && failures > 1 {
            tracing::warn!("{failures} starts in a row have failed; at {limit} the hub stops");
        }
    }

    /// Cancelled once it is enough.
    pub(super) fn enough(&self) -> &CancellationToken {
        &self.enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_are_enough() {
        use SpawnEnd::{Error, Failure, Success};
        for (ends, limit, enough) in [
            (&[Failure, Error][..], 2, true),
            (&[Failure, Success, Failure], 2, false),
            (&[Failure; 9], 0, false),
            (&[Failure], 1, true),
            (&[], 1, false),
        ] {
            let failures = Failures::default();
            for end in ends {
                failures.count(*end, limit);
            }
            assert_eq!(failures.enough().is_cancelled(), enough, "{ends:?} {limit}");
        }
    }
}
