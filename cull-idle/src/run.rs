//! The program: sweeps one after the other until it is told to stop.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::{Clock, SystemClock};
use hub_types::env::EnvSource;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cli::{Args, Settings};
use crate::hub::HubError;
use crate::report::Span;
use crate::sweep::Sweeper;

/// The default of JupyterHub's `last_activity_interval`: after this time a hub that was away knows of all activity.
const ACTIVITY_INTERVAL: Duration = Duration::from_secs(300);

/// Longest pause between two attempts to reach a hub that is away.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Exit code for a command line or environment that cannot work (`EX_USAGE` of sysexits).
const BAD_USAGE: u8 = 64;

/// Runs the culler until SIGINT or SIGTERM, or once with `--once`.
///
/// Exit codes: 0 when it was stopped (or its one sweep went well), 1 when its one sweep did not, 64 when the settings
/// cannot work. Logs to stderr, unless the process already has a subscriber.
pub async fn run(args: Args, env: &dyn EnvSource) -> ExitCode {
    log_to_stderr(args.debug);
    let settings = match args.settings(env) {
        Ok(settings) => settings,
        Err(why) => {
            error!("{why}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sweeper = match Sweeper::new(&settings, clock) {
        Ok(sweeper) => sweeper,
        Err(why) => {
            error!("{why}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    if settings.once {
        return once(&sweeper).await;
    }
    announce(&settings);
    let stop = CancellationToken::new();
    tokio::select! {
        () = forever(&sweeper, &settings, &stop) => {}
        () = told_to_stop() => info!("stopping"),
    }
    ExitCode::SUCCESS
}

fn log_to_stderr(debug: bool) {
    let level = if debug { "debug" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,cull_idle={level}"));
    // An error says that the process (the hub's binary) already has a subscriber, which then serves.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

fn announce(settings: &Settings) {
    let span = |std: Duration| Span(chrono::TimeDelta::from_std(std).unwrap_or_default());
    info!(
        "stopping servers that are idle for {}, looking every {} at {}{}",
        Span(settings.policy.timeout),
        span(settings.every),
        settings.url,
        if settings.dry_run { " (dry run)" } else { "" },
    );
}

async fn once(sweeper: &Sweeper) -> ExitCode {
    let swept = match sweeper.era().await {
        Ok(era) => sweeper.sweep(era).await,
        Err(why) => Err(why),
    };
    match swept {
        Ok(summary) if summary.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            error!("no sweep: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Sweeps at once and then at every interval, never two at a time. Ends when `stop` is cancelled.
pub async fn forever(sweeper: &Sweeper, settings: &Settings, stop: &CancellationToken) {
    let mut ticks = tokio::time::interval(settings.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outage = Outage::default();
    let settle = settle(settings);
    let work = async {
        loop {
            ticks.tick().await;
            while let Some(pause) = attempt(sweeper, &mut outage, settle).await {
                tokio::time::sleep(pause.min(settings.every.max(settle))).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// One attempt at a sweep; the time to wait before another one when the hub is away or was until now.
async fn attempt(sweeper: &Sweeper, outage: &mut Outage, settle: Duration) -> Option<Duration> {
    let era = match sweeper.era().await {
        Ok(era) => era,
        Err(why) => return missed(outage, &why),
    };
    if outage.over() {
        info!("the hub is back; waiting {settle:?} for fresh reports of activity");
        return Some(settle);
    }
    match sweeper.sweep(era).await {
        Ok(_) => None,
        Err(why) => missed(outage, &why),
    }
}

fn missed(outage: &mut Outage, why: &HubError) -> Option<Duration> {
    warn!("no sweep: {why}");
    why.is_outage().then(|| outage.pause())
}

/// How long to wait after an outage. What the hub did not hear while it was away it hears within one activity
/// interval; and nothing can look idle for `timeout` that reported within `timeout`.
fn settle(settings: &Settings) -> Duration {
    let timeout = settings.policy.timeout.to_std().unwrap_or_default();
    timeout.min(ACTIVITY_INTERVAL)
}

/// A time in which the hub cannot be reached.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    attempts: u32,
}

impl Outage {
    /// Notes a failed attempt; the pause before the next one doubles from one second up to half a minute.
    fn pause(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        let pause = Duration::from_secs(1 << self.attempts.min(5));
        self.attempts += 1;
        pause.min(LONGEST_RETRY)
    }

    /// Notes that the hub answered; whether it did not before.
    fn over(&mut self) -> bool {
        self.attempts = 0;
        self.since.take().is_some()
    }
}

async fn told_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_probed_with_patience_and_over_once() {
        let mut outage = Outage::default();
        assert!(!outage.over());
        let pauses: Vec<u64> = (0..7).map(|_| outage.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert!(outage.over());
        assert!(!outage.over());
        assert_eq!(outage.pause().as_secs(), 1);
    }
}
