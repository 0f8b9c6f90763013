//! `last_activity`: only forward, never from the future.

use chrono::{DateTime, TimeDelta, Utc};

/// How far in the future a reported time may lie: clocks differ, but not by more. Source: JupyterHub 6.1, 59 minutes.
pub const MAX_AHEAD: TimeDelta = TimeDelta::minutes(59);

/// What to make of a reported time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Newer than what is known: store it.
    Store(DateTime<Utc>),
    /// Not newer: nothing to do.
    Old,
    /// Further ahead than [`MAX_AHEAD`].
    Future,
}

/// Judges a reported time against the known one. A time slightly ahead of `now` is stored as `now`.
#[must_use]
pub fn judge(known: Option<DateTime<Utc>>, reported: DateTime<Utc>, now: DateTime<Utc>) -> Verdict {
    if reported > now + MAX_AHEAD {
        return Verdict::Future;
    }
    let reported = reported.min(now);
    if known.is_some_and(|known| reported <= known) {
        Verdict::Old
    } else {
        Verdict::Store(reported)
    }
}

/// Whether a use at `now` is worth a write: only when what is known is older than `resolution`.
#[must_use]
pub fn worth_a_write(
    known: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    resolution: TimeDelta,
) -> bool {
    known.is_none_or(|known| now - known > resolution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forward_and_never_ahead() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let minutes = |m| now + TimeDelta::minutes(m);
        for (known, reported, expected) in [
            (None, minutes(-5), Verdict::Store(minutes(-5))),
            (Some(minutes(-5)), minutes(-5), Verdict::Old),
            (Some(minutes(-5)), minutes(-6), Verdict::Old),
            (Some(minutes(-5)), minutes(-4), Verdict::Store(minutes(-4))),
            (Some(minutes(-5)), minutes(59), Verdict::Store(now)),
            (Some(minutes(-5)), minutes(60), Verdict::Future),
            (None, minutes(60), Verdict::Future),
        ] {
            assert_eq!(
                judge(known, reported, now),
                expected,
                "{known:?} {reported}"
            );
        }
    }
}
