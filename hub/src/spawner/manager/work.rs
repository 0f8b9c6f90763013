//! Which servers this process is working on: at most one piece of work per server at a time.
//!
//! The database's leases keep hub processes apart; this keeps the tasks of one process apart, and lets a stop cancel
//! a start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::server::ServerId;

/// The work of this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Work(Arc<Mutex<HashMap<ServerId, Ongoing>>>);

/// A piece of work.
#[derive(Debug, Clone)]
struct Ongoing {
    cancel: CancellationToken,
    done: CancellationToken,
    number: u64,
}

/// The right to work on a server; ends when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    work: Work,
    server: ServerId,
    own: Ongoing,
    /// The work before this one, until it is known to have ended.
    before: Option<Ongoing>,
}

impl Work {
    fn map(&self) -> MutexGuard<'_, HashMap<ServerId, Ongoing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces work on a server. It may begin after [`Turn::begin`].
    pub(super) fn announce(&self, server: ServerId) -> Turn {
        let mut map = self.map();
        let before = map.get(&server).cloned();
        let number = before.as_ref().map_or(0, |before| before.number + 1);
        let own = Ongoing {
            cancel: CancellationToken::new(),
            done: CancellationToken::new(),
            number,
        };
        map.insert(server, own.clone());
        Turn {
            work: self.clone(),
            server,
            own,
            before,
        }
    }

    /// Whether this process works on the server.
    pub(super) fn is_busy(&self, server: ServerId) -> bool {
        self.map().contains_key(&server)
    }

    /// How many servers this process works on.
    pub(super) fn count(&self) -> usize {
        self.map().len()
    }

    /// Waits until there is no work.
    pub(super) async fn idle(&self) {
        loop {
            let Some(ongoing) = self.map().values().next().cloned() else {
                return;
            };
            ongoing.done.cancelled().await;
        }
    }
}

impl Turn {
    /// Ends the work before this one: at once if `cancel`, else when it is done. Returns when it has ended.
    pub(super) async fn begin(&mut self, cancel: bool) {
        if let Some(before) = self.before.take() {
            if cancel {
                before.cancel.cancel();
            }
            before.done.cancelled().await;
        }
    }

    /// Cancelled when somebody wants the server for something else.
    pub(super) fn cancelled(&self) -> &CancellationToken {
        &self.own.cancel
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut map = self.work.map();
        if map
            .get(&self.server)
            .is_some_and(|ongoing| ongoing.number == self.own.number)
        {
            // What never began leaves the work before it as it was.
            match self.before.take() {
                Some(before) if !before.done.is_cancelled() => {
                    map.insert(self.server, before);
                }
                _ => {
                    map.remove(&self.server);
                }
            }
        }
        // Under the lock: whoever is dropped after us sees that we have ended.
        self.own.done.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_began_leaves_the_work_before_it() {
        let (work, server) = (Work::default(), ServerId(1));
        let running = work.announce(server);
        drop(work.announce(server));
        assert_eq!(work.count(), 1);
        assert!(work.is_busy(server) && !running.cancelled().is_cancelled());
        let next = work.announce(server);
        drop(running);
        assert!(work.is_busy(server));
        drop(next);
        assert!(!work.is_busy(server));
    }

    #[tokio::test]
    async fn the_next_one_waits_and_may_cancel() {
        let (work, server) = (Work::default(), ServerId(1));
        let first = work.announce(server);
        let mut second = work.announce(server);
        let cancelled = first.cancelled().clone();
        let waiting = tokio::spawn(async move {
            second.begin(true).await;
            second
        });
        cancelled.cancelled().await;
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.await.unwrap();
        assert!(work.is_busy(server));
        drop(second);
        assert!(!work.is_busy(server));
        work.idle().await;
    }
}
