//! The launcher's side: wait for the word, then become the program.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stdin, execve, geteuid, setsid};

use super::control::{EXEC, GO, HELD};
use super::failure::Failure;
use super::plan::LaunchPlan;
use super::{descriptors, identity, inherited, program};

/// Longest plan that is accepted, in bytes; far above what the kernel takes as arguments and environment.
const MAX_PLAN: u64 = 8 << 20;

/// The subcommand by which a program that is to be a launcher calls [`launcher_main`].
pub const LAUNCH: &str = "launch";

/// Runs the launcher: the whole of the hub's hidden subcommand `launch`. Must be called before any thread is started.
///
/// It is started by [`super::hold`], with a socket as standard input. Returns only when the program did not run.
#[must_use]
pub fn launcher_main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(64)
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the launcher has nobody else to tell: it is started by hand, or its socket is broken"
)]
fn complain(error: &io::Error) {
    eprintln!(
        "launch: {error}. This subcommand is started by the hub itself and does nothing when called by hand."
    );
}

fn run() -> io::Result<ExitCode> {
    let mut hub = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    hub.peer_addr()?;
    dup2_stdin(File::open("/dev/null")?)?;
    setsid()?;
    let mut lines = BufReader::new(hub.try_clone()?.take(MAX_PLAN));
    let plan: LaunchPlan = serde_json::from_str(&read_line(&mut lines)?)?;
    writeln!(hub, "{HELD}")?;
    if read_line(&mut lines)? != GO {
        // The hub is gone, or changed its mind: nothing was started, nothing is left.
        return Ok(ExitCode::SUCCESS);
    }
    let Err(failure) = become_program(&plan, &mut hub);
    serde_json::to_writer(&hub, &failure)?;
    Ok(ExitCode::from(126))
}

/// The next line without its end; empty when the socket is closed.
fn read_line(lines: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    Ok(line.trim_end_matches('\n').to_owned())
}

fn become_program(
    plan: &LaunchPlan,
    hub: &mut UnixStream,
) -> Result<std::convert::Infallible, Failure> {
    let name = plan.argv.first().ok_or(Failure::EmptyCommand)?;
    let argv = strings("argument", plan.argv.iter().cloned())?;
    let env = environment(plan)?;
    if let Some(mask) = plan.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if let Some(wanted) = &plan.run_as {
        identity::become_user(wanted)?;
    }
    if let Some(cwd) = &plan.cwd {
        enter(cwd)?;
    }
    let file = program::resolve(name, plan.env.get("PATH").map(String::as_str))?;
    inherited::close_others_on_exec().map_err(|e| setup("close descriptors", &e))?;
    inherited::reset_signals().map_err(|e| setup("reset signals", &e))?;
    if let Some(soft) = plan.descriptors {
        descriptors::limit(soft).map_err(|e| setup("limit open files", &e))?;
    }
    writeln!(hub, "{EXEC}").map_err(|e| setup("tell the hub", &e))?;
    let path = strings("program", [file.as_os_str().as_bytes().to_vec()])?;
    let Err(error) = execve(&path[0], &argv, &env);
    Err(exec_failure(&file, error))
}

fn environment(plan: &LaunchPlan) -> Result<Vec<CString>, Failure> {
    if let Some(name) = plan
        .env
        .keys()
        .find(|name| name.is_empty() || name.contains('='))
    {
        return Err(Failure::BadString {
            what: format!("variable {name:?}"),
        });
    }
    let pairs = plan
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    strings("environment variable", pairs)
}

/// Values stay out of the message: they may be secrets.
fn strings<T: Into<Vec<u8>>>(
    what: &str,
    texts: impl IntoIterator<Item = T>,
) -> Result<Vec<CString>, Failure> {
    texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| {
            CString::new(text).map_err(|_| Failure::BadString {
                what: format!("{what} number {}", index + 1),
            })
        })
        .collect()
}

fn enter(cwd: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(cwd).map_err(|error| Failure::Cwd {
        path: cwd.to_owned(),
        uid: geteuid().as_raw(),
        why: error.to_string(),
    })
}

fn setup(step: &str, error: &io::Error) -> Failure {
    Failure::Setup {
        step: step.to_owned(),
        why: error.to_string(),
    }
}

fn exec_failure(file: &Path, error: Errno) -> Failure {
    let program = file.display().to_string();
    match error {
        Errno::EACCES => Failure::NotExecutable {
            program,
            uid: geteuid().as_raw(),
        },
        Errno::ENOEXEC => Failure::NotAProgram { program },
        Errno::ENOENT => Failure::Exec {
            program,
            why: "the interpreter or loader that it names does not exist; correct its first line or reinstall it"
                .to_owned(),
        },
        Errno::E2BIG => Failure::Exec {
            program,
            why: "its arguments and environment are too large for the system".to_owned(),
        },
        other => Failure::Exec {
            program,
            why: other.desc().to_owned(),
        },
    }
}
