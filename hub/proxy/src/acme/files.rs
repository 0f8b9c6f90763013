//! The files of accounts and certificates: for us alone, replaced as a whole.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Makes a folder that only we can enter, unless there is one.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error)
            .with_context(|| format!("--acme-folder: cannot make the folder {}", path.display())),
        _ => Ok(()),
    }
}

/// Takes the lock; the kernel frees it when the process ends, however it ends.
pub(crate) fn lock(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("--acme-folder: cannot open {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "--acme-folder: {} is locked by another proxy; give each its own folder, or one of them the other's \
             certificate.pem as --ssl-cert",
            path.display()
        );
    }
    Ok(file)
}

/// What `path` holds; `None` when it does not exist.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes `path` anew, mode 0600; readers see the old text or the new one, also after a power failure.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // What an earlier process left behind.
    let _ = std::fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a");
        make_folder(&place).unwrap();
        make_folder(&place).unwrap();
        let path = place.join("x");
        assert_eq!(read(&path).unwrap(), None);
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), text);
        }
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&path)), (0o700, 0o600));
        let held = lock(&place.join("lock")).unwrap();
        let told = lock(&place.join("lock")).unwrap_err().to_string();
        assert!(told.contains("another proxy"), "{told}");
        drop(held);
        lock(&place.join("lock")).unwrap();
        assert!(make_folder(&folder.path().join("b/c")).is_err());
    }
}
