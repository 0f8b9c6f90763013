//! Bounded retries: the one place of the tests that sleeps.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Time between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not hold within `timeout`; `what` says in words what was waited for.
pub async fn eventually(timeout: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    eventually_some(timeout, what, async || condition().await.then_some(())).await;
}

/// Waits until `find` gives something, and returns it.
///
/// # Panics
/// When it gives nothing within `timeout`; `what` says in words what was waited for.
pub async fn eventually_some<T>(
    timeout: Duration,
    what: &str,
    mut find: impl AsyncFnMut() -> Option<T>,
) -> T {
    let nothing = "it is not so";
    eventually_ok(timeout, what, async || find().await.ok_or(nothing)).await
}

/// Waits until `attempt` succeeds, and returns what it gives.
///
/// # Panics
/// When it does not succeed within `timeout`; the message says `what` was waited for and why it failed last.
pub async fn eventually_ok<T, E: Display>(
    timeout: Duration,
    what: &str,
    attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    within(timeout, attempt)
        .await
        .unwrap_or_else(|why| panic!("not within {} s: {what}: {why}", timeout.as_secs_f32()))
}

/// Attempts something until it succeeds or `timeout` is over.
///
/// # Errors
/// Why it failed last.
pub async fn within<T, E>(
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let started = Instant::now();
    loop {
        match attempt().await {
            Err(_) if started.elapsed() < timeout => tokio::time::sleep(PAUSE).await,
            ended => return ended,
        }
    }
}
