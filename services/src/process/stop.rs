//! Ending a process with everything it started.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::record::{ProcessRecord, Stat};

/// How long those that outlive the process they belong to have after each signal.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// How long to wait after each signal before sending the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopTimes {
    /// After SIGINT.
    pub interrupt: Duration,
    /// After SIGTERM.
    pub term: Duration,
    /// After SIGKILL, before giving up.
    pub kill: Duration,
}

impl Default for StopTimes {
    /// JupyterHub's times: 30 s, 30 s, 5 s.
    fn default() -> Self {
        Self {
            interrupt: Duration::from_secs(30),
            term: Duration::from_secs(30),
            kill: Duration::from_secs(5),
        }
    }
}

/// What [`stop`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReport {
    /// Nothing was running.
    AlreadyGone,
    /// Everything is gone; the last signal that was needed.
    Stopped(Signal),
    /// Something is still there even after SIGKILL (stuck in the kernel).
    StillAlive,
}

/// Ends the process and its whole session: SIGINT, then SIGTERM, then SIGKILL, each as soon as the time for the one
/// before is over.
///
/// Once the process itself is gone, what it left behind gets one second per signal. Descendants that made a session of
/// their own (daemons, Jupyter kernels) are not part of it.
pub async fn stop(record: &ProcessRecord, times: StopTimes) -> StopReport {
    stop_proven(record, times, Proof::of(record)).await
}

/// Ends what a process has left behind, which the caller has watched until it ended just now: nobody else can have its number
/// yet, so whoever is in its session belongs to it, also those that have changed their environment.
pub async fn stop_watched(record: &ProcessRecord, times: StopTimes) -> StopReport {
    stop_proven(record, times, Proof::Leader).await
}

async fn stop_proven(record: &ProcessRecord, times: StopTimes, proof: Proof) -> StopReport {
    if members(record, proof).is_empty() {
        return StopReport::AlreadyGone;
    }
    for (signal, patience) in [
        (Signal::SIGINT, times.interrupt),
        (Signal::SIGTERM, times.term),
        (Signal::SIGKILL, times.kill),
    ] {
        signal_members(record, proof, signal);
        if gone_within(record, proof, patience).await {
            return StopReport::Stopped(signal);
        }
    }
    StopReport::StillAlive
}

async fn gone_within(record: &ProcessRecord, proof: Proof, patience: Duration) -> bool {
    let start = Instant::now();
    let mut leader_gone: Option<Instant> = None;
    let mut pause = Duration::from_millis(5);
    loop {
        if !leader_alive(record) {
            let since = *leader_gone.get_or_insert_with(Instant::now);
            if members(record, proof).is_empty() {
                return true;
            }
            if since.elapsed() >= LEFTOVERS.min(patience) {
                return false;
            }
        } else if start.elapsed() >= patience {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

fn leader_alive(record: &ProcessRecord) -> bool {
    record.stat().is_some_and(Stat::is_alive)
}

/// Sends a signal to every process of the recorded session. Returns whether there was any.
///
/// A session whose id has passed to another process is left alone.
pub fn signal_group(record: &ProcessRecord, signal: Signal) -> bool {
    signal_members(record, Proof::of(record), signal)
}

fn signal_members(record: &ProcessRecord, proof: Proof, signal: Signal) -> bool {
    let members = members(record, proof);
    if members.is_empty() {
        return false;
    }
    let Ok(group) = i32::try_from(record.pgid) else {
        return false;
    };
    // The group at once, so that none of it can fork away; then those that made groups of their own (shells do).
    let at_once = proof == Proof::Leader || record.mark.is_none();
    if at_once {
        let _ = killpg(Pid::from_raw(group), signal);
    }
    for member in members
        .into_iter()
        .filter(|member| !at_once || member.pgrp != group)
    {
        let _ = kill(member.pid, signal);
    }
    true
}

/// How it is known that a session is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Its leader was seen: while any of the session is left, its number is given to nobody else.
    Leader,
    /// Its leader was gone before we looked. Another session may have had the number since, and have lost its leader,
    /// too: only those count that carry the record's mark.
    Mark,
}

impl Proof {
    fn of(record: &ProcessRecord) -> Self {
        match record.stat() {
            Some(_) => Self::Leader,
            None => Self::Mark,
        }
    }
}

struct Member {
    pid: Pid,
    pgrp: i32,
}

/// The live processes of the recorded session or group.
///
/// The kernel does not give a process id away while a session or group has it as its number. So a process that has our
/// id but another start time proves that nothing of our session is left.
fn members(record: &ProcessRecord, proof: Proof) -> Vec<Member> {
    if !record.is_of_this_boot() {
        return Vec::new();
    }
    if let Ok(stat) = Stat::read(record.pid)
        && stat.start_ticks != record.start_ticks
    {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            let stat = Stat::read(pid).ok()?;
            let group = i32::try_from(record.pgid).ok()?;
            let ours = (stat.pgrp == group || stat.session == group)
                && stat.is_alive()
                && stat.start_ticks >= record.start_ticks
                && (proof == Proof::Leader || record.marks(pid));
            ours.then_some(Member {
                pid: Pid::from_raw(i32::try_from(pid).ok()?),
                pgrp: stat.pgrp,
            })
        })
        .collect()
}
