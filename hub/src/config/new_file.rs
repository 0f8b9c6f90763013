//! Writing a new configuration file: private, as it will hold passwords, and never half.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Why a new file was not written.
#[derive(Debug, thiserror::Error)]
pub enum NewFileError {
    /// There is one.
    #[error("{0} is there already; add -y to replace it, or name another file with -f")]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Writes [`super::show::template`] to `path`.
///
/// # Errors
/// When there is a file that may not be replaced, and when it cannot be written.
pub fn write_template(path: &Path, overwrite: bool) -> Result<(), NewFileError> {
    if !overwrite && path.exists() {
        return Err(NewFileError::Exists(path.to_owned()));
    }
    write_private(path, &super::show::template()).map_err(|source| NewFileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that only its owner can read, whole or not at all; replaces one that is there.
///
/// # Errors
/// When it cannot be written; then nothing is left of it.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_file_is_private_and_an_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        write_template(&path, false).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "mine").unwrap();
        let error = write_template(&path, false).unwrap_err().to_string();
        assert!(error.ends_with(
            "hub.toml is there already; add -y to replace it, or name another file with -f"
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        write_template(&path, true).unwrap();
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("[JupyterHub]")
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_template(Path::new("/nowhere/hub.toml"), true).is_err());
    }
}
