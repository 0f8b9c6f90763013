//! Routes that survive the process: a file to which every change is appended before it is answered.
//!
//! ```text
//! PATH        one line per change: 16 hex digits of the SHA-256 of the rest, a space, JSON
//!             … ["add","/user/alice",{"target":"http://127.0.0.1:1234"}]
//!             … ["del","/user/alice"]
//! PATH.lock   locked by the proxy that writes PATH; two writers would lose each other's changes
//! ```
//!
//! A killed process loses nothing that it answered. A line that is torn or damaged is left out when the file is read;
//! the hub puts back what is missing when it next compares routes. The file is replaced by a fresh one (written next to
//! it, synced, renamed) at every start and whenever it holds far more lines than there are routes, so that it stays
//! within a small multiple of the table.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

mod record;

pub(crate) use record::{Change, Replay};

/// Lines beyond twice the number of routes after which the file is written anew.
const SLACK: usize = 1000;
/// Longest wait for the proxy before us to let go of the file: it may be finishing its answers.
const LOCK_PATIENCE: Duration = Duration::from_secs(8);
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The file of routes, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    _lock: File,
    lines: usize,
    /// A line could not be written: the file lacks changes until it is written anew.
    behind: bool,
}

impl Journal {
    /// Opens the journal at `path`, creating it if there is none, and reads its routes.
    ///
    /// Blocks for up to eight seconds while another proxy still holds the file.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Replay)> {
        let shown = path.display();
        let lock = lock(path)?;
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read the routes in {shown}"));
            }
        };
        let replay = record::replay(&bytes);
        if replay.damaged > 0 {
            if replay.read == 0 && !record::is_torn(&bytes) {
                bail!("{shown} holds no routes but something else; choose another --storage-file");
            }
            tracing::warn!(
                "{} unreadable lines in {shown}: left out; the hub restores what is missing",
                replay.damaged
            );
        }
        let (file, lines) = write_anew(
            path,
            replay.routes.iter().map(|(key, data)| (key.as_str(), data)),
        )
        .with_context(|| format!("cannot write the routes to {shown}; is the folder ours?"))?;
        let journal = Self {
            path: path.to_owned(),
            file,
            _lock: lock,
            lines,
            behind: false,
        };
        Ok((journal, replay))
    }

    /// Appends a change. When that fails the change is in force all the same, and the file catches up with the next one.
    pub(crate) fn append(&mut self, change: &Change<'_>) {
        self.lines += 1;
        if let Err(error) = self.file.write_all(&change.line()) {
            self.behind = true;
            tracing::error!("cannot write to {}: {error}", self.path.display());
        }
    }

    /// Whether the file should be written anew, given the number of routes.
    pub(crate) fn wants_rewrite(&self, routes: usize) -> bool {
        self.behind || self.lines > 2 * routes + SLACK
    }

    /// Replaces the file by one that holds exactly `routes`. On failure the old file is kept.
    pub(crate) fn rewrite<'r>(
        &mut self,
        routes: impl Iterator<Item = (&'r str, &'r Map<String, Value>)>,
    ) {
        match write_anew(&self.path, routes) {
            Ok((file, lines)) => {
                (self.file, self.lines, self.behind) = (file, lines, false);
            }
            Err(error) => {
                self.behind = true;
                tracing::error!(
                    "cannot write {} anew: {error}; a restart would miss routes",
                    self.path.display()
                );
            }
        }
    }
}

/// `path` with `suffix` behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Takes the lock; the kernel frees it when the process ends, however it ends.
fn lock(path: &Path) -> anyhow::Result<File> {
    let path = beside(path, ".lock");
    let shown = path.display();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {shown}"))?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) if begin.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(LOCK_POLL);
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                bail!(
                    "{shown} is locked by another proxy; stop it, or choose another --storage-file"
                );
            }
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {shown}"));
            }
        }
    }
}

/// Writes `routes` to a new file and puts it in the place of `path`; readers see the old file or all of the new one.
fn write_anew<'r>(
    path: &Path,
    routes: impl Iterator<Item = (&'r str, &'r Map<String, Value>)>,
) -> io::Result<(File, usize)> {
    let new = beside(path, ".new");
    let mut options = OpenOptions::new();
    // Routes may carry what the hub keeps with them; nobody else needs to read it.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = BufWriter::new(options.open(&new)?);
    let mut lines = 0;
    for (key, data) in routes {
        out.write_all(&Change::Add { key, data }.line())?;
        lines += 1;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    Ok((file, lines))
}

#[cfg(test)]
#[path = "journal/journal_tests.rs"]
mod tests;
