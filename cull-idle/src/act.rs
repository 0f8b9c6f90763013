//! Carrying out a plan: a bounded number of requests at once, over all users, and nobody's failure stops another.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::decide::{Policy, Verdict, WhyCull};
use crate::hub::{Deleted, Hub, HubError, StopOptions};
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
            notices.push(self.announce(&plan, notice));
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

    async fn stop(&self, read: Instant, plan: &Plan, stop: &Stop) -> (Subject, Outcome) {
        let outcome = self.stop_server(read, &plan.user, stop).await;
        (plan.server(&stop.server), outcome)
    }

    /// Tells the hub that a server will be stopped, unless it was used since it was read.
    async fn announce(&self, plan: &Plan, notice: &Notice) -> (Subject, Outcome) {
        let subject = plan.server(&notice.server);
        if self.options.dry_run {
            return (subject, Outcome::Announced);
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return (subject, Outcome::Failed(STOPPED.to_owned()));
        };
        let told = self.hub.announce_stop(&plan.user, notice);
        let outcome = match told.await {
            Ok(Deleted::Done) => Outcome::Announced,
            Ok(Deleted::Absent) => self.not_announced(&plan.user, &notice.server).await,
            other => outcome(other),
        };
        (subject, outcome)
    }

    /// Why a notice found nobody: the server is gone or not ready any more, or the hub cannot show notices.
    async fn not_announced(&self, user: &str, server: &str) -> Outcome {
        let found = match self.source.user(self.era, user).await {
            Err(error) => return Outcome::Failed(error.to_string()),
            Ok(found) => found,
        };
        let again = found.and_then(|(now, facts)| plan::again(&self.policy, now, &facts, server));
        match again {
            None => Outcome::Gone,
            Some(Verdict::Keep(_)) => Outcome::BecameActive,
            Some(_) => Outcome::Failed(HubError::NoNotices.to_string()),
        }
    }

    async fn stop_server(&self, read: Instant, user: &str, stop: &Stop) -> Outcome {
        if self.options.dry_run {
            return Outcome::DryRun;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::Failed(STOPPED.to_owned());
        };
        let why = match self.still(read, user, stop).await {
            Ok(why) => why,
            Err(outcome) => return outcome,
        };
        let options = StopOptions {
            remove: self.options.remove_named_servers && !stop.server.is_empty(),
            if_inactive_since: precondition(&why),
        };
        outcome(self.hub.stop_server(user, &stop.server, options).await)
    }

    /// Why the server is still to be stopped. Between reading a long list and reaching its end a server may have come
    /// to life; our hub checks that itself, others cannot.
    async fn still(&self, read: Instant, user: &str, stop: &Stop) -> Result<WhyCull, Outcome> {
        if read.elapsed() < self.options.stale_after {
            return Ok(stop.why.clone());
        }
        let found = self.source.user(self.era, user).await;
        let (now, facts) = found
            .map_err(|error| Outcome::Failed(error.to_string()))?
            .ok_or(Outcome::Gone)?;
        match plan::again(&self.policy, now, &facts, &stop.server) {
            None => Err(Outcome::Gone),
            Some(Verdict::Cull(why)) => Ok(why),
            Some(Verdict::Keep(_) | Verdict::Announce { .. }) => Err(Outcome::BecameActive),
        }
    }

    /// Deletes the user, after one more look: a deletion cannot be undone.
    async fn delete(&self, plan: &Plan, why: &WhyCull) -> Outcome {
        if self.options.dry_run {
            return Outcome::DryRun;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::Failed(STOPPED.to_owned());
        };
        let stopped = !plan.servers.is_empty();
        match self.source.user(self.era, &plan.user).await {
            Err(error) => return Outcome::Failed(error.to_string()),
            Ok(None) => return Outcome::Gone,
            Ok(Some((now, facts))) => {
                if !plan::may_delete(&self.policy, now, &facts, stopped) {
                    return Outcome::BecameActive;
                }
            }
        }
        // Stopping a server counts as activity of its user. Where we just did that, the stop had a condition of its
        // own and another one would always fail.
        let since = precondition(why).filter(|_| !stopped);
        outcome(self.hub.delete_user(&plan.user, since).await)
    }
}

/// What the hub is told so that it can refuse. Something too old goes although it is active: without a condition.
pub(crate) fn precondition(why: &WhyCull) -> Option<DateTime<Utc>> {
    match why {
        WhyCull::Inactive { since, .. } => Some(*since),
        WhyCull::TooOld { .. } => None,
    }
}

fn outcome(result: Result<Deleted, HubError>) -> Outcome {
    match result {
        Ok(Deleted::Done) => Outcome::Done,
        Ok(Deleted::Pending) => Outcome::StillStopping,
        Ok(Deleted::BecameActive) => Outcome::BecameActive,
        Ok(Deleted::Absent) => Outcome::Gone,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
