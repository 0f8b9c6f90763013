//! Carrying out a plan: a bounded number of requests at once, over all users, and nobody's failure stops another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::decide::{Policy, Verdict, WhyCull};
use crate::hub::{self, Deleted, Hub, HubError, StopOptions};
use crate::plan::{self, Notice, Plan, Stop};
use crate::report::Subject;
use crate::source::{Source, wire::Era};

/// Why nothing was sent any more.
const STOPPED: &str = "the culler is being stopped";

/// What became of a server or user that was to be culled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stopped, or deleted.
    Done,
    /// Its users can see that it will be stopped.
    Announced,
    /// Nothing was sent, because only a rehearsal was asked for.
    DryRun,
    /// The hub is still stopping it.
    StillStopping,
    /// It was used since it was read, so it stays.
    BecameActive,
    /// It was not there any more.
    Gone,
    /// It did not work; in words for the log.
    Failed(String),
    /// The hub could not be reached; in words for the log.
    HubAway(String),
}

/// How plans are carried out.
#[derive(Debug)]
pub struct Actor {
    hub: Arc<Hub>,
    source: Source,
    era: Era,
    policy: Policy,
    options: Options,
    permits: Semaphore,
    /// The time before which the hub, which was busy, shall be left alone by all.
    quiet_until: Mutex<Option<Instant>>,
}

/// The settings of an [`Actor`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether named servers are forgotten when they are stopped.
    pub remove_named_servers: bool,
    /// Whether nothing is really done.
    pub dry_run: bool,
    /// Requests under way at once; `None` for any number.
    pub concurrency: Option<usize>,
    /// The age from which facts are read again before a stop is based on them.
    pub stale_after: Duration,
}

impl Actor {
    /// An actor for one sweep.
    #[must_use]
    pub fn new(hub: Arc<Hub>, source: Source, era: Era, policy: Policy, options: Options) -> Self {
        let permits = options
            .concurrency
            .map_or(Semaphore::MAX_PERMITS, |n| n.min(Semaphore::MAX_PERMITS));
        Self {
            hub,
            source,
            era,
            policy,
            options,
            permits: Semaphore::new(permits),
            quiet_until: Mutex::new(None),
        }
    }

    /// Carries out all `plans`, made of facts that were read at the given instants, and tells `told` what became of
    /// each server and user.
    pub async fn run(&self, plans: Vec<(Instant, Plan)>, mut told: impl FnMut(Subject, Outcome)) {
        let mut outcomes = stream::iter(plans)
            .map(|(read, plan)| self.plan(read, plan).boxed())
            .buffer_unordered(self.options.concurrency.unwrap_or(usize::MAX));
        while let Some(outcomes) = outcomes.next().await {
            for (subject, outcome) in outcomes {
                told(subject, outcome);
            }
        }
    }

