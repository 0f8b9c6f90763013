//! Notices that the machine's clock was set.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hub_types::clock::Clock;
use tokio::time::Instant;

/// How often the two clocks are compared.
const LOOK: Duration = Duration::from_secs(2);
/// What two clocks may differ by from one look to the next: a machine that is set right by its network does so by less.
const JUMP: TimeDelta = TimeDelta::seconds(60);

/// By how much the wall clock was set while `steady` went by and it went on by `wall`; `None` when it was not.
fn jump(wall: TimeDelta, steady: Duration) -> Option<TimeDelta> {
    let off = wall - TimeDelta::from_std(steady).unwrap_or(TimeDelta::MAX);
    (off.abs() > JUMP).then_some(off)
}

/// Says for ever, once for each time, that the clock was set. Nothing else is done: what the hub waits for is measured by a
/// clock that nobody sets, and what has expired has expired.
pub(super) async fn watch(clock: Arc<dyn Clock>) {
    let mut last = (clock.now(), Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = (clock.now(), Instant::now());
        if let Some(off) = jump(now.0 - last.0, now.1 - last.1) {
            tracing::warn!(
                "the clock of this machine was set by {} s (or the machine slept): logins and tokens go by it",
                off.num_seconds()
            );
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_machine_does_by_itself_is_a_jump() {
        let seconds = TimeDelta::seconds;
        for (wall, steady, expected) in [
            (seconds(2), 2, None),
            // A busy machine looks late.
            (seconds(600), 600, None),
            (seconds(61), 2, None),
            (seconds(3_602), 2, Some(seconds(3_600))),
            (seconds(-3_598), 2, Some(seconds(-3_600))),
        ] {
            assert_eq!(jump(wall, Duration::from_secs(steady)), expected, "{wall}");
        }
    }
}
