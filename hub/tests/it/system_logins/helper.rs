//! The process that talks to PAM, as others on this machine see it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::scene::{eventually, launcher};

/// Debian's `nobody`.
const NOBODY: u32 = 65534;

/// The helper as somebody who is not root: as root, nothing shows whether a process may be dumped. `folder` is for a hub that
/// everybody can run.
fn command(folder: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new(launcher());
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).unwrap();
    let program = folder.join("hub");
    if std::fs::hard_link(launcher(), &program).is_err() {
        std::fs::copy(launcher(), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// What holds a password leaves no file with it, and is not for other processes of its user to look into.
#[tokio::test]
async fn the_process_that_is_told_passwords_cannot_be_dumped() {
    let folder = tempfile::tempdir().unwrap();
    let mut helper = command(folder.path())
        .arg("pam")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let proc = Path::new("/proc").join(helper.id().to_string());
    // What is below /proc/PID belongs to root when the process may not be dumped: proc_pid(5).
    eventually("it may not be dumped", async || {
        let owner = std::fs::metadata(proc.join("environ")).unwrap().uid();
        (owner == 0).then_some(())
    })
    .await;
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(core, ["0", "0"]);
    drop(helper.stdin.take());
    helper.wait().unwrap();
}
