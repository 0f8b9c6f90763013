//! The identity of a process across restarts of the hub: its id alone is reused, its id with its start time is not.

use std::fs;
use std::io;
use std::sync::OnceLock;

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
        Self::find(pid)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The same, `None` when there is no such process.
    ///
    /// # Errors
    /// When nobody can look.
    pub(super) fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(stat) = Stat::find(pid)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            pid,
            start_ticks: stat.start_ticks,
            boot_id: boot_id()?.to_owned(),
            pgid: pid,
            mark: None,
        }))
    }

    /// The record of a process that nobody has recorded, if it leads its own session as all do that a hub has started.
    #[must_use]
    pub fn of_leader(pid: u32) -> Option<Self> {
        let leads = |stat: &Stat| i64::from(stat.session) == i64::from(pid) && stat.is_alive();
        Stat::find(pid).ok().flatten().filter(leads)?;
        Self::read(pid).ok()
    }

    /// Whether a process has the mark in its environment; true for records without one.
    ///
    /// # Errors
    /// When nobody can look.
    pub(super) fn marks(&self, pid: u32) -> io::Result<bool> {
        let Some(mark) = &self.mark else {
            return Ok(true);
        };
        match fs::read(format!("/proc/{pid}/environ")) {
            Ok(env) => Ok(env
                .split(|byte| *byte == 0)
                .any(|var| var == mark.as_bytes())),
            Err(error) if is_want(&error) => Err(error),
            // Gone, somebody else's, or without an environment.
            Err(_) => Ok(false),
        }
    }

    /// Whether the record is of this boot of the machine; nothing of another one can still run.
    ///
    /// # Errors
    /// When nobody can look.
    pub(super) fn is_of_this_boot(&self) -> io::Result<bool> {
        Ok(boot_id()? == self.boot_id)
    }

    /// The state of the recorded process, `None` when it is gone or its id belongs to another one now.
    ///
    /// # Errors
    /// When nobody can look; it may well run then.
    pub(super) fn stat(&self) -> io::Result<Option<Stat>> {
        if !self.is_of_this_boot()? {
            return Ok(None);
        }
        let stat = Stat::find(self.pid)?;
        Ok(stat.filter(|stat| stat.start_ticks == self.start_ticks))
    }
}

/// Whether a recorded process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs (or is stopped by a signal), or nobody can look just now.
    Alive,
    /// It is gone; its exit code when it can still be seen.
    Exited(Option<i32>),
}

/// Looks whether a recorded process still runs. A zombie counts as gone.
///
/// What cannot be looked at, for want of descriptors, say, counts as alive: whoever takes a running server for one that
/// has ended takes its tokens away and forgets it, and whoever takes an ended one for running only looks once more.
#[must_use]
pub fn poll(record: &ProcessRecord) -> Liveness {
    liveness(&record.stat())
}

fn liveness(look: &io::Result<Option<Stat>>) -> Liveness {
    match look {
        Ok(Some(stat)) if !stat.is_alive() => Liveness::Exited(stat.exit_code()),
        Ok(None) => Liveness::Exited(None),
        Ok(Some(_)) | Err(_) => Liveness::Alive,
    }
}

/// The boot of this machine: read once, so that it is known also while nothing can be opened.
fn boot_id() -> io::Result<&'static str> {
    static ID: OnceLock<String> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(id);
    }
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(ID.get_or_init(|| id.trim().to_owned()))
}

/// Whether nothing can be opened just now, whatever it is.
fn is_want(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)
    )
}

/// What a look into `/proc` found; `None` when the process is gone, which alone these two errors mean.
fn found<T>(look: io::Result<T>) -> io::Result<Option<T>> {
    match look {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
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
    /// The state of a process, `None` when there is none.
    ///
    /// # Errors
    /// When nobody can look.
    pub(super) fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(text) = found(fs::read(format!("/proc/{pid}/stat")))? else {
            return Ok(None);
        };
        Self::parse(&String::from_utf8_lossy(&text))
            .map(Some)
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

    /// Those that may not look do not take a process for ended either.
    #[test]
    fn only_two_errors_mean_that_a_process_is_gone() {
        let stat = Stat::parse(&LINE.replace(" Z ", " S ")).unwrap();
        let dead = Stat::parse(LINE).unwrap();
        assert_eq!(liveness(&Ok(Some(stat))), Liveness::Alive);
        assert_eq!(liveness(&Ok(Some(dead))), Liveness::Exited(Some(3)));
        for (errno, expected) in [
            (libc::ENOENT, Liveness::Exited(None)),
            (libc::ESRCH, Liveness::Exited(None)),
            (libc::EMFILE, Liveness::Alive),
            (libc::ENFILE, Liveness::Alive),
            (libc::ENOMEM, Liveness::Alive),
            (libc::EACCES, Liveness::Alive),
            (libc::EIO, Liveness::Alive),
        ] {
            let look = found(Err(io::Error::from_raw_os_error(errno)));
            assert_eq!(liveness(&look), expected, "{errno}");
        }
    }
}
