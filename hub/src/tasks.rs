//! What the hub does by itself, again and again. Each job is a function of a [`Context`] that does one round, and can
//! be called from tests; [`run`] repeats them until the hub stops.
//!
//! To add a job: a function here that returns what went wrong, and a variant of `Job`.

pub mod blocked;
mod clock;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hub_types::secret::random_bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::db::{self, DbError};
use crate::managed::announcement::AnnouncementError;
use crate::metrics::Period;
use crate::proxy_client::ProxyRunner;
use crate::proxy_client::process::ProxyProcessError;
use crate::proxy_client::sync::CheckError;
use crate::spawner::manager::HubProcess;
use crate::state::AppState;

/// How often this process says that it lives, and renews its leases: three times within a lease's life.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often uses of tokens and sessions are written: what a killed hub may forget of `last_activity`.
const WRITE_USES: Duration = Duration::from_secs(2);
/// How often rows that have expired are forgotten.
const PURGE: Duration = Duration::from_secs(600);
/// How often files of output are shortened.
const TRIM: Duration = Duration::from_secs(60);
/// How long is waited for the first check of routes after a start, of the hub or of the proxy.
pub const FIRST_CHECK: Duration = Duration::from_secs(5);
/// How often a service is asked what to announce.
const ANNOUNCEMENT: Duration = Duration::from_secs(5);
/// How soon the proxy is asked again that did not answer, or whose routes are not right yet.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// No job is repeated more often, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(100);

/// What the jobs work with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The parts of the hub.
    pub state: AppState,
    /// This process, as other hub processes see it.
    pub hub: HubProcess,
    /// The proxy, when this hub runs it.
    pub proxy: Option<Arc<dyn ProxyRunner>>,
}

/// Why a job did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Routes could not be checked.
    #[error(transparent)]
    Routes(#[from] CheckError),
    /// The proxy cannot be kept running.
    #[error(transparent)]
    Proxy(#[from] ProxyProcessError),
    /// Nothing is known of what is to be announced.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    /// A mistake in the hub.
    #[error("it panicked: {0}; please report this")]
    Panicked(String),
}

/// Says that this hub lives, and goes on with what dead ones left unfinished.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn heartbeat(context: &Context) -> Result<(), TaskError> {
    let manager = &context.state.manager;
    context.state.metrics.tidy();
    manager.heartbeat(&context.hub).await?;
    manager.bury_dead_hubs(&context.hub).await?;
    manager.adopt_all().await?;
    Ok(())
}

/// Looks whether ready servers still run.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn poll_servers(context: &Context) -> Result<(), TaskError> {
    context.state.manager.poll_servers().await?;
    blocked::stop_servers(context.state.clone()).await;
    Ok(())
}

/// Repairs the proxy's routes, and reads back when they were used.
///
/// # Errors
/// When the proxy or the database does not answer.
pub async fn check_routes(context: &Context) -> Result<(), TaskError> {
    let begin = Instant::now();
    let checked = context.state.routes.check().await;
    context.state.metrics.check_routes(begin.elapsed());
    let checked = checked?;
    context
        .state
        .manager
        .report_activity(checked.activity)
        .await?;
    checked.failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Starts the proxy again when it has ended, and gives it its routes. Asks the proxy nothing while it runs: one that hangs
/// must not keep anybody from seeing that it has ended.
///
/// # Errors
/// When it cannot be started, or does not answer.
pub async fn watch_proxy(context: &Context) -> Result<(), TaskError> {
    let Some(proxy) = &context.proxy else {
        return Ok(());
    };
    let restarted = proxy.check().await;
    // Also when the start went wrong half-way: the proxy may be there without its routes.
    if !matches!(restarted, Ok(false)) {
        context.state.routes.mark_dirty();
    }
    if restarted? {
        // What takes longer is left to the other job.
        let checked = tokio::time::timeout(FIRST_CHECK, check_routes(context)).await;
        checked.unwrap_or(Ok(()))?;
    }
    Ok(())
}

/// Gives the proxy its routes when somebody else has started it again; repeats a check of routes that went wrong.
///
/// # Errors
/// When the proxy or the database does not answer.
pub async fn watch_routes(context: &Context) -> Result<(), TaskError> {
    let routes = &context.state.routes;
    if context.state.manager.take_route_left() {
        routes.mark_dirty();
    }
    if !routes.is_dirty()
        && let Err(error) = routes.glance().await
    {
        tracing::debug!("{error}");
    }
    if routes.is_dirty() {
        check_routes(context).await?;
    }
    Ok(())
}

/// Writes down which tokens and sessions were used.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn write_uses(context: &Context) -> Result<(), TaskError> {
    context.state.identities.write_uses().await?;
    Ok(())
}

