//! One pass over the hub: read all, decide, act, report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use hub_types::clock::Clock;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::act::{self, Actor};
use crate::decide::{Policy, Verdict, WhyKeep};
use crate::facts::UserFacts;
use crate::hub::{Hub, HubError};
use crate::plan::{self, Plan};
use crate::report::{self, Subject, Summary};
use crate::settings::Settings;
use crate::source::{Page, Source, wire::Era};

/// The age from which facts are read again before a server is stopped because of them.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Everything that one sweep needs; made once, used for every sweep.
#[derive(Debug, Clone)]
pub struct Sweeper {
    hub: Arc<Hub>,
    source: Source,
    policy: Policy,
    options: act::Options,
}

/// What is to be done, and what was seen on the way.
struct Found {
    plans: BTreeMap<String, (Instant, Plan)>,
    summary: Summary,
}

impl Sweeper {
    /// A sweeper for the hub of `settings`. `clock` only serves to notice that a clock is wrong.
    ///
    /// # Errors
    /// When no client for the hub can be made.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, HubError> {
        let hub = Arc::new(Hub::new(settings)?);
        Ok(Self {
            source: Source::new(
                Arc::clone(&hub),
                clock,
                settings.max_clock_offset,
                settings.page_size,
            ),
            hub,
            policy: settings.policy.clone(),
            options: act::Options {
                remove_named_servers: settings.remove_named_servers,
                dry_run: settings.dry_run,
                concurrency: settings.concurrency,
                stale_after: STALE_AFTER,
            },
        })
    }

    /// Reads facts again before acting when they are older than `age` (10 s unless this is called).
    #[must_use]
    pub fn stale_after(mut self, age: Duration) -> Self {
        self.options.stale_after = age;
        self
    }

    /// Asks the hub what it is: the first step of a sweep.
    ///
    /// # Errors
    /// When the hub is away or cannot be trusted.
    pub async fn era(&self) -> Result<Era, HubError> {
        self.source.era().await
    }

    /// What is known of one user, with the hub's time; `None` when there is no such user.
    ///
    /// # Errors
    /// When the hub is away or cannot be trusted.
    pub async fn user(
        &self,
        era: Era,
        name: &str,
    ) -> Result<Option<(chrono::DateTime<chrono::Utc>, UserFacts)>, HubError> {
        self.source.user(era, name).await
    }

    /// What is culled.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Sweeps once, and logs what was done and why.
    ///
    /// # Errors
    /// When the list of users cannot be read to its end; then nothing was stopped.
    pub async fn sweep(&self, era: Era) -> Result<Summary, HubError> {
        let begun = Instant::now();
        let Found { plans, mut summary } = self.find(era).await?;
        let plans = plans.into_values().filter(|(_, plan)| !plan.is_empty());
        let actor = Actor::new(
            Arc::clone(&self.hub),
            self.source.clone(),
            era,
            self.policy.clone(),
            self.options,
        );
        let told = |subject: Subject, outcome: act::Outcome| {
            report::outcome(&subject, &outcome);
            summary.count(&subject, &outcome);
        };
        actor.run(plans.collect(), told).await;
        summary.took = begun.elapsed();
        info!("{summary}");
        Ok(summary)
    }

    /// Reads all users and plans what to do. A user seen twice (they came or went between two lists) counts as seen
    /// last.
    async fn find(&self, era: Era) -> Result<Found, HubError> {
        let mut found = Found {
            plans: BTreeMap::new(),
            summary: Summary {
                dry_run: self.options.dry_run,
                ..Summary::default()
            },
        };
        for filter in Source::filters(era, self.policy.users) {
            let mut pages = std::pin::pin!(self.source.users(era, *filter));
            while let Some(page) = pages.try_next().await? {
                self.judge(page, &mut found);
            }
        }
        Ok(found)
    }

    fn judge(&self, page: Page, found: &mut Found) {
        let read = Instant::now();
        for user in page.users {
            match user {
                Err(error) => {
                    warn!("skipping a user: {error}");
                    found.summary.suspicious += 1;
                }
                Ok(user) => {
                    let plan = self.plan(&page.read_at, &user, &mut found.summary);
                    if plan.is_empty() {
                        found.plans.remove(&user.name);
                    } else {
                        found.plans.insert(user.name, (read, plan));
                    }
                }
            }
        }
    }

    fn plan(
        &self,
        read_at: &chrono::DateTime<chrono::Utc>,
        user: &UserFacts,
        summary: &mut Summary,
    ) -> Plan {
        summary.users += 1;
        plan::plan(&self.policy, *read_at, user, |subject, verdict| {
            if matches!(subject, Subject::Server { .. }) {
                summary.servers += 1;
            }
            match verdict {
                Verdict::Keep(WhyKeep::UsersStay) => return,
                Verdict::Keep(why) if why.is_suspicious() => summary.suspicious += 1,
                Verdict::Keep(_) | Verdict::Announce { .. } | Verdict::Cull(_) => {}
            }
            report::verdict(&subject, verdict, self.options.dry_run);
        })
    }
}
