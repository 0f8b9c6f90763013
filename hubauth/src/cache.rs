//! [`Cached`]: what the hub said, believed for a while.
//!
//! Bounded, with answers and misses apart (random tokens must not push users out); concurrent look-ups of one
//! credential share one call; errors are never kept. Keys are a digest of the browser session and the credential, so
//! that a token which was looked up in one session is asked again in another, and no secret is held as a key.

mod flight;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::client::ClientError;
use crate::resolve::{Lookup, Resolve};
use crate::user::{HubUser, Source};
use flight::Flights;

/// Longest wait for an answer, the turn at the hub included; who waits longer is told that the hub is busy.
const DEADLINE: Duration = Duration::from_millis(4_500);

/// Longest life of an answer: what is meant to be for ever is not.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What a look-up came to: a user, or "the hub does not know it".
type Answer = Result<Option<HubUser>, ClientError>;

/// SHA-256 over the kind of credential, the browser session, and the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    fn new(session: &str, lookup: &Lookup) -> Self {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // The length first: no two different pairs give the same bytes.
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(session.as_bytes());
        match lookup {
            Lookup::Token(token) => {
                part(b"token");
                part(token.expose().as_bytes());
            }
            Lookup::Cookie { name, value } => {
                part(b"cookie");
                part(name.as_bytes());
                part(value.expose().as_bytes());
            }
        }
        Self(hasher.finalize().into())
    }
}

/// A kept answer. It holds from `since` until `until`, and not before `since` either: a clock that was set back must
/// not make it live longer.
#[derive(Debug, Clone)]
struct Kept<T> {
    value: T,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl<T> Kept<T> {
    fn new(value: T, now: DateTime<Utc>, age: Duration) -> Self {
        let age = TimeDelta::from_std(age.min(LONGEST)).unwrap_or_default();
        Self {
            value,
            since: now,
            until: now.checked_add_signed(age).unwrap_or(now),
        }
    }

    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.since <= now && now < self.until
    }
}

/// How a look-up uses the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheUse {
    /// An answer that is still believed is good enough.
    #[default]
    Normal,
    /// Asks the hub now; the answer replaces what was kept.
    Skip,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups answered from kept answers.
    pub hits: u64,
    /// Look-ups answered from kept misses.
    pub negative_hits: u64,
    /// Look-ups that asked the hub, or waited for one that did.
    pub misses: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Answers kept now, [`CachePolicy::size`] at most.
    pub size: u64,
    /// Misses kept now, a tenth of [`CachePolicy::size`] at most.
    pub negative_size: u64,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    negative_hits: AtomicU64,
    misses: AtomicU64,
    calls: AtomicU64,
}

/// Ages and sizes.
#[derive(Debug, Clone, Copy)]
pub struct CachePolicy {
    /// How long an answer is believed; zero switches caching off altogether.
    pub max_age: Duration,
    /// How long "unknown" is believed.
    pub negative_max_age: Duration,
    /// Answers kept at most; misses are kept in a store of a tenth of this.
    pub size: u64,
    /// Calls to the hub at one time; more wait, and nobody longer than four and a half seconds.
    pub concurrency: usize,
}

/// A [`Resolve`] with a memory. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Cached(Arc<Inner>);

struct Inner {
    resolve: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    policy: CachePolicy,
    answers: Cache<Key, Kept<HubUser>>,
    misses: Cache<Key, Kept<()>>,
    flights: Flights,
    permits: tokio::sync::Semaphore,
    counters: Counters,
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cached")
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}

/// A bounded store. Whether an answer still holds is decided by our own clock; what the store forgets by itself is what
/// would only keep new answers out.
fn store<T: Clone + Send + Sync + 'static>(size: u64, age: Duration) -> Cache<Key, Kept<T>> {
    Cache::builder()
        .max_capacity(size)
        .time_to_live(age.min(LONGEST))
        .build()
}

impl Cached {
    /// Puts a memory before `resolve`.
    pub fn new(resolve: Arc<dyn Resolve>, clock: Arc<dyn Clock>, policy: CachePolicy) -> Self {
        Self(Arc::new(Inner {
            resolve,
            clock,
            policy,
            answers: store(policy.size, policy.max_age),
            misses: store((policy.size / 10).max(1), policy.negative_max_age),
            flights: Flights::default(),
            permits: tokio::sync::Semaphore::new(policy.concurrency.max(1)),
            counters: Counters::default(),
        }))
    }

    /// Who the credential belongs to, seen from the browser session `session` (empty without one).
    ///
    /// # Errors
    /// What the hub's client reports; it is not kept, the next look-up asks again.
    pub async fn look_up(&self, session: &str, lookup: &Lookup, cache: CacheUse) -> Answer {
        let inner = &self.0;
        if inner.policy.max_age.is_zero() {
            inner.counters.misses.fetch_add(1, Ordering::Relaxed);
            return inner.ask(lookup).await;
        }
        let key = Key::new(session, lookup);
        if cache == CacheUse::Skip {
            inner.counters.misses.fetch_add(1, Ordering::Relaxed);
            // Whatever is under way may have been answered before now; it must neither be joined nor be kept.
            self.forget(key);
            return self.fly(key, lookup).await;
        }
        if let Some(answer) = inner.kept(key) {
            return Ok(answer);
        }
        inner.counters.misses.fetch_add(1, Ordering::Relaxed);
        self.fly(key, lookup).await
    }