/// Forgets tokens, sessions, OAuth codes and share codes that have expired.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn purge(context: &Context) -> Result<(), TaskError> {
    let now = context.state.clock.now();
    let tx = context.state.db.write().await?;
    let tokens = db::tokens::purge(&tx, now).await?;
    let sessions = db::sessions::purge(&tx, now).await?;
    let codes = db::oauth::purge_codes(&tx, now).await?;
    let shares = db::share_codes::purge(&tx, now).await?;
    tx.commit().await?;
    if tokens + sessions + codes + shares > 0 {
        tracing::debug!(tokens, sessions, codes, shares, "forgot what has expired");
    }
    Ok(())
}

/// Counts the users who were active of late.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn count_active_users(context: &Context) -> Result<(), TaskError> {
    let state = &context.state;
    if !state.config.metrics.active_users_enabled {
        return Ok(());
    }
    let now = state.clock.now();
    for period in Period::ALL {
        let since = now - period.length();
        let count = db::users::count_active(state.db.read(), since).await?;
        state.metrics.set_active_users(period, count);
    }
    Ok(())
}

/// Measures for ever how promptly tasks that are due are run, as JupyterHub measures its event loop.
async fn measure_scheduling(state: AppState) {
    let config = &state.config.metrics;
    let resolution = config.event_loop_interval_resolution;
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(resolution).await;
        let now = Instant::now();
        let tick = now - last;
        last = now;
        // Nothing is known of what is shorter than the resolution.
        let delay = if tick < resolution * 2 {
            resolution
        } else {
            tick.saturating_sub(resolution)
        };
        if delay >= config.event_loop_interval_log_threshold && tick >= resolution * 2 {
            tracing::warn!(
                "the hub was unresponsive for at least {:.2} s",
                delay.as_secs_f64()
            );
        }
        state.metrics.event_loop(delay);
    }
}

/// Shortens long files of output.
///
/// # Errors
/// Never: what cannot be shortened is left for the next time.
pub async fn trim_outputs(context: &Context) -> Result<(), TaskError> {
    context.state.manager.spawner.trim_outputs().await;
    if let Some(proxy) = &context.proxy {
        proxy.tidy();
    }
    Ok(())
}

/// Asks the service that the configuration names what pages shall say.
///
/// # Errors
/// When it does not answer as it should.
pub async fn ask_announcement(context: &Context) -> Result<(), TaskError> {
    context.state.managed.ask_announcement().await?;
    Ok(())
}

/// A job with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Heartbeat,
    PollServers,
    CheckRoutes,
    WatchProxy,
    WatchRoutes,
    WriteUses,
    Purge,
    TrimOutputs,
    CountActiveUsers,
    AskAnnouncement,
}

impl Job {
    const ALL: [Job; 10] = [
        Job::Heartbeat,
        Job::PollServers,
        Job::CheckRoutes,
        Job::WatchProxy,
        Job::WatchRoutes,
        Job::WriteUses,
        Job::Purge,
        Job::TrimOutputs,
        Job::CountActiveUsers,
        Job::AskAnnouncement,
    ];

