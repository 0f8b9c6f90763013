//! The events of a start, from the database: what was reported so far, and what follows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::Stream;
use hub_types::progress::ProgressEvent;
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use super::{LOOK_AGAIN, Manager, changed, report};
use crate::bus::Event;
use crate::db::{self, DbError};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::ServerId;

/// Most who may listen to one start at a time. How many starts there are is limited, so how many listen is, too; each of them
/// looks at the database once a second.
pub const MAX_LISTENERS: usize = 100;

/// Who listens to which start.
#[derive(Debug, Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<HashMap<ServerId, usize>>>);

/// The right to listen to the start of a server; ends when dropped.
#[derive(Debug)]
pub struct Listener {
    all: Listeners,
    server: ServerId,
}

impl Listeners {
    /// A place, if one is free.
    pub(super) fn join(&self, server: ServerId) -> Option<Listener> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(server).or_default();
        if *count >= MAX_LISTENERS {
            return None;
        }
        *count += 1;
        let all = self.clone();
        Some(Listener { all, server })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.server) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.server);
            }
        }
    }
}

struct Reader {
    manager: Manager,
    server: ServerId,
    told: Receiver<Event>,
    /// The start that is followed, once it is known.
    start: Option<i64>,
    /// Row id of the last event that was read.
    after: i64,
    unread: VecDeque<ProgressEvent>,
    over: bool,
}

pub(super) fn stream(
    manager: Manager,
    server: ServerId,
) -> impl Stream<Item = ProgressEvent> + Send + use<> {
    let told = manager.bus.listen();
    let reader = Reader {
        manager,
        server,
        told,
        start: None,
        after: 0,
        unread: VecDeque::new(),
        over: false,
    };
    futures_util::stream::unfold(reader, |mut reader| async move {
        reader.next().await.map(|event| (event, reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Option<ProgressEvent> {
        loop {
            if let Some(event) = self.unread.pop_front() {
                self.over |= event.ready || event.failed;
                return Some(event);
            }
            if self.over {
                return None;
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => self.over = true,
                Err(error) => {
                    tracing::warn!(server = self.server.0, %error, "the progress of a start cannot be read");
                    self.over = true;
                }
            }
        }
    }

    /// Reads on, or waits; false when nothing more will come.
    async fn read(&mut self) -> Result<bool, DbError> {
        let Some(start) = self.start else {
            return self.first_look().await;
        };
        // The state is read before the events: a start that ends in between has its last event in them.
        let state = db::servers::get(self.manager.db.read(), self.server)
            .await?
            .map(|server| server.state);
        let events =
            db::events::since(self.manager.db.read(), self.server, start, self.after).await?;
        if events.is_empty() {
            if state != Some(ServerState::Spawning) {
                return Ok(false);
            }
            changed(&mut self.told, self.server, Instant::now() + LOOK_AGAIN).await;
        }
        for (id, event) in events {
            self.after = id;
            self.unread.push_back(event);
        }
        Ok(true)
    }

    async fn first_look(&mut self) -> Result<bool, DbError> {
        let db = self.manager.db.clone();
        let Some(server) = db::servers::get(db.read(), self.server).await? else {
            return Ok(false);
        };
        if server.state == ServerState::Ready {
            self.unread
                .push_back(report::ready(&self.manager.url_of(&server)));
            return Ok(true);
        }
        let Some(start) = db::events::latest_start(db.read(), self.server).await? else {
            return Ok(false);
        };
        if server.state == ServerState::Spawning {
            self.start = Some(start);
            return Ok(true);
        }
        let last = db::events::since(db.read(), self.server, start, 0)
            .await?
            .pop();
        let failed = last.map(|(_, event)| event).filter(|event| event.failed);
        let any = failed.is_some();
        self.unread.extend(failed);
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_server_and_given_back() {
        let (listeners, busy, other) = (Listeners::default(), ServerId(1), ServerId(2));
        let mut held: Vec<_> = std::iter::repeat_with(|| listeners.join(busy))
            .take(MAX_LISTENERS)
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(listeners.join(busy).is_none() && listeners.join(other).is_some());
        held.pop();
        assert!(listeners.join(busy).is_some());
        drop(held);
        assert!(listeners.0.lock().unwrap().is_empty());
    }
}
