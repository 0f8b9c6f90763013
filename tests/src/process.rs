//! One started program, its log and its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::eventually_some;

/// A program that a test started. It leads its own process group, which is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Its exit status.
    pub status: ExitStatus,
    /// Everything it wrote on stdout and stderr.
    pub output: String,
}

impl Process {
    /// Starts `command` with stdout and stderr in the file `log`.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log folder is writable");
        let child = {
            use std::os::unix::process::CommandExt as _;
            command
                .stdin(Stdio::null())
                .stdout(file.try_clone().expect("a file can be shared"))
                .stderr(file)
                .process_group(0)
                .spawn()
                .unwrap_or_else(|error| panic!("{name} did not start: {error} ({command:?})"))
        };
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far (of all runs that share its log).
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal to this process alone, not to its group.
    pub fn signal(&self, signal: Signal) {
        // A process that has just ended is fine: what is waited for afterwards decides.
        let _ = kill(self.pid(), signal);
    }

    /// The exit status when it has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it is still running after `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Exit {
        let what = format!("the end of {}", self.name);
        let status = eventually_some(timeout, &what, async || self.try_wait()).await;
        Exit {
            status,
            output: self.output(),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.try_wait().is_none() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
