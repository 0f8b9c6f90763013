//! The cookie secret: 32 bytes that sign cookies and from which other keys are derived.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hub_types::env::{EnvSource, JPY_COOKIE_SECRET};
use hub_types::secret::{Token, random_bytes};
use sha2::{Digest as _, Sha256};

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or written.
    #[error("cannot use the cookie secret file {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// Neither hex nor long enough.
    #[error(
        "the cookie secret in {0} is not hex of at least 32 bytes; make one with: openssl rand -hex 32"
    )]
    Invalid(String),
}

/// The secret from, in this order, the configuration, `JPY_COOKIE_SECRET`, the file, or a new one in the file.
///
/// A secret of any length of at least 32 bytes is folded to 32 by SHA-256.
///
/// # Errors
/// When a given secret is malformed, or the file is not safe to use.
pub fn load(
    configured: Option<&Token>,
    env: &dyn EnvSource,
    file: &Path,
) -> Result<[u8; 32], SecretError> {
    if let Some(secret) = configured {
        return from_hex(secret.expose(), "JupyterHub.cookie_secret");
    }
    if let Some(secret) = env.get_nonempty(JPY_COOKIE_SECRET) {
        return from_hex(&secret, JPY_COOKIE_SECRET);
    }
    match create(file)? {
        Some(secret) => Ok(secret),
        None => from_hex(&read(file)?, &file.display().to_string()),
    }
}

fn from_hex(text: &str, source: &str) -> Result<[u8; 32], SecretError> {
    let bytes = hex::decode(text.trim()).map_err(|_| SecretError::Invalid(source.to_owned()))?;
    match bytes.len() {
        0..32 => Err(SecretError::Invalid(source.to_owned())),
        32 => bytes
            .try_into()
            .map_err(|_| SecretError::Invalid(source.to_owned())),
        _ => Ok(Sha256::digest(&bytes).into()),
    }
}

fn fail(path: &Path, why: impl Into<String>) -> SecretError {
    SecretError::File {
        path: path.to_owned(),
        why: why.into(),
    }
}

/// Creates the file, readable by its owner only from the first moment on; `None` when there is one already.
fn create(path: &Path) -> Result<Option<[u8; 32]>, SecretError> {
    let mut file = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => {
            return Err(fail(
                path,
                format!("{error}; check that the folder exists and may be written"),
            ));
        }
    };
    let secret = random_bytes::<32>();
    writeln!(file, "{}", hex::encode(secret))
        .and_then(|()| file.sync_all())
        .map_err(|error| fail(path, error.to_string()))?;
    Ok(Some(secret))
}

fn read(path: &Path) -> Result<String, SecretError> {
    let mut file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(|error| fail(path, format!("{error} (symbolic links are not followed)")))?;
    let data = file
        .metadata()
        .map_err(|error| fail(path, error.to_string()))?;
    if data.mode() & 0o077 != 0 {
        return Err(fail(
            path,
            format!("others can read it; run: chmod 600 {}", path.display()),
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|error| fail(path, error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn made_once_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let env = BTreeMap::new();
        let first = load(None, &env, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(None, &env, &file).unwrap(), first);
    }

    #[test]
    fn order_of_sources() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let env: BTreeMap<String, String> =
            [(JPY_COOKIE_SECRET.to_owned(), "bb".repeat(32))].into();
        assert_eq!(
            load(Some(&Token::from_config("aa".repeat(32))), &env, &file).unwrap(),
            [0xaa; 32]
        );
        assert_eq!(load(None, &env, &file).unwrap(), [0xbb; 32]);
        assert!(!file.exists());
        assert!(load(Some(&Token::from_config("zz")), &env, &file).is_err());
    }

    #[test]
    fn files_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        load(None, &BTreeMap::new(), &file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            load(None, &BTreeMap::new(), &file)
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(load(None, &BTreeMap::new(), &link).is_err());
    }
}
