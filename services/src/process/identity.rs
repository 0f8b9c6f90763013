//! Becoming another system user, completely or not at all.

use std::collections::BTreeSet;

use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

use super::failure::Failure;
use super::plan::RunAs;

/// Gives up the present identity for `wanted`: groups first (they need the privilege that goes last), then checks that
/// the result is exact. Kernel capabilities go with the last root id (capabilities(7)).
///
/// Somebody who already has exactly this identity keeps it without needing any privilege.
///
/// # Errors
/// [`Failure::Identity`] with the step that failed; the process must not go on then.
pub(super) fn become_user(wanted: &RunAs) -> Result<(), Failure> {
    let failed = |step: &str, why: &str| Failure::Identity {
        uid: wanted.uid,
        step: step.to_owned(),
        why: why.to_owned(),
    };
    if mismatch(wanted).is_none() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    let groups: Vec<Gid> = wanted.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(|e| failed("setgroups", e.desc()))?;
    setresgid(gid, gid, gid).map_err(|e| failed("setresgid", e.desc()))?;
    setresuid(uid, uid, uid).map_err(|e| failed("setresuid", e.desc()))?;
    match mismatch(wanted) {
        Some(what) => Err(failed("check", &format!("{what} did not change"))),
        None => Ok(()),
    }
}

/// What of the present identity differs from `wanted`.
fn mismatch(wanted: &RunAs) -> Option<&'static str> {
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    let Ok(users) = getresuid() else {
        return Some("user id");
    };
    if [users.real, users.effective, users.saved] != [uid; 3] {
        return Some("user id");
    }
    let Ok(groups) = getresgid() else {
        return Some("group id");
    };
    if [groups.real, groups.effective, groups.saved] != [gid; 3] {
        return Some("group id");
    }
    let Ok(have) = getgroups() else {
        return Some("supplementary groups");
    };
    let have: BTreeSet<u32> = have.into_iter().map(Gid::as_raw).collect();
    let want: BTreeSet<u32> = wanted.groups.iter().copied().collect();
    (have != want).then_some("supplementary groups")
}
