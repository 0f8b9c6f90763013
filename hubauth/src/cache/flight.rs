//! Calls under way: whoever asks the same meanwhile waits for the same answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Answer, Key};
use crate::client::ClientError;

/// All calls under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    flights: HashMap<Key, (u64, watch::Receiver<Option<Answer>>)>,
}

/// A seat: waits for the answer.
pub(super) struct Flight(Seat);

enum Seat {
    Waiting(watch::Receiver<Option<Answer>>),
    There(Answer),
}

/// The duty to make the call. Dropped without an answer (a panic, a runtime that ends), it frees the key and the
/// waiters get an error.
pub(super) struct Landing {
    key: Key,
    id: u64,
    sender: watch::Sender<Option<Answer>>,
    table: Arc<Mutex<Table>>,
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// Joins the flight for `key`, or starts one. `kept` is asked under the lock: between a caller's look into the cache
    /// and this one, another flight may have landed.
    pub(super) fn join(
        &self,
        key: Key,
        kept: impl FnOnce() -> Option<Option<crate::HubUser>>,
    ) -> (Flight, Option<Landing>) {
        let mut table = lock(&self.0);
        if let Some((_, receiver)) = table.flights.get(&key) {
            return (Flight(Seat::Waiting(receiver.clone())), None);
        }
        if let Some(answer) = kept() {
            return (Flight(Seat::There(Ok(answer))), None);
        }
        let (sender, receiver) = watch::channel(None);
        let id = table.next_id;
        table.next_id += 1;
        table.flights.insert(key, (id, receiver.clone()));
        let landing = Landing {
            key,
            id,
            sender,
            table: Arc::clone(&self.0),
        };
        (Flight(Seat::Waiting(receiver)), Some(landing))
    }

    /// Delivers `answer`. It is kept only if nobody has diverted the flight meanwhile.
    pub(super) fn land(&self, landing: Landing, answer: Answer, keep: impl FnOnce(&Answer)) {
        let table = lock(&self.0);
        if table
            .flights
            .get(&landing.key)
            .is_some_and(|(id, _)| *id == landing.id)
        {
            keep(&answer);
        }
        drop(table);
        landing.sender.send_replace(Some(answer));
        // This frees the key.
        drop(landing);
    }

    /// Makes sure that no answer asked before now is kept or joined, and runs `forget` in the same breath.
    pub(super) fn divert(&self, key: Key, forget: impl FnOnce()) {
        let mut table = lock(&self.0);
        table.flights.remove(&key);
        forget();
    }

    /// As [`Flights::divert`], for all keys.
    pub(super) fn divert_all(&self, forget: impl FnOnce()) {
        let mut table = lock(&self.0);
        table.flights.clear();
        forget();
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        if table
            .flights
            .get(&self.key)
            .is_some_and(|(id, _)| *id == self.id)
        {
            table.flights.remove(&self.key);
        }
    }
}

impl Flight {
    pub(super) async fn wait(self) -> Answer {
        let mut receiver = match self.0 {
            Seat::There(answer) => return answer,
            Seat::Waiting(receiver) => receiver,
        };
        let answer = match receiver.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        answer.unwrap_or_else(|| {
            Err(ClientError::BadReply {
                url: "the hub".to_owned(),
                reason: "the look-up ended without an answer".to_owned(),
            })
        })
    }
}