    /// Joins the call that is under way for `key`, or makes it. The call runs in a task of its own: a visitor who goes
    /// away does not cancel what others wait for.
    async fn fly(&self, key: Key, lookup: &Lookup) -> Answer {
        let inner = &self.0;
        let (flight, landing) = inner.flights.join(key, || inner.kept_quietly(key));
        if let Some(landing) = landing {
            let (inner, lookup) = (Arc::clone(inner), lookup.clone());
            tokio::spawn(async move {
                let answer = inner.ask(&lookup).await;
                inner
                    .flights
                    .land(landing, answer, |answer| inner.keep(key, answer));
            });
        }
        flight.wait().await
    }

    /// Forgets what is known of a credential in a browser session, including a call that is under way.
    pub fn invalidate(&self, session: &str, lookup: &Lookup) {
        self.forget(Key::new(session, lookup));
    }

    fn forget(&self, key: Key) {
        self.0.flights.divert(key, || {
            self.0.answers.invalidate(&key);
            self.0.misses.invalidate(&key);
        });
    }

    /// Forgets everything.
    pub fn invalidate_all(&self) {
        self.0.flights.divert_all(|| {
            self.0.answers.invalidate_all();
            self.0.misses.invalidate_all();
        });
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let Inner {
            answers,
            misses,
            counters,
            ..
        } = &*self.0;
        answers.run_pending_tasks();
        misses.run_pending_tasks();
        CacheStats {
            hits: counters.hits.load(Ordering::Relaxed),
            negative_hits: counters.negative_hits.load(Ordering::Relaxed),
            misses: counters.misses.load(Ordering::Relaxed),
            calls: counters.calls.load(Ordering::Relaxed),
            size: answers.entry_count(),
            negative_size: misses.entry_count(),
        }
    }
}

impl Inner {
    async fn ask(&self, lookup: &Lookup) -> Answer {
        let answer = tokio::time::timeout(DEADLINE, self.ask_in_turn(lookup)).await;
        answer.unwrap_or(Err(ClientError::Busy { after: DEADLINE }))
    }

    async fn ask_in_turn(&self, lookup: &Lookup) -> Answer {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
        let source = match lookup {
            Lookup::Token(_) => Source::Header,
            Lookup::Cookie { .. } => Source::ServicesCookie,
        };
        let identity = self.resolve.resolve(lookup).await?;
        Ok(identity.map(|identity| HubUser::new(identity, source)))
    }

    /// A kept answer or miss that still holds, counted.
    fn kept(&self, key: Key) -> Option<Option<HubUser>> {
        let answer = self.kept_quietly(key)?;
        let counter = match answer {
            Some(_) => &self.counters.hits,
            None => &self.counters.negative_hits,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    fn kept_quietly(&self, key: Key) -> Option<Option<HubUser>> {
        let now = self.clock.now();
        if let Some(kept) = self.answers.get(&key).filter(|kept| kept.holds(now)) {
            return Some(Some(kept.value));
        }
        self.misses
            .get(&key)
            .filter(|kept| kept.holds(now))
            .map(|_| None)
    }

    /// Keeps a fresh answer. A miss also ends what was believed before.
    fn keep(&self, key: Key, answer: &Answer) {
        let now = self.clock.now();
        match answer {
            Ok(Some(user)) => {
                self.misses.invalidate(&key);
                self.answers
                    .insert(key, Kept::new(user.clone(), now, self.policy.max_age));
            }
            Ok(None) => {
                self.answers.invalidate(&key);
                let age = self.policy.negative_max_age.min(self.policy.max_age);
                self.misses.insert(key, Kept::new((), now, age));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub_types::secret::Token;

    #[test]
    fn keys_tell_sessions_and_kinds_apart() {
        let token = |text: &str| Lookup::Token(Token::from_config(text));
        let cookie = Lookup::Cookie {
            name: "n".into(),
            value: Token::from_config("t"),
        };
        let keys = [
            Key::new("", &token("t")),
            Key::new("s", &token("t")),
            Key::new("t", &token("s")),
            Key::new("st", &token("")),
            Key::new("", &cookie),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(keys[0], Key::new("", &token("t")));
    }

    #[test]
    fn kept_answers_hold_only_in_their_time() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let kept = Kept::new((), now, Duration::from_secs(10));
        for (seconds, expected) in [(0, true), (9, true), (10, false), (-1, false)] {
            assert_eq!(
                kept.holds(now + TimeDelta::seconds(seconds)),
                expected,
                "{seconds}"
            );
        }
    }
}
