//! The file that tells others our process id.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A file with our pid, removed when the hub ends.
pub(super) struct PidFile(PathBuf);

fn content() -> String {
    format!("{}\n", std::process::id())
}

impl PidFile {
    /// Writes the file; a new one can be read by the hub's user only. A symbolic link is refused: what it leads to would be
    /// overwritten.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(path: &Path) -> anyhow::Result<Self> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .and_then(|mut file| file.write_all(content().as_bytes()))
            .with_context(|| {
                format!(
                    "cannot write JupyterHub.pid_file {} (symbolic links are not followed)",
                    path.display()
                )
            })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It may be gone already, or another hub's by now; there is nobody left to be told.
        if std::fs::read_to_string(&self.0).is_ok_and(|found| found == content()) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn private_and_removed_only_while_it_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.pid");
        let ours = PidFile::write(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(ours);
        assert!(!path.exists());
        let ours = PidFile::write(&path).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        drop(ours);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(PidFile::write(&link).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
    }
}
