//! How often somebody may try to log in and fail: by account and address, and by address alone. Security case 120.
//!
//! An account is never closed for everybody: its owner comes in from elsewhere while somebody guesses, and from the same
//! address (a school's, a company's) with a browser in which the owner has logged in before: such a browser counts for
//! itself, whatever its neighbours do. IPv6 addresses count by their /64, which one customer has. A try is charged
//! before the password is looked at, so that many at once are counted as well, and given back when it was right.
//!
//! Each hub process counts for itself, from zero when it starts: guessing is slowed, not remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How many times as many failures an address may have as one account from there: people share addresses.
const ACCOUNTS_OF_AN_ADDRESS: f64 = 20.0;
/// How many counts are kept.
const CAPACITY: usize = 50_000;
/// The time in which a full count empties.
const MINUTE: f64 = 60.0;

/// What is counted: a hash with a key of this process.
type Key = u64;

/// Failures that leak away evenly.
#[derive(Debug, Clone, Copy)]
struct Count {
    level: f64,
    at: DateTime<Utc>,
    most: f64,
}

impl Count {
    /// What is left of it now. A clock that was set back does not fill it again.
    fn now(self, now: DateTime<Utc>) -> f64 {
        let passed = (now - self.at).max(TimeDelta::zero());
        let seconds = passed.to_std().unwrap_or_default().as_secs_f64();
        (self.level - seconds * self.most / MINUTE).max(0.0)
    }

    /// How long until there is room for one more; zero when there is.
    fn wait(self, now: DateTime<Utc>) -> Duration {
        let over = self.now(now) + 1.0 - self.most;
        if over <= 1e-9 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64((over * MINUTE / self.most).ceil().max(1.0))
    }
}

/// Counts failed logins.
#[derive(Debug)]
pub struct Throttle {
    hasher: RandomState,
    /// Failures of an account from one address in a minute; 0 for no limit.
    per_minute: f64,
    counts: Mutex<HashMap<Key, Count>>,
}

/// Where a try comes from, as far as that can be believed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The address.
    pub address: Option<IpAddr>,
    /// What names the browser, if the owner of the account has logged in with it before.
    pub browser: Option<&'a str>,
}

/// A try that was charged. Must be [given back](Throttle::give_back) when it was no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Charged([Option<Key>; 2]);

impl Throttle {
    /// Allows so many failures of an account from one address in a minute; 0 for no limit.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            hasher: RandomState::new(),
            per_minute: f64::from(per_minute),
            counts: Mutex::default(),
        }
    }

    /// Charges a try for the account `name`.
    ///
    /// # Errors
    /// How long to wait, in whole seconds.
    pub fn charge(
        &self,
        name: &str,
        origin: Origin<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged, Duration> {
        let limits = self.limits(name, origin);
        if self.per_minute <= 0.0 {
            return Ok(Charged([None; 2]));
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut counts, now);
        let wait = limits
            .iter()
            .flatten()
            .filter_map(|(key, _)| counts.get(key))
            .map(|count| count.wait(now))
            .max()
            .unwrap_or_default();
        if wait > Duration::ZERO {
            return Err(wait);
        }
        for (key, most) in limits.into_iter().flatten() {
            let level = counts.get(&key).map_or(0.0, |count| count.now(now)) + 1.0;
            let at = now;
            counts.insert(key, Count { level, at, most });
        }
        Ok(Charged(limits.map(|limit| limit.map(|(key, _)| key))))
    }

    /// What counts a try, each with how many it takes in a minute.
    fn limits(&self, name: &str, origin: Origin<'_>) -> [Option<(Key, f64)>; 2] {
        if let Some(browser) = origin.browser {
            let key = self.hash(&("browser", browser, name));
            return [Some((key, self.per_minute)), None];
        }
        let network = origin.address.map(network);
        let account = self.hash(&("account", network, name));
        let address = self.hash(&("address", network));
        let all = self.per_minute * ACCOUNTS_OF_AN_ADDRESS;
        [Some((account, self.per_minute)), Some((address, all))]
    }

    /// Takes a charge back: the try was no failure.
    pub fn give_back(&self, charged: Charged) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in charged.0.into_iter().flatten() {
            if let Some(count) = counts.get_mut(&key) {
                count.level = (count.level - 1.0).max(0.0);
            }
        }
    }

    fn hash(&self, key: &impl Hash) -> Key {
        self.hasher.hash_one(key)
    }
}

/// Forgets what has leaked away; if that is not enough, everything: whoever has so many addresses is not slowed by counts.
fn make_room(counts: &mut HashMap<Key, Count>, now: DateTime<Utc>) {
    if counts.len() + 2 <= CAPACITY {
        return;
    }
    counts.retain(|_, count| count.now(now) > 0.0);
    if counts.len() + 2 > CAPACITY {
        tracing::warn!("failed logins from too many addresses to count: counting begins anew");
        counts.clear();
    }
}

