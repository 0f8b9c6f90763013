//! The process that talks to PAM: the hub's own binary as `hub pam`, one for each question.
//!
//! PAM's modules are programs of others in our address space: they may hang, crash, fork, change the user, the limits or
//! the groups of the process. In a process of its own that ends with it: a question is bounded in time (the process is
//! killed), and no module sees the hub's memory or environment.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use services::process::with_given_descriptors;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use zeroize::{Zeroize as _, Zeroizing};

use super::library::{LIBPAM, Pam, PamError, Transaction};
use crate::auth::AuthUnavailable;

/// How long PAM may take for an answer, and how long a question waits for its turn.
const LIMIT: Duration = Duration::from_secs(60);
/// How many questions wait for each one that is being answered.
const WAITING: usize = 16;
/// Longest question or answer, in bytes.
const LONGEST: u64 = 64 << 10;
/// Where modules look for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What PAM is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    /// Check the password, and the account too if `account`.
    Authenticate {
        /// Whether expired and locked accounts are refused.
        account: bool,
    },
    /// Check whether the account may be used, without a password.
    Account,
    /// Open a session.
    Open,
    /// Close a session.
    Close,
}

/// A question for the helper. Texts are bytes in the encoding of the configuration.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) task: Task,
    pub(super) service: String,
    pub(super) user: Vec<u8>,
    /// Password and one-time password.
    pub(super) answers: Vec<Vec<u8>>,
    pub(super) from: Option<IpAddr>,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.answers.zeroize();
    }
}

/// What PAM said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// Yes.
    Done,
    /// No.
    Refused {
        /// PAM's number and words.
        why: String,
    },
    /// It could not be asked.
    Broken {
        /// Why.
        why: String,
    },
}

/// The helper's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// Microseconds that the modules want a failure to take.
    pub(super) delay: u32,
}

impl Answer {
    fn is_yes(&self) -> bool {
        self.verdict == Verdict::Done
    }
}

/// Asks PAM through a process.
#[derive(Debug, Clone)]
pub(super) struct Helper {
    program: PathBuf,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    limit: Duration,
}

impl Helper {
    /// At most `at_once` processes of `program`, the hub's own binary.
    pub(super) fn new(program: PathBuf, at_once: usize) -> Self {
        Self {
            program,
            at_once: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(at_once * WAITING)),
            limit: LIMIT,
        }
    }

    /// The same, with so many questions that may wait in all.
    pub(super) fn waiting(self, waiting: usize) -> Self {
        let waiting = Arc::new(Semaphore::new(waiting));
        Self { waiting, ..self }
    }

    /// The answer, and when the question was put.
    ///
    /// # Errors
    /// When PAM does not answer in time, or not at all.
    pub(super) async fn ask(
        &self,
        question: &Question,
    ) -> Result<(Answer, Instant), AuthUnavailable> {
        let busy =
            || AuthUnavailable("PAM is busy with other logins; see executor_threads".to_owned());
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = timeout(self.limit, self.at_once.acquire()).await;
        let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let begin = Instant::now();
        let answer = self
            .run(question)
            .await
            .map_err(|why| AuthUnavailable(format!("PAM: {why}")))?;
        if let Verdict::Broken { why } = &answer.verdict {
            return Err(AuthUnavailable(format!("PAM: {why}")));
        }
        Ok((answer, begin))
    }

    async fn run(&self, question: &Question) -> Result<Answer, String> {
        let mut command = Command::new(&self.program);
        command
            .arg("pam")
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        with_given_descriptors(command.as_std_mut());
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        let mut group = Group(child.id());
        let words = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        let words = Zeroizing::new(words);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let talk = async {
            if let Some(mut stdin) = stdin {
                stdin.write_all(&words).await?;
            }
            match stdout {
                Some(stdout) => hear(stdout).await,
                None => Ok(None),
            }
        };
        let heard = timeout(self.limit, talk)
            .await
            .map_err(|_| format!("no answer within {} s", self.limit.as_secs()))?
            .map_err(|error: io::Error| format!("the helper went away: {error}"))?;
        // It has said all it has to say. Not yet waited for, it still has its number: nobody else is hit. What modules have
        // started for a session (agents, mounts) is to stay.
        if question.task == Task::Open && heard.as_ref().is_some_and(Answer::is_yes) {
            group.leave();
        }
        drop(group);
        let ended = timeout(self.limit, child.wait()).await;
        heard.ok_or_else(|| match ended {
            Ok(Ok(status)) => format!("the helper ended without an answer ({status})"),
            _ => "the helper gave no answer".to_owned(),
        })
    }
}

