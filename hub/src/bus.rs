//! What changed, told to everybody in this process who holds a cache or waits for it.
//!
//! The database stays the only truth: an event says "look again", never what is there. A receiver that falls behind
//! is told so and looks at everything again. (With several hubs, PostgreSQL's NOTIFY feeds the same events.)

use tokio::sync::broadcast;

use crate::domain::server::ServerId;

/// Something that others may have cached has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server took a step, or its start made progress.
    Server(ServerId),
    /// Users, groups, roles, services, tokens or sessions changed: what a credential may do has to be asked anew.
    Identities,
}

/// How many events a slow receiver may be behind before it is told to look at everything again.
const CAPACITY: usize = 1024;

/// The bus of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Event>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(CAPACITY).0)
    }
}

impl Bus {
    /// Tells everybody. Call it after the commit, never before.
    pub fn tell(&self, event: Event) {
        // No receiver is no error: nobody has cached anything.
        let _ = self.0.send(event);
    }

    /// Events from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
