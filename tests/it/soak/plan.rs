//! What happens to the hub and its database, and when: chosen at random from a seed, so that a run can be repeated.

use std::time::Duration;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// `kill -9` of the hub, which is started again at once.
    Kill,
    /// The same, and the one that comes up is killed after so long.
    KillTwice(Duration),
    /// The hub is told to stop, and started again.
    Restart,
    /// The database ends as with its machine, and is back after so long.
    DatabaseEnds(Duration),
    /// The database says nothing for so long.
    DatabaseHangs(Duration),
}

impl Event {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 of the hub",
            Self::KillTwice(_) => "kill -9 of the hub, twice",
            Self::Restart => "restart of the hub",
            Self::DatabaseEnds(_) => "database away",
            Self::DatabaseHangs(_) => "database silent",
        }
    }

    fn is_of_the_hub(self) -> bool {
        matches!(self, Self::Kill | Self::KillTwice(_) | Self::Restart)
    }
}

/// Every kind once, in any order.
fn each(random: &mut fastrand::Rng) -> Vec<Event> {
    let mut away = || Duration::from_millis(random.u64(500..8_000));
    let (ends, hangs) = (away(), away());
    let soon = Duration::from_millis(random.u64(0..500));
    let mut all = vec![
        Event::Kill,
        Event::KillTwice(soon),
        Event::Restart,
        Event::DatabaseEnds(ends),
        Event::DatabaseHangs(hangs),
    ];
    random.shuffle(&mut all);
    all
}

/// When what begins. Every 20 to 32 seconds (of five minutes or more); in the last two fifths nothing happens to the hub
/// itself, so that this life of it is long enough to be judged, and nothing at all at the very end.
pub(super) fn plan(seed: u64, length: Duration) -> Vec<(Duration, Event)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let shortest = (length.as_millis() / 15).clamp(8_000, 20_000);
    let shortest = u64::try_from(shortest).unwrap_or(u64::MAX);
    let pause =
        |random: &mut fastrand::Rng| Duration::from_millis(random.u64(shortest..shortest * 8 / 5));
    let (calm, end) = (length * 3 / 5, length - length / 10);
    let (mut events, mut bag) = (Vec::new(), Vec::new());
    let mut at = pause(&mut random);
    while at < end {
        if bag.is_empty() {
            bag = each(&mut random);
        }
        let event = bag
            .pop()
            .filter(|event| at < calm || !event.is_of_the_hub());
        if let Some(event) = event {
            events.push((at, event));
            at += pause(&mut random);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let length = Duration::from_secs(300);
        assert_eq!(plan(1, length), plan(1, length));
        assert_ne!(plan(1, length), plan(2, length));
    }

    #[test]
    fn everything_happens_and_the_hub_is_left_alone_at_last() {
        for seed in 0..100 {
            let events = plan(seed, Duration::from_secs(300));
            assert!((6..=14).contains(&events.len()), "{seed}: {events:?}");
            let kinds: BTreeSet<_> = events.iter().map(|(_, event)| event.name()).collect();
            assert_eq!(kinds.len(), 5, "{seed}: {events:?}");
            for ((at, event), (next, _)) in events.iter().zip(&events[1..]) {
                let pause = next.as_secs_f64() - at.as_secs_f64();
                assert!((20.0..32.0).contains(&pause), "{seed}: {events:?}");
                assert!(at.as_secs() < 180 || !event.is_of_the_hub(), "{seed}");
            }
        }
    }
}
