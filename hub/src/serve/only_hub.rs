//! One hub for one SQLite file: a second one would fight the first over its proxy and services.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};

use crate::config::DbUrl;

/// Held as long as this hub runs. The system lets go of it however the process ends.
pub(crate) struct OnlyHub(#[expect(dead_code, reason = "held, not read")] Option<Flock<File>>);

impl OnlyHub {
    /// Takes the lock beside the database file (`….lock`; never the file itself, whose locks are SQLite's).
    ///
    /// # Errors
    /// When another hub holds it, or it cannot be made.
    pub(crate) fn take(db: &DbUrl) -> anyhow::Result<Self> {
        let DbUrl::Sqlite(path) = db else {
            return Ok(Self(None));
        };
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&lock)
            .with_context(|| {
                format!(
                    "cannot make {}; check that the folder exists and may be written",
                    lock.display()
                )
            })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Self(Some(held))),
            Err((_, _)) => anyhow::bail!(
                "another hub is running with the database {}; stop it first, or give this one another JupyterHub.db_url",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let db = DbUrl::Sqlite(folder.path().join("hub.sqlite"));
        let first = OnlyHub::take(&db).unwrap();
        let refused = OnlyHub::take(&db).err().unwrap().to_string();
        assert!(refused.contains("another hub is running"), "{refused}");
        drop(first);
        assert!(OnlyHub::take(&db).is_ok());
    }
}
