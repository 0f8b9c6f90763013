//! Names of the files that servers write their output to.

use std::io;
use std::path::{Path, PathBuf};

use hub_types::names::escape;
use sha2::{Digest as _, Sha256};

use crate::domain::server::ServerRef;

/// Longest file name without its ending, in bytes; file systems take 255.
const LONGEST: usize = 200;

/// The output file of a server: `user-NAME.log`, `user-NAME+SERVER.log`. Different servers have different files.
#[must_use]
pub(super) fn log_file(folder: &Path, server: &ServerRef) -> PathBuf {
    let user = escape(server.user.as_str());
    let mut name = match server.name.is_default() {
        true => format!("user-{user}"),
        // Names are escaped, so a plus sign in one of them is `%2B`.
        false => format!("user-{user}+{}", escape(server.name.as_str())),
    };
    if name.len() > LONGEST {
        let digest = hex::encode(Sha256::digest(name.as_bytes()));
        name.truncate(LONGEST - digest.len() - 1);
        name = format!("{name}+{digest}");
    }
    folder.join(format!("{name}.log"))
}

/// Where the output of the run before goes.
#[must_use]
pub(super) fn previous(file: &Path) -> PathBuf {
    file.with_extension("log.1")
}

/// Gives an output file, if it is there, another name.
pub(super) fn rename(old: &Path, new: &Path) -> io::Result<()> {
    match std::fs::rename(old, new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};

    use super::*;

    #[test]
    fn every_server_has_its_own_file_inside_the_folder() {
        let long = "x".repeat(255);
        let (ab, abc) = (format!("{long}a"), format!("{long}b"));
        let pairs = [
            ("a", ""),
            ("a", "b"),
            ("a+b", ""),
            ("../x", ""),
            ("..", ""),
            (ab.as_str(), ""),
            (abc.as_str(), ""),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (user, name) in pairs {
            let server = ServerRef::new(Username::stored(user), ServerName::stored(name));
            let file = log_file(Path::new("/logs"), &server);
            assert_eq!(file.parent(), Some(Path::new("/logs")), "{file:?}");
            assert!(file.file_name().unwrap().len() < 255);
            assert!(seen.insert(previous(&file)) && seen.insert(file));
        }
    }
}
