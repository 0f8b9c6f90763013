//! The limit of open files that children begin with: what this process was given, not what it has raised it to.
//!
//! A program that still uses `select` breaks with descriptors above 1,023, and some close every number up to the limit
//! before they start another one. So those that want more raise their own limit, and start others with the old one.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft limit of this process before it raised it. Of the process like the limit itself, hence a static.
static GIVEN: OnceLock<u64> = OnceLock::new();

/// From now on, what is started begins with this soft limit of open files: to be called by a program that has raised its
/// own. The first call counts.
pub fn give_children_descriptors(soft: u64) {
    let _ = GIVEN.set(soft);
}

/// What [`give_children_descriptors`] was told; `None`: what this process has.
pub(super) fn given() -> Option<u64> {
    GIVEN.get().copied()
}

/// Gives a program that is started without [`super::hold`] the soft limit of [`give_children_descriptors`].
pub fn with_given_descriptors(command: &mut Command) -> &mut Command {
    let Some(soft) = given() else {
        return command;
    };
    #[expect(
        unsafe_code,
        reason = "std can set no limit between fork and exec by itself"
    )]
    // SAFETY: two system calls, and nothing is allocated.
    unsafe {
        command.pre_exec(move || limit(soft))
    }
}

/// Sets the soft limit of this process, and no more than its hard one.
///
/// # Errors
/// What the kernel says.
pub(super) fn limit(soft: u64) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(most), most)?;
    Ok(())
}
