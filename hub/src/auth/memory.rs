//! A bounded memory of answers that count only until somebody's rights change.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use moka::future::Cache;

/// Answers, each made at a version of [`identities_version`](crate::bus::Bus::identities_version). Whoever reads one checks
/// its version; here those that nobody will take any more are let go of, for at a busy hub they would soon be most of it.
/// Cheap to clone.
pub(super) struct Memory<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    cache: Cache<K, Arc<V>>,
    newest: AtomicU64,
}

impl<K, V> Clone for Memory<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Debug for Memory<K, V>
where
    K: Debug + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("entries", &self.len())
            .finish_non_exhaustive()
    }
}

impl<K, V> Memory<K, V>
where
    K: Debug + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// For at most so many answers, each for at most `life`.
    pub(super) fn new(capacity: u64, life: TimeDelta) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(life.to_std().unwrap_or_default())
            .build();
        Self(Arc::new(Inner {
            cache,
            newest: AtomicU64::default(),
        }))
    }

    pub(super) async fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.cache.get(key).await
    }

    /// Keeps an answer that was made at `version`; those of before are forgotten.
    pub(super) async fn keep(&self, key: K, version: u64, answer: Arc<V>) {
        if self.0.newest.fetch_max(version, Ordering::SeqCst) < version {
            self.0.cache.invalidate_all();
        }
        self.0.cache.insert(key, answer).await;
    }

    /// About how many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.cache.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_no_longer_counts_takes_no_room() {
        let memory = Memory::new(50_000, TimeDelta::minutes(10));
        for version in 0..100_u64 {
            for key in 0..50 {
                memory.keep((version, key), version, Arc::new(())).await;
            }
        }
        assert!(memory.get(&(99, 7)).await.is_some());
        assert!(memory.get(&(98, 7)).await.is_none());
        memory.0.cache.run_pending_tasks().await;
        for _ in 0..100 {
            memory.0.cache.run_pending_tasks().await;
        }
        assert!(memory.len() <= 50, "{memory:?}");
        // An answer that took long is no newer than it is.
        memory.keep((7, 7), 7, Arc::new(())).await;
        assert!(memory.get(&(99, 7)).await.is_some());
    }
}
