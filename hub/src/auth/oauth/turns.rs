//! How many people are asked about at once: strangers can make the hub ask a provider, and a provider may take its time.
//!
//! Logins have their turns and refreshes have theirs, so that no stranger keeps the hub from seeing that somebody is gone.
//! Neighbours (one address; of IPv6 one /64) have half the turns of logins at most, and wait for each other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::auth::throttle::network;

/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many logins are on their way at once.
const LOGINS: usize = 24;
/// How many of these may be of neighbours.
const NEIGHBOURS: usize = LOGINS / 2;
/// How many neighbours there may be, waiting or on their way: more than sit in a room.
const NEIGHBOURS_IN_LINE: usize = 100;
/// How many people there may be in all.
const IN_LINE: usize = 1000;
/// How many refreshes are on their way at once.
const REFRESHES: usize = 8;

/// There was no turn in time, or there are too many already who wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

/// A turn; others may have it when it is dropped.
#[derive(Debug)]
#[must_use]
#[expect(dead_code, reason = "held, not read")]
pub(super) struct Turn {
    permits: Vec<OwnedSemaphorePermit>,
    /// Known as long as one of them is there.
    neighbours: Option<Arc<Neighbours>>,
}

/// Those of one address.
#[derive(Debug)]
struct Neighbours {
    in_line: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// The turns of one provider.
#[derive(Debug)]
pub(super) struct Turns {
    in_line: Arc<Semaphore>,
    logins: Arc<Semaphore>,
    refreshes: Arc<Semaphore>,
    /// Gone with the last who is there.
    neighbours: Mutex<HashMap<Option<IpAddr>, Weak<Neighbours>>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            in_line: Arc::new(Semaphore::new(IN_LINE)),
            logins: Arc::new(Semaphore::new(LOGINS)),
            refreshes: Arc::new(Semaphore::new(REFRESHES)),
            neighbours: Mutex::default(),
        }
    }
}

impl Turns {
    /// A turn for a login of somebody who comes `from` there.
    pub(super) async fn login(&self, from: Option<IpAddr>) -> Result<Turn, Busy> {
        let neighbours = self.of(from.map(network));
        let place = |line: &Arc<Semaphore>| Arc::clone(line).try_acquire_owned().map_err(|_| Busy);
        let mut permits = vec![place(&neighbours.in_line)?, place(&self.in_line)?];
        permits.push(next(&neighbours.turns).await?);
        permits.push(next(&self.logins).await?);
        Ok(Turn {
            permits,
            neighbours: Some(neighbours),
        })
    }

    /// A turn for a refresh.
    pub(super) async fn refresh(&self) -> Result<Turn, Busy> {
        Ok(Turn {
            permits: vec![next(&self.refreshes).await?],
            neighbours: None,
        })
    }

    fn of(&self, from: Option<IpAddr>) -> Arc<Neighbours> {
        let mut all = self
            .neighbours
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&from).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, neighbours| neighbours.strong_count() > 0);
        let neighbours = Arc::new(Neighbours {
            in_line: Arc::new(Semaphore::new(NEIGHBOURS_IN_LINE)),
            turns: Arc::new(Semaphore::new(NEIGHBOURS)),
        });
        all.insert(from, Arc::downgrade(&neighbours));
        neighbours
    }
}

/// The next turn of these.
async fn next(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Busy> {
    let turn = timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
    turn.map_err(|_| Busy)?.map_err(|_| Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn neighbours_do_not_take_every_turn_and_logins_none_of_refreshes() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for n in 0..NEIGHBOURS {
            let address = format!("2001:db8::{n:x}");
            held.push(turns.login(from(&address)).await.unwrap());
        }
        // They wait their time, in vain.
        assert_eq!(turns.login(from("2001:db8::ffff")).await.err(), Some(Busy));
        for n in NEIGHBOURS..LOGINS {
            let address = format!("192.0.2.{n}");
            held.push(turns.login(from(&address)).await.unwrap());
        }
        assert_eq!(turns.login(from("192.0.2.1")).await.err(), Some(Busy));
        for _ in 0..REFRESHES {
            held.push(turns.refresh().await.unwrap());
        }
        assert_eq!(turns.refresh().await.err(), Some(Busy));
        let waiting = async { turns.login(from("2001:db8::ffff")).await.is_ok() };
        let (came, ()) = tokio::join!(waiting, async { drop(held.remove(0)) });
        assert!(came, "whoever waits gets the next turn");
        held.clear();
        drop(turns.login(None).await.unwrap());
        let known = turns.neighbours.lock().unwrap().len();
        assert_eq!(known, 1, "who has left is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_when_too_many_wait_is_told_at_once() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..NEIGHBOURS {
            held.push(turns.login(None).await.unwrap());
        }
        let rest = NEIGHBOURS_IN_LINE - NEIGHBOURS;
        let waiting = futures_util::future::join_all((0..rest).map(|_| turns.login(None)));
        let late = async {
            let begin = tokio::time::Instant::now();
            assert_eq!(turns.login(None).await.err(), Some(Busy));
            assert_eq!(begin.elapsed(), Duration::ZERO);
            assert!(turns.login(from("192.0.2.1")).await.is_ok());
        };
        let (waited, ()) = tokio::join!(waiting, late);
        assert!(waited.iter().all(Result::is_err));
    }
}