    /// The time between two rounds; `None`: the configuration wants none but the one at the start.
    fn interval(self, config: &Config) -> Option<Duration> {
        let interval = match self {
            Job::Heartbeat => HEARTBEAT,
            Job::PollServers => config.spawner.poll_interval?,
            Job::CheckRoutes => config.jupyterhub.last_activity_interval?,
            Job::WatchProxy | Job::WatchRoutes => config.proxy.check_running_interval,
            Job::WriteUses => WRITE_USES,
            Job::Purge => PURGE,
            Job::TrimOutputs => TRIM,
            Job::CountActiveUsers => config.metrics.active_users_update_interval,
            Job::AskAnnouncement => ANNOUNCEMENT,
        };
        Some(interval.max(SHORTEST))
    }

    /// The time until the next round; `None`: there is none.
    fn pause(self, failing: bool, config: &Config) -> Option<Duration> {
        match (self, self.interval(config)) {
            // The one at the start is repeated until it succeeds.
            (_, None) => failing.then_some(ASK_AGAIN),
            (Job::WatchRoutes, Some(interval)) if failing => Some(interval.min(ASK_AGAIN)),
            (_, Some(interval)) => Some(self.jittered(interval, config)),
        }
    }

    /// Looks at servers do not all fall on the same instant.
    fn jittered(self, interval: Duration, config: &Config) -> Duration {
        let Job::PollServers = self else {
            return interval;
        };
        let draw = f64::from(u16::from_le_bytes(random_bytes())) / f64::from(u16::MAX);
        let factor = 1.0 + config.spawner.poll_jitter * (draw - 0.5);
        interval.mul_f64(factor).max(SHORTEST)
    }

    /// Whether the first round is when the hub starts: adopted servers may have died meanwhile, and numbers are asked for.
    fn at_once(self) -> bool {
        matches!(self, Job::PollServers | Job::CountActiveUsers)
    }

    async fn round(self, context: &Context) -> Result<(), TaskError> {
        match self {
            Job::Heartbeat => heartbeat(context).await,
            Job::PollServers => poll_servers(context).await,
            Job::CheckRoutes => check_routes(context).await,
            Job::WatchProxy => watch_proxy(context).await,
            Job::WatchRoutes => watch_routes(context).await,
            Job::WriteUses => write_uses(context).await,
            Job::Purge => purge(context).await,
            Job::TrimOutputs => trim_outputs(context).await,
            Job::CountActiveUsers => count_active_users(context).await,
            Job::AskAnnouncement => ask_announcement(context).await,
        }
    }

    /// Returns when there is no further round. Says when the job begins to fail and when it works again, not each time.
    async fn repeat(self, context: Context) {
        let mut failing = false;
        let mut wait = !self.at_once();
        loop {
            if std::mem::replace(&mut wait, true) {
                let Some(pause) = self.pause(failing, &context.state.config) else {
                    return;
                };
                tokio::time::sleep(pause).await;
            }
            let result = caught(self.round(&context)).await;
            match &result {
                Ok(()) if failing => tracing::info!("{self:?} works again"),
                Ok(()) => {}
                Err(error) if failing => tracing::debug!("{self:?} still fails: {error}"),
                Err(error) => tracing::error!("{self:?} fails, and is tried again: {error}"),
            }
            failing = result.is_err();
        }
    }
}

/// A panic ends the round, not the job: the parts of the hub hold their own state together.
async fn caught(round: impl Future<Output = Result<(), TaskError>>) -> Result<(), TaskError> {
    let caught = AssertUnwindSafe(round).catch_unwind().await;
    caught.unwrap_or_else(|panic| Err(TaskError::Panicked(message(&*panic))))
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Repeats all jobs until `shutdown`; returns when the last one has ended.
pub async fn run(context: Context, shutdown: CancellationToken) {
    let mut jobs = JoinSet::new();
    for job in Job::ALL {
        jobs.spawn(
            shutdown
                .clone()
                .run_until_cancelled_owned(job.repeat(context.clone())),
        );
    }
    let watching = clock::watch(Arc::clone(&context.state.clock));
    jobs.spawn(shutdown.clone().run_until_cancelled_owned(watching));
    if context.state.config.metrics.event_loop_interval_enabled {
        let measuring = measure_scheduling(context.state);
        jobs.spawn(shutdown.run_until_cancelled_owned(measuring));
    }
    while jobs.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;