    /// Stops the servers of one user, and deletes the user if that was planned and every stop is complete.
    async fn plan(&self, read: Instant, plan: Plan) -> Vec<(Subject, Outcome)> {
        let (read, plan) = match self.plan_again(read, plan).await {
            Ok(plan) => plan,
            Err(told) => return vec![told],
        };
        let mut stops = FuturesUnordered::new();
        for stop in &plan.servers {
            stops.push(self.stop(read, &plan, stop));
        }
        let mut outcomes = Vec::new();
        while let Some(outcome) = stops.next().await {
            outcomes.push(outcome);
        }
        drop(stops);
        let mut notices = FuturesUnordered::new();
        for notice in &plan.notices {
            notices.push(self.announce(read, &plan, notice));
        }
        while let Some(outcome) = notices.next().await {
            outcomes.push(outcome);
        }
        drop(notices);
        let complete = outcomes
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Done | Outcome::DryRun));
        if let Some(why) = plan.delete.as_ref().filter(|_| complete) {
            let outcome = self.delete(&plan, why).await;
            outcomes.push((plan.subject(), outcome));
        }
        outcomes
    }

    /// A plan that ends with the deletion of a user is made anew first: stopping their servers counts as activity of the user,
    /// so this is the last time to see that they came back.
    async fn plan_again(
        &self,
        read: Instant,
        plan: Plan,
    ) -> Result<(Instant, Plan), (Subject, Outcome)> {
        if plan.delete.is_none() || plan.servers.is_empty() || self.options.dry_run {
            return Ok((read, plan));
        }
        let subject = plan.subject();
        let Ok(_permit) = self.permits.acquire().await else {
            return Err((subject, Outcome::Failed(STOPPED.to_owned())));
        };
        let read = Instant::now();
        match self.source.user(self.era, &plan.user).await {
            Err(error) => Err((subject, failed(&error))),
            Ok(None) => Err((subject, Outcome::Gone)),
            Ok(Some((now, facts))) => Ok((read, plan::plan(&self.policy, now, &facts, |_, _| {}))),
        }
    }

    async fn stop(&self, read: Instant, plan: &Plan, stop: &Stop) -> (Subject, Outcome) {
        let outcome = self.stop_server(read, &plan.user, stop).await;
        (plan.server(&stop.server), outcome)
    }

    /// Tells the hub that a server will be stopped, unless it was used since it was read.
    async fn announce(&self, read: Instant, plan: &Plan, notice: &Notice) -> (Subject, Outcome) {
        let subject = plan.server(&notice.server);
        if self.options.dry_run {
            return (subject, Outcome::Announced);
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return (subject, Outcome::Failed(STOPPED.to_owned()));
        };
        let mut notice = notice.clone();
        if read.elapsed() >= self.options.stale_after {
            match self.look(&plan.user, &notice.server).await {
                Ok(Verdict::Announce { why, stop_at }) => {
                    (notice.why, notice.stop_at) = (why, stop_at);
                }
                Ok(_) => return (subject, Outcome::BecameActive),
                Err(outcome) => return (subject, outcome),
            }
        }
        let told = self.hub.announce_stop(&plan.user, &notice);
        let outcome = match told.await {
            Ok(Deleted::Done) => Outcome::Announced,
            Ok(Deleted::Absent) => self.not_announced(&plan.user, &notice.server).await,
            Ok(other) => done(other),
            Err(error) => failed(&error),
        };
        (subject, outcome)
    }

    /// Why a notice found nobody: the server is gone or not ready any more, or the hub cannot show notices.
    async fn not_announced(&self, user: &str, server: &str) -> Outcome {
        match self.look(user, server).await {
            Err(outcome) => outcome,
            Ok(Verdict::Keep(_)) => Outcome::BecameActive,
            Ok(_) => Outcome::Failed(HubError::NoNotices.to_string()),
        }
    }

    async fn stop_server(&self, read: Instant, user: &str, stop: &Stop) -> Outcome {
        if self.options.dry_run {
            return Outcome::DryRun;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::Failed(STOPPED.to_owned());
        };
        let mut attempt = 1;
        loop {
            self.quiet().await;
            let facts = (attempt == 1).then_some(read);
            match self.try_stop(facts, user, stop).await {
                Ok(outcome) => return outcome,
                Err(error) if self.puts_off(attempt, &error) => attempt += 1,
                Err(error) => return failed(&error),
            }
        }
    }

    async fn try_stop(
        &self,
        read: Option<Instant>,
        user: &str,
        stop: &Stop,
    ) -> Result<Outcome, HubError> {
        let why = match self.still(read, user, stop).await {
            Ok(why) => why,
            Err(outcome) => return Ok(outcome),
        };
        let options = StopOptions {
            remove: self.options.remove_named_servers && !stop.server.is_empty(),
            if_inactive_since: precondition(&why),
        };
        let stopped = self.hub.stop_server(user, &stop.server, options).await;
        stopped.map(done)
    }

    /// Why the server is still to be stopped, by facts of `read`, or by new ones. Between reading a long list and reaching its
    /// end a server may have come to life; our hub checks that itself, others cannot, and nobody does where no activity saves.
    async fn still(
        &self,
        read: Option<Instant>,
        user: &str,
        stop: &Stop,
    ) -> Result<WhyCull, Outcome> {
        let fresh = read.is_some_and(|read| read.elapsed() < self.options.stale_after);
        if fresh && matches!(stop.why, WhyCull::Inactive { .. }) {
            return Ok(stop.why.clone());
        }
        match self.look(user, &stop.server).await? {
            Verdict::Cull(why) => Ok(why),
            Verdict::Keep(_) | Verdict::Announce { .. } => Err(Outcome::BecameActive),
        }
    }

    /// The verdict about one server, by facts that are read now.
    async fn look(&self, user: &str, server: &str) -> Result<Verdict, Outcome> {
        let found = self.source.user(self.era, user).await;
        let (now, facts) = found
            .map_err(|error| failed(&error))?
            .ok_or(Outcome::Gone)?;
        plan::again(&self.policy, now, &facts, server).ok_or(Outcome::Gone)
    }

    /// Deletes the user, after one more look: a deletion cannot be undone.
    async fn delete(&self, plan: &Plan, why: &WhyCull) -> Outcome {
        if self.options.dry_run {
            return Outcome::DryRun;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::Failed(STOPPED.to_owned());
        };
        let mut attempt = 1;
        loop {
            self.quiet().await;
            match self.try_delete(plan, why).await {
                Ok(outcome) => return outcome,
                Err(error) if self.puts_off(attempt, &error) => attempt += 1,
                Err(error) => return failed(&error),
            }
        }
    }

    async fn try_delete(&self, plan: &Plan, why: &WhyCull) -> Result<Outcome, HubError> {
        let stopped = !plan.servers.is_empty();
        let Some((now, facts)) = self.source.user(self.era, &plan.user).await? else {
            return Ok(Outcome::Gone);
        };
        if !plan::may_delete(&self.policy, now, &facts, stopped) {
            return Ok(Outcome::BecameActive);
        }
        // What was just read contains the stops that we made ourselves: they count as activity of the user.
        let since = precondition(why).map(|since| facts.last_activity.time().unwrap_or(since));
        self.hub.delete_user(&plan.user, since).await.map(done)
    }

    /// Whether a busy hub only put it off. Then all wait, and what it is based on has to be looked at again.
    fn puts_off(&self, attempt: u32, error: &HubError) -> bool {
        match error.busy() {
            Some(wait) if attempt < hub::TRIES && wait <= hub::LONGEST_WAIT => {
                self.be_quiet(wait);
                true
            }
            _ => false,
        }
    }

    /// Waits until the hub may be asked again.
    async fn quiet(&self) {
        loop {
            let until = *self
                .quiet_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn be_quiet(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self
            .quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |before| before.max(until)));
    }
}

/// What the hub is told so that it can refuse. Something too old goes although it is active: without a condition.
pub(crate) fn precondition(why: &WhyCull) -> Option<DateTime<Utc>> {
    match why {
        WhyCull::Inactive { since, .. } => Some(*since),
        WhyCull::TooOld { .. } => None,
    }
}

fn done(deleted: Deleted) -> Outcome {
    match deleted {
        Deleted::Done => Outcome::Done,
        Deleted::Pending => Outcome::StillStopping,
        Deleted::BecameActive => Outcome::BecameActive,
        Deleted::Absent => Outcome::Gone,
    }
}

fn failed(error: &HubError) -> Outcome {
    if error.is_away() {
        Outcome::HubAway(error.to_string())
    } else {
        Outcome::Failed(error.to_string())
    }
}
