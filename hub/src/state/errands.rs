//! What was asked for many at once, and goes on when the browser that asked has gone.
//!
//! Kept here is only how far each has come, and only for this process: every step is an act of its own, whose outcome is in
//! the database, and the log says what came of the whole. An errand that the hub did not live to end is ended by asking again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;
use hub_types::secret::random_urlsafe;
use tokio::sync::watch;

use crate::domain::principal::Owner;

/// Most errands for many at the same time.
const AT_ONCE: usize = 16;
/// Most of them that one person may have: the others have places left.
const OWN: usize = 4;
/// Most that are told of, those that have ended included.
const KEPT: usize = 64;
/// How long one that has ended is told of.
const TOLD_FOR: TimeDelta = TimeDelta::hours(1);

/// Somebody for whom it was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Their name, or that of their server.
    pub whom: String,
    /// The HTTP status that the same act would have had by itself.
    pub status: u16,
    /// In words.
    pub why: String,
}

/// How far an errand has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// For how many it was done.
    pub done: usize,
    /// For whom it was not.
    pub refused: Vec<Refused>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
}

/// What an errand is, for those who ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// In words: `Stop 300 servers`.
    pub title: String,
    /// What the page that follows says when all is done: a word of the admin pages.
    pub word: &'static str,
    /// Where that page is.
    pub back: String,
    /// For how many.
    pub total: usize,
}

/// Something that is done, or was.
#[derive(Debug)]
pub struct Errand {
    /// Its name in URLs.
    pub id: String,
    /// What it is.
    pub task: Task,
    owner: Owner,
    report: watch::Sender<Report>,
}

impl Errand {
    /// How far it has come.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    /// How far it has come when it has ended, or after so long.
    pub async fn wait(&self, patience: Duration) -> Report {
        let mut seen = self.report.subscribe();
        let ended = seen.wait_for(|report| report.ended.is_some());
        // Late or not: the report says which.
        let _ = tokio::time::timeout(patience, ended).await;
        self.report()
    }

    fn ended(&self) -> Option<DateTime<Utc>> {
        self.report.borrow().ended
    }
}

/// The errands of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Errands {
    clock: Arc<dyn Clock>,
    all: Arc<Mutex<Vec<Arc<Errand>>>>,
}

impl Errands {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let all = Arc::default();
        Self { clock, all }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Errand>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; `None` when it is for many, and too many of those go on already.
    #[must_use]
    pub fn begin(&self, owner: &Owner, task: Task) -> Option<Begun> {
        let now = self.clock.now();
        let mut all = self.all();
        all.retain(|errand| errand.ended().is_none_or(|ended| now - ended < TOLD_FOR));
        // One act is no more than a request to the API would be.
        let is_many = |errand: &&Arc<Errand>| errand.task.total > 1 && errand.ended().is_none();
        let own = all.iter().filter(is_many).filter(|one| one.owner.is(owner));
        if task.total > 1 && (own.count() >= OWN || all.iter().filter(is_many).count() >= AT_ONCE) {
            return None;
        }
        while all.len() >= KEPT {
            let ended = |errand: &Arc<Errand>| errand.ended().is_some();
            let single = |errand: &Arc<Errand>| errand.task.total == 1 && ended(errand);
            // What became of many is worth more.
            let oldest = all.iter().position(single);
            let Some(oldest) = oldest.or_else(|| all.iter().position(ended)) else {
                break;
            };
            all.remove(oldest);
        }
        let errand = Arc::new(Errand {
            id: random_urlsafe::<16>(),
            task,
            owner: owner.clone(),
            report: watch::Sender::default(),
        });
        all.push(Arc::clone(&errand));
        let clock = Arc::clone(&self.clock);
        Some(Begun { errand, clock })
    }

    /// The errand of this name, for whom it is done and nobody else.
    #[must_use]
    pub fn find(&self, id: &str, owner: &Owner) -> Option<Arc<Errand>> {
        let all = self.all();
        let found = all
            .iter()
            .find(|errand| errand.id == id && errand.owner.is(owner));
        found.cloned()
    }

    /// How many are not done yet.
    #[must_use]
    pub fn count(&self) -> usize {
        let all = self.all();
        all.iter().filter(|one| one.ended().is_none()).count()
    }

