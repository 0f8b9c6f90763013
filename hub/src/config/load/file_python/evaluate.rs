//! Runs `python3` on a configuration file, with a limit on its time and on what it says.

use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use services::process::with_given_descriptors;

use crate::config::problem::{ConfigError, Place};

/// The program that records what the file sets.
const SHIM: &str = include_str!("shim.py");

/// What the program says on standard error when nothing more comes: what the file has started may hold it open.
const DONE: &[u8] = b"\0jupyterhub_config.py was evaluated\0";

/// How long what was printed may take to arrive once Python has ended.
const PRINTED: Duration = Duration::from_secs(20);

/// How much later than we Python ends itself, in seconds, should the hub be gone by then.
const ALONE: u64 = 5;

/// What a configuration file may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::config::load) struct Limits {
    /// How long it may run.
    pub(in crate::config::load) time: Duration,
    /// How long the answer may be, in bytes.
    pub(in crate::config::load) answer: u64,
    /// How much of what it prints is kept, in bytes.
    pub(in crate::config::load) printed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            answer: 16 << 20,
            printed: 64 << 10,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(in crate::config::load) struct Evaluated {
    /// The answer, as JSON.
    pub(in crate::config::load) answer: Vec<u8>,
    /// What the file printed, and what Python said: at most as much as is allowed.
    pub(in crate::config::load) printed: String,
}

/// Runs the file in `folder`, with the environment of this process.
///
/// # Errors
/// When there is no `python3`, when it takes too long, says too much or dies.
pub(in crate::config::load) fn evaluate(
    file: &Path,
    folder: &Path,
    limits: Limits,
) -> Result<Evaluated, ConfigError> {
    let place = Place::File(file.into());
    let fail = |message: String| ConfigError::one(&place, message);
    let mut command = Command::new("python3");
    command
        .args(["-B", "-c", SHIM])
        .arg(folder.join(file))
        .arg((limits.time.as_secs() + ALONE).to_string())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = with_given_descriptors(&mut command)
        .spawn()
        .map_err(|error| {
            fail(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "is Python, and there is no python3 on the PATH: install it, or write \
                                                 the settings to hub.toml"
                        .to_owned()
                }
                _ => format!("python3 cannot be started: {error}"),
            })
        })?;
    Run { child, limits }.finish().map_err(fail)
}

/// A Python that runs.
struct Run {
    child: Child,
    limits: Limits,
}

impl Run {
    fn finish(mut self) -> Result<Evaluated, String> {
        let answer = gather(self.child.stdout.take(), self.limits.answer + 1, &[]);
        let printed = gather(self.child.stderr.take(), self.limits.printed, DONE);
        let result = answer.recv_timeout(self.limits.time);
        if result.is_err() || result.as_ref().is_ok_and(|bytes| self.too_long(bytes)) {
            self.kill();
        }
        let status = self
            .child
            .wait()
            .map_err(|error| format!("python3 was lost: {error}"))?;
        let printed = printed.recv_timeout(PRINTED).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        match result {
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "takes longer than {} s to evaluate, and was stopped",
                self.limits.time.as_secs_f32()
            )),
            Ok(answer) if self.too_long(&answer) => {
                Err("sets more than a hub can be told: 16 MiB".to_owned())
            }
            Ok(answer) if !answer.is_empty() && status.success() => {
                Ok(Evaluated { answer, printed })
            }
            _ => Err(died(status, &printed)),
        }
    }

    fn too_long(&self, answer: &[u8]) -> bool {
        u64::try_from(answer.len()).is_ok_and(|length| length > self.limits.answer)
    }

    /// Ends Python and what it started.
    fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // It may have ended by itself.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

/// Reads at most `limit` bytes on a thread of its own, to the end or to the mark `end`. What follows is read and dropped,
/// so that nobody waits for us.
fn gather(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
    end: &'static [u8],
) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        // Nobody waits any more when this fails.
        let _ = sender.send(take(
            &mut pipe,
            usize::try_from(limit).unwrap_or(usize::MAX),
            end,
        ));
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
    receiver
}

fn take(pipe: &mut impl Read, limit: usize, end: &[u8]) -> Vec<u8> {
    let (mut kept, mut tail, mut chunk) = (Vec::new(), Vec::new(), [0; 8192]);
    // What was read before an error counts.
    while let Ok(length @ 1..) = pipe.read(&mut chunk) {
        let room = limit.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&chunk[..room]);
        if end.is_empty() {
            if kept.len() == limit {
                break;
            }
            continue;
        }
        tail.extend_from_slice(&chunk[..length]);
        if tail.ends_with(end) {
            break;
        }
        tail.drain(..tail.len().saturating_sub(end.len()));
    }
    if !end.is_empty() && kept.ends_with(end) {
        kept.truncate(kept.len() - end.len());
    }
    kept
}

/// Why there is no answer, with the last line that Python said.
fn died(status: ExitStatus, printed: &str) -> String {
    let how = match (status.code(), status.signal()) {
        (_, Some(signal)) => format!("signal {signal}"),
        (Some(code), _) => format!("code {code}"),
        _ => "an unknown end".to_owned(),
    };
    let last = printed.lines().rev().find(|line| !line.trim().is_empty());
    let last: String = last.unwrap_or_default().chars().take(300).collect();
    format!("python3 ended with {how} before it was done {last}")
        .trim_end()
        .to_owned()
}
