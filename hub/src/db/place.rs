//! Whether the files of a database are still where they were opened. One that was deleted or moved away could be written to
//! as before, and everything that was acknowledged would be lost with the process; one that took its place would be read
//! beside it. So nothing is read or written until the file is back; whether another is to be used is for whoever runs the hub
//! to say, by starting it again.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Device and inode: the same file has the same ones, however it is called.
type Identity = (u64, u64);

/// The files that were opened.
#[derive(Debug)]
pub(super) struct Place {
    files: Vec<(PathBuf, Identity)>,
    away: AtomicBool,
}

impl Place {
    /// Remembers what is there now: the database, and what SQLite keeps beside it while it is open.
    pub(super) fn of(database: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = OsString::from(database);
            name.push(ending);
            PathBuf::from(name)
        };
        let files = [database.to_owned(), beside("-wal"), beside("-shm")];
        Self {
            files: files
                .into_iter()
                .filter_map(|file| identity(&file).map(|identity| (file, identity)))
                .collect(),
            away: AtomicBool::new(false),
        }
    }

    /// Looks whether all are in their places; says once that one is not, and once that it is back.
    pub(super) fn is_kept(&self) -> bool {
        let moved = self.files.iter().find_map(|(file, identity_then)| {
            let identity_now = identity(file);
            (identity_now != Some(*identity_then)).then_some((file, identity_now))
        });
        let Some((file, now)) = moved else {
            if self.away.swap(false, Ordering::SeqCst) {
                tracing::info!("the database's files are in their places again");
            }
            return true;
        };
        if !self.away.swap(true, Ordering::SeqCst) {
            let what = match now {
                None => "is gone from its place: move it back",
                Some(_) => "was replaced by another file: move the old one back",
            };
            tracing::error!(
                "{} {what}, or stop the hub, restore a backup (without -wal and -shm beside it) and start the hub again; \
                 until then nothing is read or written",
                file.display()
            );
        }
        false
    }
}

fn identity(file: &Path) -> Option<Identity> {
    let data = std::fs::metadata(file).ok()?;
    Some((data.dev(), data.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("db"), folder.path().join("elsewhere"));
        for name in ["db", "db-wal"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let place = Place::of(&file);
        assert!(place.is_kept());
        // What is written does not matter, and what was not there is not asked for.
        std::fs::write(&file, "more").unwrap();
        std::fs::write(folder.path().join("db-shm"), "new").unwrap();
        assert!(place.is_kept());
        std::fs::rename(&file, &other).unwrap();
        assert!(!place.is_kept(), "it is gone");
        std::fs::copy(&other, &file).unwrap();
        assert!(!place.is_kept(), "it is another one");
        std::fs::rename(&other, &file).unwrap();
        assert!(place.is_kept(), "it is back");
        std::fs::remove_file(folder.path().join("db-wal")).unwrap();
        assert!(!place.is_kept(), "its journal is gone");
    }
}
