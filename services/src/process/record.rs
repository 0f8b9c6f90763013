//! The identity of a process across restarts of the hub: its id alone is reused, its id with its start time is not.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// What is stored of a process, and enough to know it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
    /// The boot in which it ran (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Process group and session, both led by the process.
    pub pgid: u32,
    /// A variable of its environment (`NAME=value`, nothing secret) that what it starts inherits: by it those are known
    /// that outlive it. None: by their session alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

impl ProcessRecord {
    /// The record of a running process that leads its own session.
    ///
    /// # Errors
    /// When `/proc` does not show the process.
    pub(super) fn read(pid: u32) -> io::Result<Self> {
        let stat = Stat::read(pid)?;
        Ok(Self {
            pid,
            start_ticks: stat.start_ticks,
            boot_id: boot_id()?,
            pgid: pid,
            mark: None,
        })
    }

    /// The record of a process that nobody has recorded, if it leads its own session as all do that a hub has started.
    #[must_use]
    pub fn of_leader(pid: u32) -> Option<Self> {
        let leads = |stat: &Stat| i64::from(stat.session) == i64::from(pid) && stat.is_alive();
        Stat::read(pid).ok().filter(leads)?;
        Self::read(pid).ok()
    }

    /// Whether a process has the mark in its environment; true for records without one.
    pub(super) fn marks(&self, pid: u32) -> bool {
        self.mark.as_ref().is_none_or(|mark| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| {
                env.split(|byte| *byte == 0)
                    .any(|var| var == mark.as_bytes())
            })
        })
    }

    /// Whether the record is of this boot of the machine; nothing of another one can still run.
    pub(super) fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|id| id == self.boot_id)
    }

    /// The state of the recorded process, `None` when it is gone or its id belongs to another one now.
    pub(super) fn stat(&self) -> Option<Stat> {
        if !self.is_of_this_boot() {
            return None;
        }
        Stat::read(self.pid)
            .ok()
            .filter(|stat| stat.start_ticks == self.start_ticks)
    }
}

/// Whether a recorded process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs (or is stopped by a signal).
    Alive,
    /// It is gone; its exit code when it can still be seen.
    Exited(Option<i32>),
}

/// Looks whether a recorded process still runs. A zombie counts as gone.
#[must_use]
pub fn poll(record: &ProcessRecord) -> Liveness {
    match record.stat() {
        Some(stat) if stat.is_alive() => Liveness::Alive,
        Some(stat) => Liveness::Exited(stat.exit_code()),
        None => Liveness::Exited(None),
    }
}

fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned())
}

/// The fields of `/proc/PID/stat` that matter here. Source: proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    state: u8,
    pub(super) pgrp: i32,
    pub(super) session: i32,
    pub(super) start_ticks: u64,
    exit_status: Option<i32>,
}

impl Stat {
    pub(super) fn read(pid: u32) -> io::Result<Self> {
        let text = fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&String::from_utf8_lossy(&text))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/PID/stat"))
    }

    /// The command name is in parentheses and may itself hold spaces and parentheses: fields count from the last one.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: *field(3)?.as_bytes().first()?,
            pgrp: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            start_ticks: field(22)?.parse().ok()?,
            exit_status: field(52).and_then(|text| text.parse().ok()),
        })
    }

    /// Neither a zombie nor dead.
    pub(super) fn is_alive(self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// The exit code of a zombie that ended by itself. The kernel shows 0 to those who may not know.
    fn exit_code(self) -> Option<i32> {
        let status = self.exit_status?;
        (status != 0 && status & 0x7f == 0).then_some((status >> 8) & 0xff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4242 (a) b) Z 1 77 78 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 768";

    #[test]
    fn stat_is_read_from_the_last_parenthesis() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!(
            (stat.pgrp, stat.session, stat.start_ticks),
            (77, 78, 123_456)
        );
        assert!(!stat.is_alive());
        assert_eq!(stat.exit_code(), Some(3));
        assert!(Stat::parse("").is_none());
        assert!(Stat::parse("1 (x) R 1").is_none());
    }

    #[test]
    fn a_process_is_known_by_start_time_and_boot() {
        let own = ProcessRecord::read(std::process::id()).unwrap();
        assert_eq!(poll(&own), Liveness::Alive);
        let reused = ProcessRecord {
            start_ticks: own.start_ticks + 1,
            ..own.clone()
        };
        assert_eq!(poll(&reused), Liveness::Exited(None));
        let rebooted = ProcessRecord {
            boot_id: "another".into(),
            ..own
        };
        assert_eq!(poll(&rebooted), Liveness::Exited(None));
    }
}
