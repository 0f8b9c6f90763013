//! The hub's side of a start: hold, commit, release.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::control::{EXEC, GO, HELD};
use super::failure::{Failure, LaunchError};
use super::launcher::LAUNCH;
use super::output;
use super::plan::LaunchPlan;
use super::record::ProcessRecord;
use super::stop::signal_group;

/// How long the launcher may take to answer, and then to become the program.
const PATIENCE: Duration = Duration::from_secs(30);

/// A launcher that waits. Dropped, it goes away without running anything; so it does when the hub dies.
#[derive(Debug)]
pub struct Held {
    child: Child,
    hub: BufReader<UnixStream>,
    record: ProcessRecord,
    launcher: PathBuf,
}

/// Starts `<launcher> launch` in a session of its own and hands it the plan.
///
/// The launcher gets no environment, an empty standard input and the plan's output file; nothing secret is in its
/// arguments. Needs a tokio runtime with IO enabled.
///
/// # Errors
/// [`LaunchError`]; nothing is left running then.
pub async fn hold(launcher: &Path, plan: &LaunchPlan) -> Result<Held, LaunchError> {
    if plan.argv.is_empty() {
        return Err(Failure::EmptyCommand.into());
    }
    let output = output::open(&plan.output)?;
    let broken = |source| LaunchError::Launcher {
        path: launcher.to_owned(),
        source,
    };
    let (child, hub) = start(launcher, output).map_err(broken)?;
    let mut hub = BufReader::new(hub);
    let mut message = serde_json::to_vec(plan).map_err(|e| broken(e.into()))?;
    message.push(b'\n');
    // A launcher that does not know the protocol may close its end: what it answers decides, not whether it listened.
    let mut line = String::new();
    let talk = async {
        hub.get_mut().write_all(&message).await?;
        hub.read_line(&mut line).await
    };
    let answer = timeout(PATIENCE, talk).await;
    if !matches!(answer, Ok(Ok(_))) || line.trim_end() != HELD {
        return Err(LaunchError::LauncherDied {
            path: launcher.to_owned(),
        });
    }
    let pid = child.id().unwrap_or_default();
    let mut record =
        ProcessRecord::read(pid).map_err(|source| LaunchError::Inspect { pid, source })?;
    record.mark = plan.mark();
    Ok(Held {
        child,
        hub,
        record,
        launcher: launcher.to_owned(),
    })
}

fn start(launcher: &Path, output: std::fs::File) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let hub = UnixStream::from_std(ours)?;
    let child = Command::new(launcher)
        .arg(LAUNCH)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(output))
        .spawn()?;
    Ok((child, hub))
}

impl Held {
    /// What to commit before [`Held::release`].
    #[must_use]
    pub fn record(&self) -> &ProcessRecord {
        &self.record
    }

    /// Lets the launcher become the program.
    ///
    /// # Errors
    /// [`LaunchError`]; nothing is left running then.
    pub async fn release(mut self) -> Result<Running, LaunchError> {
        let mut reply = String::new();
        let talk = async {
            self.hub
                .get_mut()
                .write_all(format!("{GO}\n").as_bytes())
                .await?;
            self.hub.read_to_string(&mut reply).await
        };
        if timeout(PATIENCE, talk).await.is_err() {
            signal_group(&self.record, Signal::SIGKILL);
            return Err(LaunchError::Timeout {
                seconds: PATIENCE.as_secs(),
            });
        }
        let (exec, failure) = match reply.strip_prefix(EXEC) {
            Some(rest) => (true, rest.trim()),
            None => (false, reply.trim()),
        };
        if exec && failure.is_empty() {
            return Ok(Running {
                child: self.child,
                record: self.record,
            });
        }
        // The launcher ends by itself now; waiting for it leaves no zombie.
        let _ = timeout(PATIENCE, self.child.wait()).await;
        match serde_json::from_str::<Failure>(failure) {
            Ok(failure) => Err(failure.into()),
            Err(_) => Err(LaunchError::LauncherDied {
                path: self.launcher,
            }),
        }
    }
}

/// A program that this process started. Dropping it does not end the program.
#[derive(Debug)]
pub struct Running {
    child: Child,
    record: ProcessRecord,
}

impl Running {
    /// The identity of the process.
    #[must_use]
    pub fn record(&self) -> &ProcessRecord {
        &self.record
    }

    /// Waits until the process ends. May be called again, and dropped half-way.
    pub async fn wait(&mut self) -> Exit {
        match self.child.wait().await {
            Ok(status) => status.into(),
            Err(error) => {
                tracing::warn!(pid = self.record.pid, %error, "cannot wait for process");
                Exit::default()
            }
        }
    }
}

/// How a process ended. Both unknown when it was not our child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exit {
    /// The exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: status.code(),
            signal: status.signal(),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(number)) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "ended by {signal}"),
                Err(_) => write!(f, "ended by signal {number}"),
            },
            (None, None) => f.write_str("ended, exit code unknown"),
        }
    }
}
