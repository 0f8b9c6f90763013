//! The announcement, in memory and in a file: it outlives the service.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use hubauth::types::clock::{Clock as _, SystemClock};
use hubauth::types::time;
use serde::{Deserialize, Serialize};

/// Writes a file to the disk, not only to memory.
fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(file)?;
    file.write_all(text)?;
    file.sync_all()
}

/// What is announced; the fields are those of JupyterHub's example of such a service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Announcement {
    /// The text; empty when there is nothing to say.
    pub(crate) announcement: String,
    /// When it was written.
    pub(crate) timestamp: String,
    /// Who wrote it.
    pub(crate) user: String,
}

/// The announcement and its file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    latest: RwLock<Announcement>,
}

impl Board {
    /// Reads what was announced before.
    pub(crate) fn open(file: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let file = file.into();
        let latest = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("cannot understand {}", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Announcement::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        Ok(Self(Arc::new(Inner {
            file,
            latest: RwLock::new(latest),
        })))
    }

    /// What is announced.
    pub(crate) fn latest(&self) -> Announcement {
        let latest = self.0.latest.read();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Announces something else. The file is replaced as a whole, and first: what was answered is never lost.
    pub(crate) fn say(&self, user: &str, text: &str) -> anyhow::Result<Announcement> {
        let said = Announcement {
            announcement: text.trim().to_owned(),
            timestamp: time::format(SystemClock.now()),
            user: user.to_owned(),
        };
        let mut latest = self
            .0
            .latest
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let new = self.0.file.with_extension("new");
        write(&new, &serde_json::to_vec(&said)?)
            .with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &self.0.file)
            .with_context(|| format!("cannot write {}", self.0.file.display()))?;
        latest.clone_from(&said);
        Ok(said)
    }
}
