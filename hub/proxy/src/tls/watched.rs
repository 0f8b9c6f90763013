//! Something made from files that is made again when they change. What is in use stays when the new files are bad.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// Device, inode, size and times of a file: different after any change.
type Stamp = Vec<Option<[i64; 6]>>;

/// Makes the value from the files.
type Make<T> = Box<dyn Fn() -> anyhow::Result<T> + Send + Sync>;

/// A value made from files.
pub(crate) struct Watched<T> {
    current: ArcSwap<T>,
    files: Vec<PathBuf>,
    stamp: Mutex<Stamp>,
    make: Make<T>,
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl<T> Watched<T> {
    /// Makes the value for the first time.
    pub(crate) fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let stamp = stamp(&files);
        Ok(Self {
            current: ArcSwap::from_pointee(make()?),
            files,
            stamp: Mutex::new(stamp),
            make: Box::new(make),
        })
    }

    /// The value as it is now.
    pub(crate) fn get(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Makes the value anew if a file has changed, or if `anyway`.
    pub(crate) fn refresh(&self, anyway: bool) {
        let mut last = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.files);
        if *last == now && !anyway {
            return;
        }
        // Remembered before reading: a change while we read is seen the next time.
        *last = now;
        match (self.make)() {
            Ok(value) => {
                self.current.store(Arc::new(value));
                tracing::info!("read again: {}", self.names());
            }
            Err(error) => tracing::error!("going on with the old certificates: {error:#}"),
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        names.join(", ")
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let of = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some([
            meta.dev().cast_signed(),
            meta.ino().cast_signed(),
            meta.size().cast_signed(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime_nsec(),
        ])
    };
    files.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_files_leave_the_old_value_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, "1").unwrap();
        let read = {
            let path = path.clone();
            move || Ok(std::fs::read_to_string(&path)?.parse::<u32>()?)
        };
        let watched = Watched::new(vec![path.clone()], read).unwrap();
        for (text, expected) in [("22", 22), ("bad", 22), ("4444", 4444)] {
            std::fs::write(&path, text).unwrap();
            watched.refresh(false);
            assert_eq!(*watched.get(), expected);
        }
        std::fs::remove_file(&path).unwrap();
        watched.refresh(true);
        assert_eq!(*watched.get(), 4444);
    }
}
