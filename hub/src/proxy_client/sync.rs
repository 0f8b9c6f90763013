//! Keeps the routes of the proxy, or of several, as the database wants them, and reads back when they were used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hub_types::names::{ServerName, Username};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::plan::{Change, Wanted, plan};
use super::{ProxyClient, ProxyError, Route, Routes};
use crate::addresses::Addresses;
use crate::db::{self, Db, DbError};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::ServerRef;
use crate::domain::service_hosts::ServiceHosts;

/// How often a check looks again when it had to change something: the world moves on meanwhile.
const PASSES: usize = 3;

/// How long a short question takes at most when nothing is wrong.
const HICCUP: Duration = Duration::from_secs(1);

/// Why a check was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The proxy did not do what it was asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many routes were missing or wrong.
    pub added: usize,
    /// How many routes nobody wanted.
    pub deleted: usize,
    /// When servers were last used.
    pub activity: BTreeMap<ServerRef, DateTime<Utc>>,
    /// Why not everything was repaired: the first thing that went wrong. What was found is true all the same.
    pub failed: Option<CheckError>,
    /// Whether something moved while it was repaired: a start or a stop may have met a change of ours half-way.
    pub unsettled: bool,
}

impl Checked {
    /// What both found together: of two proxies.
    fn and(mut self, other: Self) -> Self {
        self.added += other.added;
        self.deleted += other.deleted;
        for (server, used) in other.activity {
            let latest = self.activity.entry(server).or_insert(used);
            *latest = used.max(*latest);
        }
        self.failed = self.failed.or(other.failed);
        self.unsettled |= other.unsettled;
        self
    }
}

/// Checks routes. Cheap to clone; only one check runs at a time.
#[derive(Debug, Clone)]
pub struct RouteSync(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    proxies: Vec<Arc<dyn ProxyClient>>,
    addresses: Arc<Addresses>,
    /// Routes that the configuration settles: of services, and extra ones.
    fixed: RwLock<Vec<Route>>,
    /// Where registered services may be: also those that were registered when they might be elsewhere.
    hosts: std::sync::OnceLock<ServiceHosts>,
    one_at_a_time: Mutex<()>,
    /// Whether routes may be wrong: until the first check is complete, and from when something went wrong.
    dirty: AtomicBool,
    /// Whether a check has been complete since routes were last in doubt.
    told: AtomicBool,
    /// A route that every proxy has had: by it one is known that has lost its routes.
    probe: std::sync::Mutex<Option<String>>,
}

/// Until it is settled, routes may be wrong: also when the work is given up half-way, as the work for a request is when
/// its client goes away.
#[derive(Debug)]
#[must_use]
pub struct Doubt<'a>(Option<&'a RouteSync>);

impl Doubt<'_> {
    /// Routes are right.
    pub fn settled(mut self) {
        self.0 = None;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(routes) = self.0 {
            routes.mark_dirty();
        }
    }
}

/// One look at a proxy.
struct Look {
    changes: Vec<Change>,
    actual: Routes,
    in_between: BTreeSet<String>,
}

