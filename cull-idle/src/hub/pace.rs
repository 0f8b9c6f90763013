//! Patience: when the hub says `Retry-After`, all calls wait, not only the one that was told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;

/// Longest time that the hub can make us wait with one answer; a sweep that takes longer is worth less than a new one.
const LONGEST: Duration = Duration::from_secs(120);

/// The time before which no call may start.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Makes calls wait for `pause` from now, unless they wait for longer already.
    pub(super) fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause.min(LONGEST);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.map_or(Some(until), |before| Some(before.max(until)));
    }

    /// Waits until calls may start.
    pub(super) async fn wait(&self) {
        loop {
            let held = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match held {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

/// How long `Retry-After` asks to wait (RFC 9110 10.2.3): seconds, or a date, which is compared with the `Date` of the
/// same answer so that our own clock does not matter.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    if let Ok(seconds) = value.to_str().ok()?.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(value)?;
    let now = headers.get(header::DATE).and_then(http_date)?;
    Some((until - now).to_std().unwrap_or_default())
}

/// Reads a date of HTTP in the form that may be sent today (RFC 9110 5.6.7, IMF-fixdate).
pub(super) fn http_date(value: &HeaderValue) -> Option<DateTime<Utc>> {
    let text = value.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let date = "Sun, 22 Nov 2026 03:30:07 GMT";
        for (retry, expected) in [
            (Some("30"), Some(30)),
            (Some("0"), Some(0)),
            (Some("Sun, 22 Nov 2026 03:30:17 GMT"), Some(10)),
            (Some("Sun, 22 Nov 2026 03:30:00 GMT"), Some(0)),
            (Some("soon"), None),
            (Some("-1"), None),
            (None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::DATE, HeaderValue::from_static(date));
            if let Some(retry) = retry {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(retry));
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers), expected, "{retry:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_holds_all_calls_and_only_so_long() {
        let pace = Pace::default();
        let start = Instant::now();
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.hold(Duration::from_secs(5));
        pace.hold(Duration::from_secs(3));
        tokio::join!(pace.wait(), pace.wait());
        assert!(start.elapsed() >= Duration::from_secs(5));
        assert!(start.elapsed() < Duration::from_secs(6));
        pace.hold(Duration::from_secs(9_999));
        pace.wait().await;
        assert!(start.elapsed() < Duration::from_secs(127));
    }
}
