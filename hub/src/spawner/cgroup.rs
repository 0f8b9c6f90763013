//! Limits that hold: a cgroup (version 2) for each server that has any.
//!
//! The hub needs a cgroup of its own, as systemd gives it with `Delegate=yes` and `DelegateSubgroup=hub`. It moves into the child `hub` of that, and
//! servers get `servers/NAME` beside it: processes may only be in the leaves of a tree that has limits (Linux's
//! documentation of cgroup v2, "No Internal Process Constraint"). Where that cannot be, servers run without: they are told
//! their limits, and the log says once why these are not enforced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::config::Spawner;
use crate::domain::server::ServerRef;

/// The child that the hub itself is in.
const HUB: &str = "hub";
/// The child that the servers' cgroups are in.
const SERVERS: &str = "servers";
/// What is limited.
const CONTROLLERS: [&str; 2] = ["memory", "cpu"];
/// The period that `cpu.max` counts in, in microseconds: the kernel's own.
const PERIOD: u64 = 100_000;
/// How often, and how long apart, the end of what is left in a cgroup is waited for.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// The limits of a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Bytes.
    memory: Option<u64>,
    /// Cores.
    cpu: Option<f64>,
}

impl Limits {
    /// Those of these settings; `None` where there are none.
    pub(super) fn of(spawner: &Spawner) -> Option<Self> {
        let limits = Self {
            memory: spawner.mem_limit,
            cpu: spawner.cpu_limit,
        };
        (limits.memory.is_some() || limits.cpu.is_some()).then_some(limits)
    }

    /// The files that set them, with what goes into them.
    fn files(self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        if let Some(bytes) = self.memory {
            files.push(("memory.max", bytes.to_string()));
        }
        if let Some(cores) = self.cpu {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "cores are positive and few; the kernel takes no less than 1,000 microseconds"
            )]
            let quota = ((cores * PERIOD as f64) as u64).max(1_000);
            files.push(("cpu.max", format!("{quota} {PERIOD}")));
        }
        files
    }
}

/// Where the cgroups of servers are, once one was needed.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    servers: OnceLock<PathBuf>,
    /// Why there are none, as it was last said.
    told: Mutex<Option<String>>,
}

impl Cgroups {
    /// Puts a process that has not begun into a cgroup with these limits. `None` when this hub may not: each reason is said
    /// once.
    pub(super) fn hold(&self, server: &ServerRef, pid: u32, limits: Limits) -> Option<PathBuf> {
        let folder = self.servers(own)?.join(name(server));
        match enter(&folder, pid, limits) {
            Ok(()) => Some(folder),
            Err(error) => {
                tracing::warn!(%server, "the limits of {server} are not enforced: {}: {error}", folder.display());
                let _ = fs::remove_dir(&folder);
                None
            }
        }
    }

    /// The folder of all of them, made when there is none. What fails once is tried again: what was in the way may have
    /// been a file system that was not there yet, or a limit that somebody has lifted.
    fn servers(&self, own: impl FnOnce() -> Result<PathBuf, String>) -> Option<&Path> {
        if let Some(servers) = self.servers.get() {
            return Some(servers);
        }
        match own().and_then(|own| prepare(&own)) {
            Ok(servers) => Some(self.servers.get_or_init(|| servers)),
            Err(why) => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.as_ref() != Some(&why) {
                    tracing::warn!(
                        "limits of servers are told to them, but not enforced: {why}; give the hub a cgroup of its own: Delegate=yes and DelegateSubgroup=hub in its systemd unit"
                    );
                    *told = Some(why);
                }
                None
            }
        }
    }
}

/// Removes the cgroup of a server that has ended, with what is left in it.
pub(super) async fn remove(folder: &Path) {
    // Also what has left the server's session: nothing of it may go on.
    let _ = fs::write(folder.join("cgroup.kill"), "1");
    for _ in 0..TRIES {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove the cgroup {}: {error}", folder.display());
                return;
            }
            _ => return,
        }
    }
    tracing::warn!(
        "the cgroup {} does not become empty; it is left",
        folder.display()
    );
}

/// A name of one part, the same at every start.
fn name(server: &ServerRef) -> String {
    format!(
        "server-{}",
        &hex::encode(Sha256::digest(server.to_string()))[..24]
    )
}

/// The folder of the cgroup that this process is in.
fn own() -> Result<PathBuf, String> {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    place(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?)
}

/// The folder of the cgroup that these two files of `/proc` name. Source: cgroups(7), proc(5).
fn place(cgroup: &str, mounts: &str) -> Result<PathBuf, String> {
    let inside = cgroup.lines().find_map(|line| line.strip_prefix("0::"));
    let inside = inside.ok_or("this machine has no cgroups of version 2")?;
    let mount = mounts.lines().find_map(|line| {
        let (fields, source) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        source.starts_with("cgroup2 ").then_some((root, point))
    });
    let (root, point) = mount.ok_or("no cgroups of version 2 are mounted")?;
    // Within a container, the mount may show a part of the tree only.
    let below = inside.strip_prefix(root).unwrap_or(inside);
    Ok(Path::new(point).join(below.trim_start_matches('/')))
}

/// Makes the folder for the servers' cgroups, from the cgroup that the hub is in.
fn prepare(own: &Path) -> Result<PathBuf, String> {
    // With systemd's DelegateSubgroup the hub has a place of its own below a cgroup that is for it to arrange. Where it has
    // not, others look after what is there: systemd could start no hub again in a cgroup that this one has rearranged.
    let base = match (own.file_name(), own.parent()) {
        (Some(last), Some(base)) if last == HUB => base,
        // The root of all cgroups may have both, processes and children with limits; it has no type.
        _ if !own.join("cgroup.type").exists() => own,
        _ => return Err(format!("{} was not delegated to the hub", own.display())),
    };
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    let list = base.join("cgroup.controllers");
    let there = fs::read_to_string(&list).map_err(at(&list))?;
    for controller in CONTROLLERS {
        if !there.split_whitespace().any(|known| known == controller) {
            return Err(format!("{} lacks {controller}", list.display()));
        }
    }
    let servers = base.join(SERVERS);
    fs::create_dir_all(&servers).map_err(at(&servers))?;
    let wanted = CONTROLLERS
        .map(|controller| format!("+{controller}"))
        .join(" ");
    for folder in [base, &servers] {
        let file = folder.join("cgroup.subtree_control");
        fs::write(&file, &wanted).map_err(at(&file))?;
    }
    Ok(servers)
}

fn enter(folder: &Path, pid: u32, limits: Limits) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for file in ["memory.max", "memory.swap.max", "cpu.max"] {
        // What the run before had. Without swap there is no file for it.
        let _ = set(folder, file, "max");
    }
    for (file, text) in limits.files() {
        set(folder, file, &text)?;
    }
    if limits.memory.is_some() {
        // What does not fit goes nowhere else.
        match set(folder, "memory.swap.max", "0") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    fs::write(folder.join("cgroup.procs"), pid.to_string())
}

/// Writes a file that the kernel has made: it makes no new one.
fn set(folder: &Path, file: &str, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(folder.join(file))?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests;
