//! The task that keeps one service running.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hub_types::names::ServiceName;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::status::{LastFailure, Shared, State};
use super::{Inner, Prepared};
use crate::process::{
    Adopted, Exit, ProcessRecord, Running, StopReport, adopt, output, stop, stop_watched,
};

/// How many lines of output are kept with a failure.
const FAILURE_LINES: usize = 20;

/// How often the length of the output is looked at.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    hub: Arc<Inner>,
    service: Prepared,
    name: ServiceName,
    status: Shared,
    stop: CancellationToken,
}

/// The process of a service, ours or found again.
enum Process {
    Started(Running),
    Found(Adopted),
}

impl Process {
    fn record(&self) -> &ProcessRecord {
        match self {
            Process::Started(running) => running.record(),
            Process::Found(adopted) => adopted.record(),
        }
    }

    async fn wait(&mut self) -> Exit {
        match self {
            Process::Started(running) => running.wait().await,
            Process::Found(adopted) => adopted.wait().await,
        }
    }
}

/// How a run came to its end.
enum End {
    /// By itself after this time, and everything it started is gone.
    Exited(Exit, Duration),
    /// By itself after this time, but something of it cannot be killed.
    Stuck(String, Duration),
    /// Asked to.
    Asked,
}

impl Keeper {
    pub(super) fn new(
        hub: Arc<Inner>,
        service: Prepared,
        status: Shared,
        stop: CancellationToken,
    ) -> Self {
        Self {
            name: service.spec.service_name(),
            hub,
            service,
            status,
            stop,
        }
    }

    /// Runs until asked to stop.
    pub(super) async fn run(self) {
        let mut streak = 0;
        let mut found = None;
        let mut cleared = false;
        while !self.stop.is_cancelled() {
            self.status.update(|status| {
                status.state = State::Starting;
                status.next_start = None;
            });
            let (failure, ran_for) = match self.obtain(&mut cleared, &mut found).await {
                Ok(process) => match self.keep(process).await {
                    End::Asked => break,
                    End::Exited(exit, ran_for) => (exit.to_string(), ran_for),
                    End::Stuck(why, ran_for) => {
                        cleared = false;
                        (why, ran_for)
                    }
                },
                Err(why) => (why, Duration::ZERO),
            };
            let backoff = self.hub.settings.backoff;
            let restart = backoff.decide(streak, ran_for, jitter());
            streak = restart.streak;
            self.failed(failure, restart.after);
            tokio::select! {
                () = sleep(restart.after) => self.status.update(|status| status.restarts += 1),
                () = self.stop.cancelled() => {}
            }
        }
        self.status.update(|status| {
            status.state = State::Stopped;
            status.pid = None;
            status.since = None;
            status.answers = None;
            status.next_start = None;
        });
    }

    /// A running process: the recorded one if it may be adopted, else a new one. The recorded one is dealt with once.
    async fn obtain(
        &self,
        cleared: &mut bool,
        found: &mut Option<Adopted>,
    ) -> Result<Process, String> {
        if !*cleared {
            *found = self.recorded().await?;
            *cleared = true;
        }
        if let Some(adopted) = found.take() {
            let pid = adopted.record().pid;
            tracing::info!(service = %self.name, pid, "found service {} running, process {pid}", self.name);
            return Ok(Process::Found(adopted));
        }
        let launched = self.hub.launch(&self.service).await;
        let running = launched.map_err(|error| {
            if let Some(path) = error.searched() {
                // For the log alone: the reason is shown to everybody who may see how services are.
                tracing::warn!(service = %self.name, "service {}: its command is not on PATH={path}", self.name);
            }
            error.to_string()
        })?;
        let pid = running.record().pid;
        tracing::info!(service = %self.name, pid, "started service {}, process {pid}", self.name);
        Ok(Process::Started(running))
    }

    /// What an earlier run of the hub left: adopted when its spec is the same, else ended with everything it started.
    async fn recorded(&self) -> Result<Option<Adopted>, String> {
        let ledger = &self.hub.ledger;
        let unreadable = |error| format!("cannot read what is recorded of it: {error}");
        let Some(entry) = ledger.load(&self.name).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let wanted = self.service.spec.fingerprint(&self.hub.settings.hub);
        if entry.fingerprint == wanted && entry.url == self.service.url {
            if let Some(adopted) = adopt(&entry.record) {
                return Ok(Some(adopted));
            }
        } else if entry.fingerprint != wanted {
            tracing::info!(service = %self.name, "the configuration of service {} has changed", self.name);
        }
        self.end(&entry.record).await?;
        Ok(None)
    }

