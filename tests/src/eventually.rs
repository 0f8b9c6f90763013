//! Bounded retries: the one place of the tests that sleeps.

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
    let started = Instant::now();
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(
            started.elapsed() < timeout,
            "not within {} s: {what}",
            timeout.as_secs_f32()
        );
        tokio::time::sleep(PAUSE).await;
    }
}