    /// What is still done for somebody, the oldest first.
    #[must_use]
    pub fn under_way(&self, owner: &Owner) -> Vec<Arc<Errand>> {
        let all = self.all();
        let going = all
            .iter()
            .filter(|errand| errand.ended().is_none() && errand.owner.is(owner));
        going.cloned().collect()
    }
}

/// The right to work on an errand, which ends when this is dropped.
#[derive(Debug)]
pub struct Begun {
    errand: Arc<Errand>,
    clock: Arc<dyn Clock>,
}

impl Begun {
    /// What is worked on.
    #[must_use]
    pub fn errand(&self) -> Arc<Errand> {
        Arc::clone(&self.errand)
    }

    /// Notes what became of one.
    pub fn note(&self, outcome: Result<(), Refused>) {
        self.errand.report.send_modify(|report| match outcome {
            Ok(()) => report.done += 1,
            Err(refused) => report.refused.push(refused),
        });
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let now = self.clock.now();
        self.errand
            .report
            .send_modify(|report| report.ended = Some(now));
    }
}

#[cfg(test)]
mod tests {
    use hub_types::clock::FakeClock;
    use hub_types::names::ServiceName;

    use super::*;
    use crate::domain::token::ServiceId;

    fn owner(id: i64) -> Owner {
        let (id, name) = (ServiceId(id), ServiceName::stored("one"));
        let admin = true;
        Owner::Service { id, name, admin }
    }

    fn task() -> Task {
        Task {
            title: "Stop 2 servers".to_owned(),
            word: "stop",
            back: "/hub/admin".to_owned(),
            total: 2,
        }
    }

    fn refused() -> Refused {
        Refused {
            whom: "zoe".to_owned(),
            status: 404,
            why: "Not Found".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_errand_is_told_of_to_whom_it_concerns_until_it_is_old() {
        let clock = FakeClock::at(DateTime::UNIX_EPOCH);
        let errands = Errands::new(Arc::new(clock.clone()));
        let begun = errands.begin(&owner(1), task()).unwrap();
        let id = begun.errand().id.clone();
        assert_eq!(errands.under_way(&owner(1)).len(), 1);
        assert!(errands.under_way(&owner(2)).is_empty());
        assert!(errands.find(&id, &owner(2)).is_none());
        begun.note(Ok(()));
        begun.note(Err(refused()));
        let errand = errands.find(&id, &owner(1)).unwrap();
        assert_eq!(errand.report().ended, None);
        drop(begun);
        let report = errand.wait(Duration::from_secs(60)).await;
        let expected = Report {
            done: 1,
            refused: vec![refused()],
            ended: Some(clock.now()),
        };
        assert_eq!(report, expected);
        assert!(errands.under_way(&owner(1)).is_empty());
        assert!(errands.find(&id, &owner(1)).is_some());
        clock.advance(TOLD_FOR);
        let _next = errands.begin(&owner(1), task());
        assert!(errands.find(&id, &owner(1)).is_none());
    }

    /// Nobody who has much done for many keeps others from stopping one server.
    #[test]
    fn for_one_there_is_always_a_place_and_it_takes_none_of_those_for_many() {
        let errands = Errands::new(Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)));
        let many = errands
            .begin(&owner(1), task())
            .unwrap()
            .errand()
            .id
            .clone();
        let going: Vec<_> = (0..3)
            .map(|_| errands.begin(&owner(1), task()).unwrap())
            .collect();
        for _ in 0..2 * KEPT {
            let one = Task { total: 1, ..task() };
            assert!(errands.begin(&owner(1), one).is_some());
        }
        assert!(errands.find(&many, &owner(1)).is_some());
        drop(going);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let errands = Errands::new(Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)));
        let begin = |whose: usize| errands.begin(&owner(i64::try_from(whose).unwrap()), task());
        let mut going: Vec<_> = (0..OWN).map(|_| begin(0).unwrap()).collect();
        assert!(begin(0).is_none());
        going.extend((OWN..AT_ONCE).map(|n| begin(n / OWN).unwrap()));
        assert!(begin(AT_ONCE).is_none());
        for _ in 0..2 * KEPT {
            going.pop();
            going.push(begin(AT_ONCE / OWN - 1).unwrap());
        }
        assert_eq!(errands.all().len(), KEPT);
        assert_eq!(errands.under_way(&owner(0)).len(), OWN);
        assert_eq!(errands.count(), AT_ONCE);
    }
}