    /// Ends a session, so that nothing runs twice.
    async fn end(&self, record: &ProcessRecord) -> Result<(), String> {
        Self::ended(record, stop(record, self.hub.settings.stop_times).await)
    }

    fn ended(record: &ProcessRecord, report: StopReport) -> Result<(), String> {
        match report {
            StopReport::AlreadyGone | StopReport::Stopped(_) => Ok(()),
            StopReport::StillAlive => Err(format!(
                "process {} and what it started cannot be killed; not starting a second one",
                record.pid
            )),
        }
    }

    /// Waits for the end of a process, or ends it when asked to. What it started goes with it.
    async fn keep(&self, mut process: Process) -> End {
        let record = process.record().clone();
        let (now, begin) = (self.hub.settings.clock.now(), Instant::now());
        self.status.update(|status| {
            status.state = State::Running;
            status.pid = Some(record.pid);
            status.since = Some(now);
            status.adopted = matches!(process, Process::Found(_));
        });
        let exit = tokio::select! {
            exit = process.wait() => Some(exit),
            () = self.stop.cancelled() => None,
            never = self.watch() => match never {},
            never = self.trim_output() => match never {},
        };
        let ran_for = begin.elapsed();
        let ended = match exit {
            Some(_) => {
                let left = stop_watched(&record, self.hub.settings.stop_times).await;
                Self::ended(&record, left)
            }
            None => self.end_asked(process).await,
        };
        self.status.update(|status| {
            status.pid = None;
            status.since = None;
            status.answers = None;
        });
        match (ended, exit) {
            (Ok(()), exit) => {
                self.forget().await;
                exit.map_or(End::Asked, |exit| End::Exited(exit, ran_for))
            }
            (Err(why), Some(_)) => End::Stuck(why, ran_for),
            (Err(why), None) => {
                tracing::error!(service = %self.name, "service {}: {why}", self.name);
                End::Asked
            }
        }
    }

    async fn end_asked(&self, mut process: Process) -> Result<(), String> {
        let record = process.record().clone();
        tracing::info!(service = %self.name, pid = record.pid, "stopping service {}", self.name);
        self.status.update(|status| status.state = State::Stopping);
        // Waiting at the same time takes the exit status, so that no zombie stays.
        let both = async { tokio::join!(self.end(&record), process.wait()).0 };
        tokio::select! {
            biased;
            ended = both => ended,
            () = self.give_up() => Err(format!("process {} does not end", record.pid)),
        }
    }

    /// A little longer than stopping may take.
    async fn give_up(&self) {
        let times = self.hub.settings.stop_times;
        sleep(times.interrupt + times.term + times.kill + Duration::from_secs(5)).await;
    }

    /// A record that stays behind is harmless: its process is gone.
    async fn forget(&self) {
        if let Err(error) = self.hub.ledger.forget(&self.name).await {
            tracing::warn!(service = %self.name, %error, "cannot remove the record of service {}", self.name);
        }
    }

    async fn watch(&self) -> Infallible {
        let Some(url) = self.service.url.clone() else {
            return std::future::pending().await;
        };
        self.hub
            .watch(&self.service.spec, url, self.status.clone())
            .run()
            .await
    }

    async fn trim_output(&self) -> Infallible {
        let path = self.hub.settings.output_of(&self.name);
        loop {
            if let Err(error) = output::trim(&path, self.hub.settings.max_output) {
                tracing::debug!(service = %self.name, %error, "cannot shorten the output of service {}", self.name);
            }
            sleep(TRIM_INTERVAL).await;
        }
    }

    fn failed(&self, reason: String, wait: Duration) {
        tracing::error!(
            service = %self.name,
            "service {}: {reason}; starting it again in {:.1} s",
            self.name,
            wait.as_secs_f32(),
        );
        let at = self.hub.settings.clock.now();
        let path = self.hub.settings.output_of(&self.name);
        let log_tail = output::tail(&path, FAILURE_LINES).unwrap_or_default();
        let next = TimeDelta::from_std(wait).ok().map(|wait| at + wait);
        self.status.update(|status| {
            status.state = State::Backoff;
            status.next_start = next;
            status.last_failure = Some(LastFailure {
                at,
                reason,
                log_tail,
            });
        });
    }
}

/// A random number from 0 to 1; one half when there is no randomness.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}
