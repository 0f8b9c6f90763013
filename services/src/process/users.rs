//! System users, looked up before anything is started (a look-up may ask a directory server and must not happen between
//! fork and exec).

use std::ffi::CString;
use std::path::PathBuf;

use nix::unistd::{User, getgrouplist};

use super::plan::RunAs;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUser {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All groups, the primary one included.
    pub groups: Vec<u32>,
    /// Home folder; empty when none is recorded.
    pub home: PathBuf,
    /// Login shell; empty when none is recorded.
    pub shell: PathBuf,
}

impl SystemUser {
    /// The identity to run as.
    #[must_use]
    pub fn run_as(&self) -> RunAs {
        RunAs {
            uid: self.uid,
            gid: self.gid,
            groups: self.groups.clone(),
        }
    }
}

/// Why a system user was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The machine knows no such user.
    #[error(
        "system user {0:?} does not exist on this machine; create it (useradd), or choose a user or a spawner that needs none"
    )]
    Unknown(String),
    /// The user database could not be asked.
    #[error("cannot look up system user {name:?}: {why}")]
    Lookup {
        /// The user.
        name: String,
        /// The system's reason.
        why: String,
    },
}

/// Looks up a user and all its groups. Blocks: the answer may come from a directory server.
///
/// # Errors
/// [`UserError`].
pub fn lookup(name: &str) -> Result<SystemUser, UserError> {
    let failed = |why: nix::Error| UserError::Lookup {
        name: name.to_owned(),
        why: why.desc().to_owned(),
    };
    let login = CString::new(name).map_err(|_| UserError::Unknown(name.to_owned()))?;
    let user = User::from_name(name)
        .map_err(failed)?
        .ok_or_else(|| UserError::Unknown(name.to_owned()))?;
    let mut groups: Vec<u32> = getgrouplist(&login, user.gid)
        .map_err(failed)?
        .into_iter()
        .map(nix::unistd::Gid::as_raw)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    Ok(SystemUser {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups,
        home: user.dir,
        shell: user.shell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        let root = lookup("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(
            lookup("no-such-user"),
            Err(UserError::Unknown("no-such-user".into()))
        );
        assert!(lookup("a\0b").is_err());
    }
}
