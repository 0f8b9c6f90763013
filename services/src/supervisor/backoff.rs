//! How long to wait before a service is started again: a pure decision.

use std::time::Duration;

/// The rule: double the wait after every failure, start over once the service has run for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// A service that ran at least this long failed for a new reason.
    pub stable: Duration,
}

impl Default for Backoff {
    /// 1 s doubling to 60 s, reset after a stable minute.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            stable: Duration::from_secs(60),
        }
    }
}

/// When to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// How long to wait.
    pub after: Duration,
    /// Failures in a row, this one included; to be given to the next [`Backoff::decide`].
    pub streak: u32,
}

impl Backoff {
    /// Decides after a failure: `streak` failures came right before, the service ran for `ran_for` this time (zero when
    /// it could not be started). `jitter`, from 0 to 1, moves the wait by up to a fifth either way, so that services which
    /// failed together do not return together; the longest wait is never exceeded.
    #[must_use]
    pub fn decide(&self, streak: u32, ran_for: Duration, jitter: f64) -> Restart {
        let streak = if ran_for >= self.stable {
            1
        } else {
            streak.saturating_add(1)
        };
        let doubled = 2_u32.saturating_pow(streak - 1);
        let wait = self.first.saturating_mul(doubled).min(self.longest);
        let after = wait.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
        Restart {
            after: after.min(self.longest),
            streak,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_from_one_second_to_a_minute() {
        let backoff = Backoff::default();
        let mut streak = 0;
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                let restart = backoff.decide(streak, Duration::from_secs(1), 0.5);
                streak = restart.streak;
                restart.after.as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_stable_minute_starts_over() {
        let backoff = Backoff::default();
        for (ran, streak) in [(59, 8), (60, 1), (3600, 1)] {
            let restart = backoff.decide(7, Duration::from_secs(ran), 0.5);
            assert_eq!(restart.streak, streak, "{ran} s");
        }
    }

    proptest! {
        #[test]
        fn never_too_soon_never_too_late(streak in 0_u32.., ran in 0_u64..100, jitter in 0.0..1.0_f64) {
            let backoff = Backoff::default();
            let restart = backoff.decide(streak, Duration::from_secs(ran), jitter);
            prop_assert!(restart.after >= backoff.first.mul_f64(0.8));
            prop_assert!(restart.after <= backoff.longest);
            prop_assert!(restart.streak >= 1);
        }
    }
}
