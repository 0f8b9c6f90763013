//! Several proxies with the same routes, as one: behind a load balancer, or each for a network of its own.
//!
//! A change is made at all of them at once. One that has it is enough to go on: a proxy that is away must not keep
//! anybody from starting a server. It gets what it missed by the next check of routes, which is asked for at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::sync::RouteSync;
use super::{KnownRoute, ProxyClient, ProxyError, Route, Routes};

/// How long each of several proxies is tried for one change before it counts as away: also one that takes the connection
/// and does not answer.
pub const RETRY_FOR: Duration = Duration::from_secs(2);
/// Between two rounds when none of them answers.
const PAUSE: Duration = Duration::from_millis(500);

/// Several proxies.
#[derive(Debug)]
pub struct Several {
    all: Vec<Arc<dyn ProxyClient>>,
    routes: RouteSync,
    retry_for: Duration,
}

impl Several {
    /// Drives `all` of them; what one misses is left to `routes`, which checks the same ones. When none answers, they are
    /// tried for `retry_for` ([`super::chp::RETRY_FOR`] outside of tests).
    #[must_use]
    pub fn new(all: Vec<Arc<dyn ProxyClient>>, routes: RouteSync, retry_for: Duration) -> Self {
        Self {
            all,
            routes,
            retry_for,
        }
    }

    /// Makes a change at all, again and again until one has it.
    async fn at_all(&self, change: Edit<'_>) -> Result<(), ProxyError> {
        let start = Instant::now();
        loop {
            let done = join_all(self.all.iter().map(|proxy| change.make(proxy.as_ref()))).await;
            let any = done.iter().any(Result::is_ok);
            let missed = done.into_iter().find_map(Result::err);
            let Some(why) = missed else {
                return Ok(());
            };
            if any {
                tracing::warn!("one of several proxies missed a change and gets it later: {why}");
                self.routes.mark_dirty();
                return Ok(());
            }
            if start.elapsed() + PAUSE >= self.retry_for {
                return Err(why);
            }
            sleep(PAUSE).await;
        }
    }
}

/// A change.
#[derive(Debug, Clone, Copy)]
enum Edit<'a> {
    Add(&'a Route),
    Delete(&'a str),
}

impl Edit<'_> {
    async fn make(self, proxy: &dyn ProxyClient) -> Result<(), ProxyError> {
        let made = async {
            match self {
                Self::Add(route) => proxy.add(route).await,
                Self::Delete(routespec) => proxy.delete(routespec).await,
            }
        };
        let late = || ProxyError::Unreachable {
            url: "one of [ConfigurableHTTPProxy] api_url".to_owned(),
            why: format!("it does not answer within {} s", RETRY_FOR.as_secs()),
        };
        tokio::time::timeout(RETRY_FOR, made)
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

#[async_trait]
impl ProxyClient for Several {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        self.at_all(Edit::Add(route)).await
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        self.at_all(Edit::Delete(routespec)).await
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        let answers = join_all(self.all.iter().map(|proxy| proxy.routes())).await;
        let mut sum: Option<Routes> = None;
        let mut failed = None;
        for answer in answers {
            match answer {
                Ok(routes) => merge(sum.get_or_insert_default(), routes),
                Err(error) => failed = Some(error),
            }
        }
        // What those say that answer; an error only when none does.
        match (sum, failed) {
            (None, Some(error)) => Err(error),
            (sum, _) => Ok(sum.unwrap_or_default()),
        }
    }

    /// None as well when one of them has none: it was started again, and knows nothing of the use before.
    async fn route(&self, routespec: &str) -> Result<Option<KnownRoute>, ProxyError> {
        let questions = self.all.iter().map(|proxy| proxy.route(routespec));
        let mut sum: Option<KnownRoute> = None;
        for answer in join_all(questions).await {
            let Some(known) = answer? else {
                return Ok(None);
            };
            let used = known.last_activity;
            let there = sum.get_or_insert(known);
            there.last_activity = there.last_activity.max(used);
        }
        Ok(sum)
    }

    async fn last_activity(&self, routespec: &str) -> Result<Option<DateTime<Utc>>, ProxyError> {
        // Who asks wants to be sure that nobody uses the server: a proxy that does not answer may know better.
        let questions = self.all.iter().map(|proxy| proxy.last_activity(routespec));
        let answers: Result<Vec<_>, _> = join_all(questions).await.into_iter().collect();
        Ok(answers?.into_iter().flatten().max())
    }
}

/// Adds the routes of one proxy to those of others.
fn merge(sum: &mut Routes, routes: Routes) {
    for (spec, known) in routes {
        let used = known.last_activity;
        let there = sum.entry(spec).or_insert(known);
        there.last_activity = there.last_activity.max(used);
    }
}