/// Listens until there is an answer: a whole line, the last so far. Not to the end of the pipe, which a process that a
/// module has left behind may hold open. Modules may have written to it as well.
async fn hear(stdout: ChildStdout) -> io::Result<Option<Answer>> {
    let (mut stdout, mut heard) = (stdout.take(LONGEST), Vec::new());
    while stdout.read_buf(&mut heard).await? > 0 {
        let lines = heard.strip_suffix(b"\n").unwrap_or_default();
        let last = lines.rsplit(|byte| *byte == b'\n').next();
        if let Some(answer) = last.and_then(|line| serde_json::from_slice(line).ok()) {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// The helper's process group: what modules have started ends with it, however the question ends.
struct Group(Option<u32>);

impl Group {
    /// Lets what is left of it live.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok()) {
            // Usually nobody is left.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// Whether the library can be loaded at all: better asked at the start than at the first login.
///
/// # Errors
/// Why not, and what to do.
pub fn available() -> Result<(), String> {
    Pam::load(LIBPAM).map(drop)
}

/// Runs the helper: the whole of the hub's hidden subcommand `pam`. Reads a question from standard input and answers on
/// standard output.
#[must_use]
pub fn helper_main() -> ExitCode {
    harden();
    // What modules print, and what they leave running, has nothing to do with the answer.
    let Ok(answers) = own_stdout() else {
        return ExitCode::FAILURE;
    };
    let mut words = Vec::new();
    let read = io::stdin().take(LONGEST).read_to_end(&mut words);
    let question = read.map_err(|error| error.to_string()).and_then(|_| {
        serde_json::from_slice::<Question>(&words).map_err(|error| error.to_string())
    });
    let answer = match question {
        Ok(question) => answer(LIBPAM, question),
        Err(_) => broken("this subcommand is started by the hub itself".to_owned()),
    };
    let written = serde_json::to_string(&answer)
        .map_err(io::Error::from)
        .and_then(|line| File::from(answers).write_all(format!("\n{line}\n").as_bytes()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A module that crashes leaves no file with a password in it, and gives none to a program that collects crashes: that is
/// started whatever the limit says, but not for a process that may not be dumped.
fn harden() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Standard output as a descriptor that no other program gets; from now on what is printed goes nowhere.
fn own_stdout() -> io::Result<OwnedFd> {
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(nowhere)?;
    Ok(own)
}

fn broken(why: String) -> Answer {
    Answer {
        verdict: Verdict::Broken { why },
        delay: 0,
    }
}

fn answer(library: &str, mut question: Question) -> Answer {
    let pam = match Pam::load(library) {
        Ok(pam) => pam,
        Err(why) => return broken(why),
    };
    let texts = std::mem::take(&mut question.answers);
    let texts: Result<Vec<CString>, _> = texts.into_iter().map(CString::new).collect();
    let (Ok(service), Ok(user), Ok(texts)) = (
        CString::new(question.service.as_str()),
        CString::new(question.user.as_slice()),
        texts,
    ) else {
        return broken("a text with a zero byte".to_owned());
    };
    let mut talk = match Transaction::begin(&pam, &service, &user, texts) {
        Ok(talk) => talk,
        Err(PamError { code, text }) => return broken(format!("{text} ({code})")),
    };
    if let Some(from) = question
        .from
        .and_then(|from| CString::new(from.to_string()).ok())
    {
        talk.comes_from(&from);
    }
    let done = run(&mut talk, question.task);
    let verdict = match done {
        Ok(()) => Verdict::Done,
        Err(error) => not_done(&error),
    };
    Answer {
        verdict,
        delay: talk.delay(),
    }
}

/// A directory that is away refuses nobody.
fn not_done(error: &PamError) -> Verdict {
    let why = format!("{} ({})", error.text, error.code);
    match error.is_no_answer() {
        true => Verdict::Broken { why },
        false => Verdict::Refused { why },
    }
}

fn run(talk: &mut Transaction<'_>, task: Task) -> Result<(), PamError> {
    match task {
        Task::Authenticate { account } => {
            talk.authenticate()?;
            if account {
                talk.check_account()?;
            }
            talk.renew_credentials();
            Ok(())
        }
        Task::Account => talk.check_account(),
        Task::Open => talk.open_session(),
        Task::Close => talk.close_session(),
    }
}

#[cfg(test)]
mod tests;
