//! Files of the database: nobody else can read them, from the moment they exist.

use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use super::DbError;

/// Creates the database file readable by its owner only, before SQLite would with the process's umask. SQLite gives
/// its `-wal` and `-shm` files the mode of the main file.
pub(super) fn create(path: &Path) -> Result<(), DbError> {
    let fail = |why: String| DbError::File {
        path: path.to_owned(),
        why,
    };
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let data = std::fs::symlink_metadata(path).map_err(|error| fail(error.to_string()))?;
            if data.file_type().is_symlink() {
                return Err(fail(
                    "it is a symbolic link; name the file itself in db_url".into(),
                ));
            }
            if data.mode() & 0o077 != 0 {
                let private = Permissions::from_mode(data.mode() & 0o700);
                std::fs::set_permissions(path, private).map_err(|error| {
                    fail(format!(
                        "others can read it, and it cannot be made private: {error}"
                    ))
                })?;
            }
            // SQLite would open it for reading, and fail at the first write.
            faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS).map_err(|errno| {
                fail(format!(
                    "it cannot be written ({}); give it to the user of the hub (chown, chmod u+w), or see why its file \
                     system is read-only",
                    errno.desc()
                ))
            })
        }
        Err(error) => Err(fail(format!(
            "{error}; check that the folder exists and may be written"
        ))),
    }
}