/// What stands for one customer: the address, of IPv6 the /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn from(text: &str) -> Origin<'static> {
        Origin {
            address: Some(text.parse().unwrap()),
            browser: None,
        }
    }

    const NOWHERE: Origin<'static> = Origin {
        address: None,
        browser: None,
    };

    /// How many of 1,000 tries get through.
    fn through(mut charge: impl FnMut(u32) -> bool) -> usize {
        (0..1_000).filter(|n| charge(*n)).count()
    }

    #[test]
    fn guessing_is_slowed_and_the_owner_comes_in_from_elsewhere() {
        let throttle = Throttle::new(10);
        let here = from("192.0.2.1");
        assert_eq!(through(|_| throttle.charge("mal", here, at(0)).is_ok()), 10);
        assert_eq!(
            throttle.charge("mal", here, at(0)),
            Err(Duration::from_secs(6))
        );
        assert!(throttle.charge("mal", from("192.0.2.2"), at(0)).is_ok());
        assert!(throttle.charge("zoe", here, at(0)).is_ok());
        assert_eq!(
            throttle.charge("mal", here, at(5)),
            Err(Duration::from_secs(1))
        );
        assert!(throttle.charge("mal", here, at(6)).is_ok());
        assert!(throttle.charge("mal", here, at(6)).is_err());
        assert_eq!(
            through(|_| throttle.charge("mal", here, at(100)).is_ok()),
            10
        );
    }

    #[test]
    fn a_browser_that_is_known_is_not_held_up_by_its_neighbours() {
        let throttle = Throttle::new(10);
        let here = from("192.0.2.1");
        let known = Origin {
            browser: Some("of-mal"),
            ..here
        };
        // Somebody of the same class tries mal's password, and everybody's.
        let guess = |n: u32| throttle.charge(["mal", "zoe"][n as usize % 2], here, at(0));
        assert_eq!(through(|n| guess(n).is_ok()), 20);
        let spray = |n: u32| throttle.charge(&format!("user-{n}"), here, at(0));
        assert_eq!(through(|n| spray(n).is_ok()), 180);
        assert!(throttle.charge("kaylee", here, at(0)).is_err());
        // It has as many tries as anybody, for its own account.
        assert_eq!(
            through(|_| throttle.charge("mal", known, at(0)).is_ok()),
            10
        );
        let other = Origin {
            browser: Some("another"),
            ..here
        };
        assert!(throttle.charge("mal", other, at(0)).is_ok());
    }

    #[test]
    fn one_password_for_many_accounts_is_slowed_by_address() {
        let throttle = Throttle::new(10);
        let try_one = |n: u32| throttle.charge(&format!("user-{n}"), from("192.0.2.1"), at(0));
        assert_eq!(through(|n| try_one(n).is_ok()), 200);
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let throttle = Throttle::new(10);
        let inside = |n: u32| from(&format!("2001:db8::{n:x}:1"));
        assert_eq!(
            through(|n| throttle.charge("mal", inside(n), at(0)).is_ok()),
            10
        );
        assert!(
            throttle
                .charge("mal", from("2001:db8:0:1::1"), at(0))
                .is_ok()
        );
        let mapped = throttle
            .charge("zoe", from("::ffff:192.0.2.1"), at(0))
            .unwrap();
        assert_eq!(throttle.charge("zoe", from("192.0.2.1"), at(0)), Ok(mapped));
    }

    #[test]
    fn what_was_right_is_not_counted() {
        let throttle = Throttle::new(2);
        for _ in 0..100 {
            let charged = throttle.charge("mal", NOWHERE, at(0)).unwrap();
            throttle.give_back(charged);
        }
        assert!(throttle.charge("mal", NOWHERE, at(0)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_opens_nothing_and_closes_nothing_for_long() {
        let throttle = Throttle::new(1);
        assert!(throttle.charge("mal", NOWHERE, at(1_000)).is_ok());
        assert!(throttle.charge("mal", NOWHERE, at(0)).is_err());
        assert!(throttle.charge("mal", NOWHERE, at(1_060)).is_ok());
    }

    #[test]
    fn counts_are_bounded() {
        let throttle = Throttle::new(10);
        for n in 0..60_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            assert!(
                throttle
                    .charge(
                        "mal",
                        Origin {
                            address: Some(address),
                            browser: None
                        },
                        at(0)
                    )
                    .is_ok()
            );
        }
        assert!(throttle.counts.lock().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let throttle = Throttle::new(0);
        assert_eq!(
            through(|_| throttle.charge("mal", NOWHERE, at(0)).is_ok()),
            1_000
        );
        assert!(throttle.counts.lock().unwrap().is_empty());
    }
}
