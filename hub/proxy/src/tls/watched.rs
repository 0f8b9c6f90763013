//! Something made from files that is made again when they change. What is in use stays when the new files are bad.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::tls::files::BadFiles;

/// Device, inode, size and times of a file: different after any change.
type Stamp = Vec<Option<[i64; 6]>>;

/// What was found at the last look.
#[derive(Default)]
struct Seen {
    /// `None` when the files could not be read: then the next look tries again, changed or not.
    stamp: Option<Stamp>,
    /// The last complaint.
    told: String,
}

/// Makes the value from the files.
type Make<T> = Box<dyn Fn() -> anyhow::Result<T> + Send + Sync>;

/// A value made from files.
pub(crate) struct Watched<T> {
    current: ArcSwap<T>,
    files: Vec<PathBuf>,
    seen: Mutex<Seen>,
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
        let seen = Seen {
            stamp: Some(stamp(&files)),
            ..Seen::default()
        };
        Ok(Self {
            current: ArcSwap::from_pointee(make()?),
            files,
            seen: Mutex::new(seen),
            make: Box::new(make),
        })
    }

    /// The value as it is now.
    pub(crate) fn get(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Makes the value anew if a file has changed, or if `anyway`.
    pub(crate) fn refresh(&self, anyway: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Some(stamp(&self.files));
        if seen.stamp == now && !anyway {
            return;
        }
        // Remembered before reading: a change while we read is seen the next time.
        seen.stamp = now;
        match (self.make)() {
            Ok(value) => {
                self.current.store(Arc::new(value));
                seen.told.clear();
                tracing::info!("read again: {}", self.names());
            }
            Err(error) => {
                if could_not_read(&error) {
                    seen.stamp = None;
                }
                let told = format!("{error:#}");
                if told != seen.told || anyway {
                    tracing::error!("going on with the old certificates: {told}");
                    seen.told = told;
                }
            }
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

/// Whether the files may be good, but could not be read just now (as when no file descriptor is free).
fn could_not_read(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<std::io::Error>() || matches!(cause.downcast_ref(), Some(BadFiles::Read(..)))
    })
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

    #[test]
    fn files_that_cannot_be_read_are_tried_again() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, "1").unwrap();
        let out_of_descriptors = Arc::new(AtomicBool::new(false));
        let (read, out) = (path.clone(), out_of_descriptors.clone());
        let make = move || {
            if out.load(Ordering::Relaxed) {
                let error = std::io::Error::from_raw_os_error(24);
                return Err(BadFiles::Read(read.clone(), error).into());
            }
            Ok(std::fs::read_to_string(&read)?.parse::<u32>()?)
        };
        let watched = Watched::new(vec![path.clone()], make).unwrap();
        out_of_descriptors.store(true, Ordering::Relaxed);
        std::fs::write(&path, "22").unwrap();
        watched.refresh(false);
        assert_eq!(*watched.get(), 1);
        out_of_descriptors.store(false, Ordering::Relaxed);
        watched.refresh(false);
        assert_eq!(*watched.get(), 22);
    }
}
