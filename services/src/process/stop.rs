//! Ending a process with everything it started.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::record::{ProcessRecord, Stat};

/// How long those that outlive the process they belong to have after each signal.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// Something is still there even after SIGKILL (stuck in the kernel), or nobody could look whether: the log says why.
    StillAlive,
}

/// Ends the process and its whole session: SIGINT, then SIGTERM, then SIGKILL, each as soon as the time for the one
/// before is over.
///
/// Once the process itself is gone, what it left behind gets one second per signal. Descendants that made a session of
/// their own (daemons, Jupyter kernels) are not part of it. What cannot be looked at is neither signalled, for its number
/// may be another's, nor gone.
pub async fn stop(record: &ProcessRecord, times: StopTimes) -> StopReport {
    match proof_within(record, times.kill).await {
        Ok(proof) => stop_proven(record, times, proof).await,
        Err(error) => {
            warn(record, &error);
            StopReport::StillAlive
        }
    }
}

/// Ends what a process has left behind, which the caller has watched until it ended just now: nobody else can have its number
/// yet, so whoever is in its session belongs to it, also those that have changed their environment.
pub async fn stop_watched(record: &ProcessRecord, times: StopTimes) -> StopReport {
    stop_proven(record, times, Proof::Leader).await
}

/// [`Proof::of`], as soon as it can be looked at; the last error when it cannot in all this time.
async fn proof_within(record: &ProcessRecord, patience: Duration) -> io::Result<Proof> {
    let start = Instant::now();
    loop {
        match Proof::of(record) {
            Err(_) if start.elapsed() < patience => sleep(PAUSE).await,
            look => return look,
        }
    }
}

async fn stop_proven(record: &ProcessRecord, times: StopTimes, proof: Proof) -> StopReport {
    if is_gone(record, proof) {
        return StopReport::AlreadyGone;
    }
    for (signal, patience) in [
        (Signal::SIGINT, times.interrupt),
        (Signal::SIGTERM, times.term),
        (Signal::SIGKILL, times.kill),
    ] {
        if gone_within(record, proof, signal, patience).await {
            return StopReport::Stopped(signal);
        }
    }
    if let Err(error) = members(record, proof) {
        warn(record, &error);
    }
    StopReport::StillAlive
}

fn warn(record: &ProcessRecord, error: &io::Error) {
    tracing::warn!(pid = record.pid, %error, "cannot look what process {} has left running", record.pid);
}

/// Sends the signal, as soon as it can be seen to whom, and waits for the end of all.
async fn gone_within(
    record: &ProcessRecord,
    proof: Proof,
    signal: Signal,
    patience: Duration,
) -> bool {
    let start = Instant::now();
    let mut sent = false;
    let mut leader_gone: Option<Instant> = None;
    let mut pause = Duration::from_millis(5);
    loop {
        sent = sent || signal_members(record, proof, signal).is_ok();
        if !leader_alive(record) {
            let since = *leader_gone.get_or_insert_with(Instant::now);
            if is_gone(record, proof) {
                return true;
            }
            if since.elapsed() >= LEFTOVERS.min(patience) {
                return false;
            }
        } else if start.elapsed() >= patience {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE);
    }
}

/// What cannot be looked at is alive.
fn leader_alive(record: &ProcessRecord) -> bool {
    record
        .stat()
        .map_or(true, |stat| stat.is_some_and(Stat::is_alive))
}

/// Whether nothing of the session is left, as far as can be seen; false when it cannot.
fn is_gone(record: &ProcessRecord, proof: Proof) -> bool {
    members(record, proof).is_ok_and(|members| members.is_empty())
}

/// Sends a signal to every process of the recorded session. Returns whether there was any; false also when nobody can look.
///
/// A session whose id has passed to another process is left alone.
pub fn signal_group(record: &ProcessRecord, signal: Signal) -> bool {
    Proof::of(record)
        .and_then(|proof| signal_members(record, proof, signal))
        .inspect_err(|error| warn(record, error))
        .unwrap_or(false)
}

fn signal_members(record: &ProcessRecord, proof: Proof, signal: Signal) -> io::Result<bool> {
    let members = members(record, proof)?;
    if members.is_empty() {
        return Ok(false);
    }
    let Ok(group) = i32::try_from(record.pgid) else {
        return Ok(false);
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
    Ok(true)
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
    fn of(record: &ProcessRecord) -> io::Result<Self> {
        Ok(match record.stat()? {
            Some(_) => Self::Leader,
            None => Self::Mark,
        })
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
///
/// # Errors
/// When nobody can look: an empty list means that nothing is left.
fn members(record: &ProcessRecord, proof: Proof) -> io::Result<Vec<Member>> {
    if !record.is_of_this_boot()? {
        return Ok(Vec::new());
    }
    if find_visible(record.pid)?.is_some_and(|stat| stat.start_ticks != record.start_ticks) {
        return Ok(Vec::new());
    }
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        members.extend(member(record, proof, pid)?);
    }
    Ok(members)
}

/// One process, if it is of the recorded session or group, and alive.
fn member(record: &ProcessRecord, proof: Proof, pid: u32) -> io::Result<Option<Member>> {
    let (Ok(group), Ok(number)) = (i32::try_from(record.pgid), i32::try_from(pid)) else {
        return Ok(None);
    };
    let Some(stat) = find_visible(pid)? else {
        return Ok(None);
    };
    let ours = (stat.pgrp == group || stat.session == group)
        && stat.is_alive()
        && stat.start_ticks >= record.start_ticks
        && (proof == Proof::Leader || record.marks(pid)?);
    Ok(ours.then_some(Member {
        pid: Pid::from_raw(number),
        pgrp: stat.pgrp,
    }))
}

/// The state of a process. Those that a machine shows to their owners only (`hidepid=1`) are somebody else's.
fn find_visible(pid: u32) -> io::Result<Option<Stat>> {
    match Stat::find(pid) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        look => look,
    }
}
