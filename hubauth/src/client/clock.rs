//! How far the hub's clock is from ours: whoever compares the hub's timestamps with "now" needs it.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use hub_types::clock::Clock;

use super::HubClient;

/// The offset as of the latest reply.
#[derive(Debug, Default)]
pub(super) struct Offset(Mutex<Option<TimeDelta>>);

impl Offset {
    pub(super) fn record(&self, clock: &dyn Clock, date: Option<&HeaderValue>) {
        let Some(offset) = date
            .and_then(|value| value.to_str().ok())
            .and_then(|text| offset(text, clock.now()))
        else {
            return;
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(offset);
    }
}

/// Hub time minus `now`, from a `Date` header (RFC 9110 5.6.7). Differences below two seconds count as none: the header
/// has whole seconds, and the reply was under way.
fn offset(date: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let theirs = DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc);
    let offset = theirs - now;
    Some(if offset.abs() < TimeDelta::seconds(2) {
        TimeDelta::zero()
    } else {
        offset
    })
}

impl HubClient {
    /// How far the hub's clock is ahead of ours (negative: behind), by the `Date` header of the latest reply.
    ///
    /// `None` before the first reply, or when replies carry no date. Precision: two seconds.
    #[must_use]
    pub fn clock_offset(&self) -> Option<TimeDelta> {
        *self
            .0
            .offset
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by the hub's clock, as far as it is known; else by ours.
    #[must_use]
    pub fn hub_now(&self) -> DateTime<Utc> {
        self.0.clock.now() + self.clock_offset().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let now = hub_types::time::parse("2026-11-22T03:30:07.6Z").unwrap();
        for (date, expected) in [
            ("Sun, 22 Nov 2026 03:30:07 GMT", Some(0)),
            ("Sun, 22 Nov 2026 03:30:09 GMT", Some(0)),
            ("Sun, 22 Nov 2026 04:30:07 GMT", Some(3599)),
            ("Sun, 22 Nov 2026 03:29:07 GMT", Some(-60)),
            ("yesterday", None),
        ] {
            assert_eq!(
                offset(date, now).map(|d| d.num_seconds()),
                expected,
                "{date}"
            );
        }
    }
}