impl RouteSync {
    /// Nothing is checked yet. All `proxies` get the same routes. `fixed` are those that the configuration settles, of
    /// services and extra ones; registered services are in the database.
    #[must_use]
    pub fn new(
        db: Db,
        proxies: Vec<Arc<dyn ProxyClient>>,
        addresses: Arc<Addresses>,
        fixed: Vec<Route>,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            proxies,
            addresses,
            fixed: RwLock::new(fixed),
            hosts: std::sync::OnceLock::new(),
            one_at_a_time: Mutex::default(),
            dirty: AtomicBool::new(true),
            told: AtomicBool::new(false),
            probe: std::sync::Mutex::default(),
        }))
    }

    /// Gives routes only to registered services that are at these hosts; the others are said in the log. Said once, before
    /// the first check.
    #[must_use]
    pub fn only_at(self, hosts: ServiceHosts) -> Self {
        // A second one changes nothing.
        let _ = self.0.hosts.set(hosts);
        self
    }

    /// Whether a registered service may have a route to `url`.
    fn may_be_at(&self, name: &str, url: &str) -> bool {
        let hosts = self.0.hosts.get_or_init(ServiceHosts::default);
        let Ok(parsed) = Url::parse(url) else {
            return false;
        };
        if let Err(why) = hosts.admit(&parsed) {
            tracing::warn!("service {name} has no route: {url} {why}");
            return false;
        }
        true
    }

    /// Settles other routes than before by the configuration; routes are to be checked then.
    pub fn settle(&self, fixed: Vec<Route>) {
        *self.0.fixed.write().unwrap_or_else(PoisonError::into_inner) = fixed;
        self.mark_dirty();
    }

    fn fixed(&self) -> Vec<Route> {
        let fixed = self.0.fixed.read();
        fixed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that routes may be wrong: they are to be checked soon.
    pub fn mark_dirty(&self) {
        self.0.dirty.store(true, Ordering::SeqCst);
        self.0.told.store(false, Ordering::SeqCst);
    }

    /// Says that routes may be wrong unless [`Doubt::settled`] is called: for who is about to change some.
    pub fn doubt(&self) -> Doubt<'_> {
        Doubt(Some(self))
    }

    /// Whether routes may be wrong: no check has been complete since the hub began, or since [`RouteSync::mark_dirty`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.0.dirty.load(Ordering::SeqCst)
    }

    /// Whether every proxy has its routes, as far as is known.
    #[must_use]
    pub fn are_told(&self) -> bool {
        self.0.told.load(Ordering::SeqCst)
    }

    /// Compares the routes of each proxy with what the database wants, and changes what differs. A change that fails
    /// holds up no other, and a proxy that fails no other proxy ([`Checked::failed`]).
    ///
    /// May be dropped half-way: routes count as wrong then.
    ///
    /// # Errors
    /// [`CheckError`] when routes could not even be compared, at no proxy.
    pub async fn check(&self) -> Result<Checked, CheckError> {
        let _one = self.0.one_at_a_time.lock().await;
        // Before the look: what is marked meanwhile stays marked.
        self.0.dirty.store(false, Ordering::SeqCst);
        let doubt = self.doubt();
        let all = self.0.proxies.iter();
        let looks = all.map(|proxy| self.look_and_repair(proxy.as_ref()));
        let found = futures_util::future::join_all(looks).await;
        let checked = together(found);
        let done = |found: &Checked| found.failed.is_none() && !found.unsettled;
        if checked.as_ref().is_ok_and(done) {
            // Unless they are in doubt again, by whoever was quicker.
            self.0.told.store(true, Ordering::SeqCst);
            if self.is_dirty() {
                self.0.told.store(false, Ordering::SeqCst);
            }
            doubt.settled();
        }
        checked
    }

    /// Looks whether each proxy still has one of the routes that it had. One that has lost it was started again by somebody
    /// else, without its routes: they are to be checked then. A short question, for every few seconds.
    ///
    /// # Errors
    /// When a proxy does not answer; its routes are to be checked then, too.
    pub async fn glance(&self) -> Result<(), ProxyError> {
        let Some(probe) = self.last_probe() else {
            self.mark_dirty();
            return Ok(());
        };
        let begin = Instant::now();
        let questions = self.0.proxies.iter().map(|proxy| proxy.route(&probe));
        let mut failed = None;
        for answer in futures_util::future::join_all(questions).await {
            match answer {
                Ok(Some(_)) => {}
                // Or the server of that route was stopped meanwhile: the check will tell.
                Ok(None) => self.mark_dirty(),
                Err(error) => {
                    self.mark_dirty();
                    failed = Some(error);
                }
            }
        }
        // One that was away for a while may have lost other routes, or missed a change.
        if begin.elapsed() >= HICCUP {
            self.mark_dirty();
        }
        failed.map_or(Ok(()), Err)
    }

    async fn look_and_repair(&self, proxy: &dyn ProxyClient) -> Result<Checked, CheckError> {
        let mut look = self.look(proxy).await?;
        let mut checked = Checked {
            activity: activity(&look.actual),
            ..Checked::default()
        };
        let mut touched = BTreeSet::new();
        for _ in 0..PASSES {
            if look.changes.is_empty() || checked.failed.is_some() {
                break;
            }
            touched.extend(
                look.changes
                    .iter()
                    .map(|change| change.routespec().to_owned()),
            );
            repair(proxy, &look.changes, &mut checked).await;
            look = match self.look(proxy).await {
                Ok(look) => look,
                Err(error) => {
                    checked.failed.get_or_insert(error);
                    break;
                }
            };
        }
        checked.unsettled = !look.changes.is_empty() || !touched.is_disjoint(&look.in_between);
        if checked.added + checked.deleted > 0 {
            tracing::info!(
                added = checked.added,
                deleted = checked.deleted,
                "the proxy's routes were repaired"
            );
        }
        Ok(checked)
    }

    async fn look(&self, proxy: &dyn ProxyClient) -> Result<Look, CheckError> {
        // A short question first: for the whole table a proxy that hangs would be waited for for long.
        if let Some(probe) = self.last_probe().filter(|spec| spec != "/") {
            proxy.route(&probe).await?;
        }
        // Routes before rows: a route that appears in between is added once more, not deleted.
        let actual = proxy.routes().await?;
        let wanted = self.wanted().await?;
        *self.0.probe.lock().unwrap_or_else(PoisonError::into_inner) = self.probe(&wanted);
        Ok(Look {
            changes: plan(&wanted, &actual),
            actual,
            in_between: wanted.in_between,
        })
    }

    /// The route that was asked for last.
    fn last_probe(&self) -> Option<String> {
        let probe = self.0.probe.lock();
        probe.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A route to ask for, and one that stays if there is one. Asked for the root, configurable-http-proxy tells all it has:
    /// only where there is nothing else.
    fn probe(&self, wanted: &Wanted) -> Option<String> {
        let fixed = self.fixed();
        let lasting = fixed.iter().map(|route| &route.routespec);
        let any = wanted.routes.keys();
        let hub = self.0.addresses.hub_spec();
        let mut by_worth = [hub]
            .into_iter()
            .chain(lasting.chain(any).map(String::as_str));
        by_worth
            .find(|spec| *spec != "/")
            .or(Some(hub))
            .map(str::to_owned)
    }

    async fn wanted(&self) -> Result<Wanted, DbError> {
        let addresses = &*self.0.addresses;
        let mut wanted = Wanted::default();
        wanted.add(Route::of_hub(addresses));
        self.fixed().into_iter().for_each(|route| wanted.add(route));
        for (row, spec) in db::services::registered(self.0.db.read()).await? {
            if let Some(url) = spec.get("url").and_then(Value::as_str)
                && self.may_be_at(row.name.as_str(), url)
            {
                wanted.add(Route::of_service(addresses, &row.name, url));
            }
        }
        for server in db::servers::active(self.0.db.read()).await? {
            match (server.state, server.target) {
                (ServerState::Ready, Some(target)) => {
                    wanted.add(Route::of_server(addresses, &server.at, target));
                }
                _ => {
                    wanted.in_between.insert(addresses.server_spec(&server.at));
                }
            }
        }
        Ok(wanted)
    }
}

