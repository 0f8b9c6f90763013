//! Which file a command means.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

use super::failure::Failure;

/// Where commands are looked up when the environment has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Finds the file that `program` means for this process: itself when it contains a slash, else the first executable file
/// of that name in the folders of `path`.
///
/// Empty and relative folders in `path` are skipped: they would mean whatever the working folder happens to hold.
///
/// # Errors
/// [`Failure::NotFound`] or [`Failure::NotExecutable`].
pub fn resolve(program: &str, path: Option<&str>) -> Result<PathBuf, Failure> {
    let path = path.unwrap_or(DEFAULT_PATH);
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(program)]
    } else {
        path.split(':')
            .filter(|folder| folder.starts_with('/') && !program.is_empty())
            .map(|folder| Path::new(folder).join(program))
            .collect()
    };
    let mut refused = None;
    for file in candidates {
        if file.is_file() {
            if access(&file, AccessFlags::X_OK).is_ok() {
                return Ok(file);
            }
            refused.get_or_insert(file);
        }
    }
    Err(match refused {
        Some(file) => Failure::NotExecutable {
            program: file.display().to_string(),
            uid: geteuid().as_raw(),
        },
        None => Failure::NotFound {
            program: program.to_owned(),
            path: path.to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_on_the_given_path_only() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let folder = dir.path().to_str().unwrap();

        assert_eq!(resolve("sh", Some("/bin")), Ok(PathBuf::from("/bin/sh")));
        assert_eq!(resolve("sh", None).map(|p| p.is_absolute()), Ok(true));
        assert!(matches!(
            resolve("plain", Some(folder)),
            Err(Failure::NotExecutable { .. })
        ));
        for (program, path) in [
            ("nope", "/bin"),
            ("sh", ""),
            ("sh", "."),
            ("sh", folder),
            ("", "/bin"),
            ("/nope/sh", "/bin"),
        ] {
            assert!(
                matches!(resolve(program, Some(path)), Err(Failure::NotFound { .. })),
                "{program} on {path}"
            );
        }
    }
}
