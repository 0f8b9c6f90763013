//! The program: sweeps one after the other until it is told to stop.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::{Clock, SystemClock};
use hub_types::env::EnvSource;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cli::{Args, LogLevel};
use crate::config;
use crate::explain;
use crate::hub::HubError;
use crate::metrics::Metrics;
use crate::report::{Span, Summary};
use crate::settings::Settings;
use crate::sweep::Sweeper;

/// After this time a hub that was away knows of all activity: its proxy is asked every 300 s, and servers report every 300 s give or
/// take a tenth, and try again. Sources: JupyterHub's `last_activity_interval`, jupyterhub-singleuser.
const ACTIVITY_INTERVAL: Duration = Duration::from_secs(360);

/// How often the hub is looked at between sweeps: an outage that nobody notices could make busy servers look idle.
const PROBE: Duration = Duration::from_secs(30);

/// Longest pause between two attempts to reach a hub that is away.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Exit code for a command line or environment that cannot work (`EX_USAGE` of sysexits).
const BAD_USAGE: u8 = 64;

/// Runs the culler until SIGINT or SIGTERM, or once with `--once` or `--explain`.
///
/// Exit codes: 0 when it was stopped (or its one sweep went well), 1 when its one sweep did not, 64 when the settings
/// cannot work. Logs to stderr, unless the process already has a subscriber.
pub async fn run(args: Args, env: &dyn EnvSource) -> ExitCode {
    if args.generate_config {
        return say(config::TEMPLATE);
    }
    let settings = args.settings(env);
    log_to_stderr(settings.as_ref().map_or(args.level(), |ok| ok.log_level));
    let settings = match settings {
        Ok(settings) => settings,
        Err(why) => return refused(&why),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sweeper = match Sweeper::new(&settings, clock) {
        Ok(sweeper) => sweeper,
        Err(why) => return refused(&why),
    };
    if let Some(subject) = &args.explain {
        return match explain::explain(&sweeper, &settings, subject).await {
            Ok(text) => say(&text),
            Err(why) => {
                error!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let metrics = match Metrics::new(&settings).await {
        Ok(metrics) => metrics,
        Err(why) => return refused(&why),
    };
    if settings.once {
        return once(&sweeper, &metrics).await;
    }
    announce(&settings);
    let stop = CancellationToken::new();
    tokio::select! {
        () = forever(&sweeper, &settings, &metrics, &stop) => {}
        () = metrics.serve() => {}
        () = told_to_stop() => info!("stopping"),
    }
    ExitCode::SUCCESS
}

/// What was asked for, to where a pipe finds it.
fn say(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refused(why: &dyn std::error::Error) -> ExitCode {
    for line in why.to_string().lines() {
        error!("{line}");
    }
    ExitCode::from(BAD_USAGE)
}

fn log_to_stderr(level: LogLevel) {
    let level = level.as_str();
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

async fn once(sweeper: &Sweeper, metrics: &Metrics) -> ExitCode {
    let swept = match sweeper.era().await {
        Ok(era) => sweeper.sweep(era).await,
        Err(why) => Err(why),
    };
    metrics.note(swept.as_ref().ok()).await;
    match swept {
        Ok(Summary { failed: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            error!("no sweep: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Sweeps at once and then at every interval, never two at a time. Ends when `stop` is cancelled.
pub async fn forever(
    sweeper: &Sweeper,
    settings: &Settings,
    metrics: &Metrics,
    stop: &CancellationToken,
) {
    let mut ticks = tokio::time::interval(settings.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outage = Outage::default();
    if settings.started_by_hub {
        // A hub that starts its services may have been away for long.
        outage.note();
    }
    let settle = settle(settings);
    let work = async {
        loop {
            until_next(sweeper, &mut ticks, &mut outage).await;
            let mut waited = false;
            while let Some(pause) = attempt(sweeper, metrics, &mut outage, settle).await {
                tokio::time::sleep(pause.min(settings.every.max(settle))).await;
                waited = true;
            }
            if waited {
                // What came due meanwhile is done by this sweep.
                ticks.reset();
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Waits for the next sweep, and notes when the hub is away meanwhile.
async fn until_next(sweeper: &Sweeper, ticks: &mut Interval, outage: &mut Outage) {
    let mut probes = tokio::time::interval_at(Instant::now() + PROBE, PROBE);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => return,
            _ = probes.tick() => {
                if sweeper.era().await.is_err_and(|why| why.is_outage()) {
                    outage.note();
                }
            }
        }
    }
}

/// One attempt at a sweep; the time to wait before another one when the hub is away or was until now.
async fn attempt(
    sweeper: &Sweeper,
    metrics: &Metrics,
    outage: &mut Outage,
    settle: Duration,
) -> Option<Duration> {
    let era = match sweeper.era().await {
        Ok(era) => era,
        Err(why) => return missed(metrics, outage, &why).await,
    };
    if outage.over() {
        info!("the hub is there; waiting {settle:?} for fresh reports of activity");
        return Some(settle);
    }
    match sweeper.sweep(era).await {
        Ok(summary) => {
            metrics.note(Some(&summary)).await;
            if summary.hub_away {
                outage.note();
            }
            None
        }
        Err(why) => missed(metrics, outage, &why).await,
    }
}

async fn missed(metrics: &Metrics, outage: &mut Outage, why: &HubError) -> Option<Duration> {
    warn!("no sweep: {why}");
    metrics.note(None).await;
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
    /// Notes that the hub is away.
    fn note(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Notes a failed attempt; the pause before the next one doubles from one second up to half a minute.
    fn pause(&mut self) -> Duration {
        self.note();
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