/// What was found at all proxies.
///
/// # Errors
/// The first, when nothing was found at any.
fn together(found: Vec<Result<Checked, CheckError>>) -> Result<Checked, CheckError> {
    let mut sum = None;
    let mut failed = None;
    for each in found {
        match each {
            Ok(checked) => {
                sum = Some(match sum.take() {
                    Some(sum) => Checked::and(sum, checked),
                    None => checked,
                });
            }
            Err(error) => {
                tracing::debug!("the routes of a proxy cannot be checked: {error}");
                failed.get_or_insert(error);
            }
        }
    }
    match (sum, failed) {
        (None, Some(error)) => Err(error),
        (sum, failed) => {
            let mut sum = sum.unwrap_or_default();
            sum.failed = sum.failed.or(failed);
            Ok(sum)
        }
    }
}

async fn repair(proxy: &dyn ProxyClient, changes: &[Change], checked: &mut Checked) {
    let done = futures_util::future::join_all(changes.iter().map(|change| apply(proxy, change)));
    let mut failed = Vec::new();
    for (change, result) in changes.iter().zip(done.await) {
        match (change, result) {
            (Change::Add(_), Ok(())) => checked.added += 1,
            (Change::Delete(_), Ok(())) => checked.deleted += 1,
            (_, Err(error)) => failed.push(error),
        }
    }
    let count = failed.len();
    if let Some(first) = failed.into_iter().next() {
        tracing::warn!("{count} routes are not repaired yet; the first: {first}");
        checked.failed.get_or_insert(first.into());
    }
}

async fn apply(proxy: &dyn ProxyClient, change: &Change) -> Result<(), ProxyError> {
    match change {
        Change::Add(route) => proxy.add(route).await,
        Change::Delete(spec) => proxy.delete(spec).await,
    }
}

/// When servers were last used, as their routes say.
fn activity(routes: &Routes) -> BTreeMap<ServerRef, DateTime<Utc>> {
    let used = |known: &super::KnownRoute| {
        let text = |key: &str| known.route.data.get(key).and_then(Value::as_str);
        let user = Username::stored(text("user")?);
        let name = ServerName::stored(text("server_name")?);
        Some((ServerRef::new(user, name), known.last_activity?))
    };
    routes.values().filter_map(used).collect()
}

#[cfg(test)]
mod tests;
