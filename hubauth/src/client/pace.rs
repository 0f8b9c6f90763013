//! Patience with a busy hub: which calls are made again, and when. When the hub says `Retry-After`, all calls of this
//! client wait, not only the one that was told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;

use super::ClientError;

/// How often a call is made again, and for how long the hub may make it wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// How often a call is made at most; 3 by default, 1 means never again.
    pub tries: u32,
    /// Longest single wait; 10 s by default. A hub that asks for more is not waited for.
    pub longest_wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 3,
            longest_wait: Duration::from_secs(10),
        }
    }
}

impl Retries {
    /// Every call is made once.
    #[must_use]
    pub fn never() -> Self {
        Self {
            tries: 1,
            ..Self::default()
        }
    }

    /// Every call is made `tries` times at most.
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// No single wait is longer than this.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }
}

/// What to do after a call that did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Report the error.
    GiveUp,
    /// Call again at once, over another connection.
    Again,
    /// Let all calls wait so long, then call again.
    Hold(Duration),
}

/// Decides about one failed call. Pure.
///
/// `429`, and `503` with `Retry-After`, say that nothing was done: any call may be repeated. A connection that broke says
/// nothing, so only reads are repeated, once. Whatever else the hub answers, it would answer again.
pub(super) fn next(
    retries: Retries,
    attempt: u32,
    method: &Method,
    broke: bool,
    error: &ClientError,
) -> Next {
    if attempt >= retries.tries {
        return Next::GiveUp;
    }
    let wait = match (error.status(), error.retry_after()) {
        (Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE), Some(wait)) => wait,
        (Some(StatusCode::TOO_MANY_REQUESTS), None) => Duration::from_secs(1 << attempt.min(6)),
        _ if broke && attempt == 1 && method.is_safe() => return Next::Again,
        _ => return Next::GiveUp,
    };
    if wait > retries.longest_wait {
        Next::GiveUp
    } else {
        Next::Hold(wait)
    }
}

/// The time before which no call may start.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Makes calls wait for `pause` from now, unless they wait for longer already.
    pub(super) fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause;
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

    fn failed(status: u16, retry_after: Option<u64>) -> ClientError {
        let (url, message) = (String::new(), String::new());
        let status = StatusCode::from_u16(status).unwrap();
        let retry_after = retry_after.map(Duration::from_secs);
        if status.is_server_error() {
            ClientError::HubFailed {
                url,
                status,
                message,
                retry_after,
            }
        } else {
            ClientError::Status {
                url,
                status,
                message,
                retry_after,
            }
        }
    }

    #[test]
    fn what_is_repeated() {
        let away = ClientError::Unreachable {
            url: String::new(),
            reason: String::new(),
        };
        let seconds = |n| Next::Hold(Duration::from_secs(n));
        for (method, attempt, broke, error, expected) in [
            (Method::POST, 1, false, failed(429, Some(3)), seconds(3)),
            (Method::POST, 2, false, failed(429, None), seconds(4)),
            (Method::POST, 3, false, failed(429, Some(3)), Next::GiveUp),
            (Method::GET, 1, false, failed(429, Some(11)), Next::GiveUp),
            (Method::DELETE, 1, false, failed(503, Some(0)), seconds(0)),
            (Method::GET, 1, false, failed(503, None), Next::GiveUp),
            (Method::GET, 1, false, failed(500, Some(1)), Next::GiveUp),
            (Method::GET, 1, false, failed(404, Some(1)), Next::GiveUp),
            (Method::GET, 1, true, away.clone(), Next::Again),
            (Method::GET, 2, true, away.clone(), Next::GiveUp),
            (Method::GET, 1, false, away.clone(), Next::GiveUp),
            (Method::DELETE, 1, true, away.clone(), Next::GiveUp),
            (Method::POST, 1, true, away, Next::GiveUp),
        ] {
            let got = next(Retries::default(), attempt, &method, broke, &error);
            assert_eq!(got, expected, "{method} {attempt} {broke} {error:?}");
        }
        let never = next(Retries::never(), 1, &Method::GET, false, &failed(429, None));
        assert_eq!(never, Next::GiveUp);
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
    }
}
