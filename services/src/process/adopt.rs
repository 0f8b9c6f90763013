//! Processes started by an earlier run of the hub.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::held::Exit;
use super::record::{Liveness, ProcessRecord, poll};

/// How often a process is looked at where the kernel cannot report its end.
const POLL: Duration = Duration::from_millis(500);

/// A running process that is not our child, known by its record.
#[derive(Debug)]
pub struct Adopted {
    record: ProcessRecord,
    pidfd: Option<OwnedFd>,
}

/// Finds a recorded process again. `None` when it is gone, or its id belongs to another process.
#[must_use]
pub fn adopt(record: &ProcessRecord) -> Option<Adopted> {
    // Opened first, checked afterwards: what the descriptor means cannot change any more.
    let pidfd = pidfd_open(record.pid).ok();
    let pidfd = match record.stat() {
        Ok(stat) => {
            stat.filter(|stat| stat.is_alive())?;
            pidfd
        }
        // Not checked: the descriptor may be of another process. The record is looked at again and again instead.
        Err(_) => None,
    };
    Some(Adopted {
        record: record.clone(),
        pidfd,
    })
}

impl Adopted {
    /// The identity of the process.
    #[must_use]
    pub fn record(&self) -> &ProcessRecord {
        &self.record
    }

    /// Waits until the process ends. Its exit code went to whoever started it. May be called again, and dropped half-way.
    pub async fn wait(&mut self) -> Exit {
        if let Some(pidfd) = self.pidfd.as_ref().and_then(|fd| fd.try_clone().ok())
            && let Ok(pidfd) = watch(pidfd)
        {
            // A process descriptor becomes readable when the process ends (pidfd_open(2)).
            let _ = pidfd.readable().await;
        }
        loop {
            match poll(&self.record) {
                Liveness::Exited(code) => return Exit { code, signal: None },
                Liveness::Alive => tokio::time::sleep(POLL).await,
            }
        }
    }
}

/// Waits until a child of this process has ended, and leaves it for [`Child::wait`](tokio::process::Child::wait): until
/// then its number is still its own, and its group can be ended without hitting others. May be dropped half-way.
pub async fn child_ended(pid: u32) {
    // What cannot be looked at, for want of descriptors, say, has not ended for that.
    let record = loop {
        match ProcessRecord::find(pid) {
            Ok(Some(record)) => break record,
            // Somebody has waited for it.
            Ok(None) => return,
            Err(_) => tokio::time::sleep(POLL).await,
        }
    };
    if let Some(mut child) = adopt(&record) {
        child.wait().await;
    }
}

#[expect(
    unsafe_code,
    reason = "tokio cannot see that the descriptor stays open as long as it is watched"
)]
fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, and handed over whole.
    let watched = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    Ok(watched?)
}

#[expect(unsafe_code, reason = "pidfd_open has no safe binding")]
fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers; a result that is not negative is a new descriptor that nobody else owns
    // (close-on-exec by definition).
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}
