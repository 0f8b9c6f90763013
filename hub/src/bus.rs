//! What changed, told to everybody in this process who holds a cache or waits for it.
//!
//! The database stays the only truth: an event says "look again", never what is there. A receiver that falls behind
//! is told so and looks at everything again. With several hubs, PostgreSQL's NOTIFY feeds the same events
//! ([`Db::hear_others`](crate::db::Db::hear_others)).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

use crate::domain::server::ServerId;

/// Something that others may have cached has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server took a step, or its start made progress.
    Server(ServerId),
    /// What an existing credential may do has changed: a token or session was revoked, a user, group, role or service
    /// changed. (A *new* token or session changes nothing for the others: absence is never cached.)
    Identities,
    /// Anything may have changed: what another hub said was missed.
    Everything,
}

/// How many events a slow receiver may be behind before it is told to look at everything again.
const CAPACITY: usize = 1024;

/// The bus of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    events: broadcast::Sender<Event>,
    identities: Arc<AtomicU64>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            events: broadcast::channel(CAPACITY).0,
            identities: Arc::default(),
        }
    }
}

impl Bus {
    /// Tells everybody. [`Tx::commit_and_tell`](crate::db::Tx::commit_and_tell) does it after the commit, in one step with
    /// it; beside it only what other hubs commit is told.
    pub fn tell(&self, event: Event) {
        if matches!(event, Event::Identities | Event::Everything) {
            self.identities.fetch_add(1, Ordering::SeqCst);
        }
        // No receiver is no error: nobody waits for anything.
        let _ = self.events.send(event);
    }

    /// Events from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Counts the [`Event::Identities`] so far. What was read before the count changed is stale the moment it changes:
    /// a revoked token is refused by the very next request, without waiting for a task to hear of it.
    #[must_use]
    pub fn identities_version(&self) -> u64 {
        self.identities.load(Ordering::SeqCst)
    }
}
