//! `tornado_settings` of `[JupyterHub]`: how long requests wait for servers. All else in it is about Python's web server.

use std::time::Duration;

/// What of `tornado_settings` means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornadoSettings {
    /// How long a request waits for a start before it is answered without; zero: not at all.
    pub slow_spawn_timeout: Duration,
    /// The same for a stop.
    pub slow_stop_timeout: Duration,
    /// The shortest and the longest time after which whom `concurrent_spawn_limit` refuses is told to try again.
    pub spawn_throttle_retry_range: (Duration, Duration),
}

impl Default for TornadoSettings {
    fn default() -> Self {
        Self {
            slow_spawn_timeout: Duration::from_secs(10),
            slow_stop_timeout: Duration::from_secs(10),
            spawn_throttle_retry_range: (Duration::from_secs(30), Duration::from_secs(60)),
        }
    }
}

impl TornadoSettings {
    /// After how many whole seconds somebody is told to try again: those of the range that `random` picks, so that not all
    /// come back at once.
    #[must_use]
    pub fn retry_after(&self, random: u64) -> Duration {
        let (shortest, longest) = self.spawn_throttle_retry_range;
        let shortest = shortest.as_secs() + u64::from(shortest.subsec_nanos() > 0);
        let more = longest.as_secs().saturating_sub(shortest);
        Duration::from_secs(shortest + random % (more + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_of_the_range_all_of_them_and_no_others() {
        let seconds = Duration::from_secs_f64;
        for (range, expected) in [
            ((30.0, 60.0), 30..=60),
            ((0.0, 2.0), 0..=2),
            ((5.0, 5.0), 5..=5),
            ((1.5, 3.9), 2..=3),
            // No whole second lies within: rather too late than too early.
            ((0.2, 0.9), 1..=1),
        ] {
            let settings = TornadoSettings {
                spawn_throttle_retry_range: (seconds(range.0), seconds(range.1)),
                ..TornadoSettings::default()
            };
            let mut picked: Vec<u64> = (0..1000)
                .map(|random| settings.retry_after(random).as_secs())
                .collect();
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked, expected.collect::<Vec<_>>(), "{range:?}");
        }
        let most = TornadoSettings::default().retry_after(u64::MAX);
        assert!((30..=60).contains(&most.as_secs()));
    }
}
