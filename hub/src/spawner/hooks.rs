//! Commands of the administrator at the steps of a server's life: JSON on standard input, and perhaps an answer.
//!
//! ```json
//! {"hook": "pre_spawn_hook", "user": {"name": "mal", "admin": false}, "groups": ["lab"],
//!  "server": {"name": "", "display_name": ""}, "user_options": {}, "environment": {"LAB": "7"}}
//! ```
//!
//! `auth_state` is there for `auth_state_hook` alone. A hook before a start may answer with `environment`,
//! `spawner_override` (settings of [`crate::config::per_server`]), or nothing. One that exits with another code than 0
//! refuses the start; `message` and `status` of its answer are what the owner gets to see then.
//!
//! Hooks run as the hub's user, in a process group of their own that ends with them, or when their time is over, and without
//! the hub's environment: only what local servers get by default. What is to outlive a hook makes a session of its own.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hub_types::env::{PATH, ProcessEnv};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Map, Value};
use services::contract::{Env, LOCAL_ENV_KEEP, keep};
use services::process::{child_ended, resolve, with_given_descriptors};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::config::Overrides;

/// Most that a hook may answer, in bytes.
const MOST_ANSWERED: usize = 64 << 10;
/// Most that is logged of what it writes to standard error, in bytes.
const MOST_LOGGED: usize = 4 << 10;
/// How much is read at once, in bytes.
const PART: usize = 8 << 10;
/// How long is listened to a hook that has ended: what it wrote lies in its pipes, which somebody else may hold open.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a hook may take that nothing else bounds.
pub const LIMIT: Duration = Duration::from_secs(30);
/// What the owner of a server reads when a hook fails without a message.
const NO_REASON: &str = "a program that prepares servers on this hub has failed; the hub's log says why, ask an administrator";

/// A command at a step of a server's life.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// Its setting, e.g. `pre_spawn_hook`.
    pub name: &'static str,
    /// Program and arguments.
    pub command: &'a [String],
}

/// What a hook answers.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Variables for the server; null removes one.
    pub environment: Map<String, Value>,
    /// Other settings for it.
    pub spawner_override: Overrides,
    /// Why nothing is to be started, for its owner.
    message: Option<String>,
    /// With which HTTP status; 400 to 599.
    status: Option<u16>,
}

/// Why a hook did not do what it was there for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HookFailed {
    /// For the owner of the server.
    pub message: String,
    /// HTTP status: 500, or what the hook says.
    pub status: u16,
}

/// What a hook has done.
struct Ended {
    status: ExitStatus,
    answer: Vec<u8>,
    said: Vec<u8>,
}

impl Hook<'_> {
    /// Runs it, for at most `limit`. Dropped half-way, it ends the hook with all that is in its group.
    ///
    /// # Errors
    /// When it cannot be run, takes too long, exits with another code than 0, or answers what is no answer. The log says
    /// why.
    pub async fn run(&self, input: &Value, limit: Duration) -> Result<Answer, HookFailed> {
        let ended = match timeout(limit, self.execute(input)).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(why)) => return Err(self.broken(&why)),
            Err(_) => {
                return Err(self.broken(&format!("it takes longer than {} s", limit.as_secs())));
            }
        };
        let answer = read(&ended.answer);
        if ended.status.success() {
            self.log(&ended.said, false);
            return answer.map_err(|why| self.broken(&why));
        }
        self.log(&ended.said, true);
        let how = match ended.status.signal() {
            Some(signal) => format!("it was ended by signal {signal}"),
            None => format!("it exited with code {}", ended.status.code().unwrap_or(-1)),
        };
        let broken = self.broken(&how);
        let answer = answer.unwrap_or_default();
        Err(HookFailed {
            message: answer.message.unwrap_or(broken.message),
            status: answer
                .status
                .filter(|status| (400..600).contains(status))
                .unwrap_or(broken.status),
        })
    }

    async fn execute(&self, input: &Value) -> Result<Ended, String> {
        let env = keep(LOCAL_ENV_KEEP, &ProcessEnv);
        let mut child = self.spawn(&env)?;
        let group = Group(self.name, child.id());
        let (answer, said) = converse(&mut child, input, &group).await;
        group.over();
        let status = child.wait().await.map_err(|error| error.to_string())?;
        Ok(Ended {
            status,
            answer,
            said,
        })
    }

    fn spawn(&self, env: &Env) -> Result<Child, String> {
        let (program, args) = self.command.split_first().ok_or("it is empty")?;
        let program = resolve(program, env.get(PATH).map(String::as_str))
            .map_err(|error| error.to_string())?;
        let mut command = Command::new(&program);
        command
            .args(args)
            .env_clear()
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        with_given_descriptors(command.as_std_mut());
        command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))
    }

    pub(super) fn broken(&self, why: &str) -> HookFailed {
        tracing::error!("Spawner.{} {:?} failed: {why}", self.name, self.command);
        HookFailed {
            message: NO_REASON.to_owned(),
            status: 500,
        }
    }

    fn log(&self, said: &[u8], failed: bool) {
        let said = String::from_utf8_lossy(said);
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            match failed {
                true => tracing::warn!("{}: {line}", self.name),
                false => tracing::info!("{}: {line}", self.name),
            }
        }
    }
}

/// What it answers; nothing is an answer, too.
fn read(answer: &[u8]) -> Result<Answer, String> {
    if answer.len() > MOST_ANSWERED {
        return Err(format!("it answers more than {MOST_ANSWERED} bytes"));
    }
    if answer.trim_ascii().is_empty() {
        return Ok(Answer::default());
    }
    serde_json::from_slice(answer).map_err(|error| {
        format!("its answer is not JSON with environment and spawner_override: {error}")
    })
}

/// Tells a hook, and listens until it has ended; not to the end of its pipes, which what it has left behind may hold open.
/// Returns its answer and what it said to standard error.
async fn converse(child: &mut Child, input: &Value, group: &Group) -> (Vec<u8>, Vec<u8>) {
    let (mut answer, mut said) = (Vec::new(), Vec::new());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        if let Some(mut stdin) = stdin {
            // A hook need not listen.
            let _ = stdin.write_all(input.to_string().as_bytes()).await;
        }
    };
    let pid = child.id().unwrap_or_default();
    let whole = async {
        tokio::join!(
            tell,
            all(stdout, &mut answer, MOST_ANSWERED + 1),
            all(stderr, &mut said, MOST_LOGGED)
        );
        child_ended(pid).await;
    };
    let ended = async {
        child_ended(pid).await;
        group.kill();
        sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = whole => {}
        () = ended => {}
    }
    (answer, said)
}

/// Reads all of it, and keeps `most` bytes. May be dropped half-way: what was read by then is there.
async fn all(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, most: usize) {
    let Some(mut stream) = stream else {
        return;
    };
    let mut part = Vec::with_capacity(PART);
    while stream.read_buf(&mut part).await.is_ok_and(|read| read > 0) {
        let room = most.saturating_sub(kept.len());
        kept.extend(part.iter().take(room));
        part.clear();
    }
}

/// The processes of a hook: none of them outlives it, however it ends. Its leader must not be waited for before that, so
/// that the number is still its own.
struct Group(&'static str, Option<u32>);

impl Group {
    fn kill(&self) {
        if let Some(pid) = self.1.and_then(|pid| i32::try_from(pid).ok()) {
            // Usually nobody is left.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// The hook has ended by itself.
    fn over(mut self) {
        self.kill();
        self.1 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.1.is_some() {
            tracing::warn!(
                "Spawner.{} is ended: its time is over, or its start was given up",
                self.0
            );
            self.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    async fn run(script: &str, limit: Duration) -> Result<Answer, HookFailed> {
        let command = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let hook = Hook {
            name: "pre_spawn_hook",
            command: &command,
        };
        hook.run(&json!({"user": {"name": "mal"}}), limit).await
    }

    fn failed(message: &str, status: u16) -> HookFailed {
        HookFailed {
            message: message.to_owned(),
            status,
        }
    }

    #[tokio::test]
    async fn answers_and_refusals() {
        let answer = run(
            r#"read -r x; echo "{\"environment\": {\"IN\": \"$(echo "$x" | tr -d '{}"')\"}}""#,
            LONG,
        )
        .await;
        assert_eq!(answer.unwrap().environment["IN"], "user:name:mal");
        assert_eq!(run("echo words >&2", LONG).await, Ok(Answer::default()));
        // Much more input than it reads, and more output than is kept of standard error.
        assert_eq!(
            run("head -c 100000 /dev/zero >&2", LONG).await,
            Ok(Answer::default())
        );
        for (script, expected) in [
            (
                r#"echo '{"message": "no room today", "status": 503}'; exit 1"#,
                failed("no room today", 503),
            ),
            (
                r#"echo '{"message": "no", "status": 200}'; exit 1"#,
                failed("no", 500),
            ),
            ("echo secret >&2; exit 3", failed(NO_REASON, 500)),
            ("echo hello", failed(NO_REASON, 500)),
            (r#"echo '{"enviroment": {}}'"#, failed(NO_REASON, 500)),
            ("head -c 70000 /dev/zero", failed(NO_REASON, 500)),
            ("kill -9 $$", failed(NO_REASON, 500)),
        ] {
            assert_eq!(run(script, LONG).await, Err(expected), "{script}");
        }
        let nothing = ["/nowhere/hook".to_owned()];
        let hook = Hook {
            name: "pre_spawn_hook",
            command: &nothing,
        };
        assert_eq!(
            hook.run(&Value::Null, LONG).await,
            Err(failed(NO_REASON, 500))
        );
    }

    /// Nothing of the hub's own environment but what servers get.
    #[tokio::test]
    async fn the_environment_is_small() {
        let script = r#"[ "$(env | grep -c ^CARGO_)" = 0 ] && [ -n "$PATH" ]"#;
        assert_eq!(run(script, LONG).await, Ok(Answer::default()));
    }

    #[tokio::test]
    async fn what_takes_too_long_ends_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
        let limit = Duration::from_secs(3);
        assert_eq!(run(&script, limit).await, Err(failed(NO_REASON, 500)));
        assert_gone(&pid_file).await;
    }

    /// The process of that file is gone, or a zombie that nobody has waited for yet.
    async fn assert_gone(pid_file: &Path) {
        let pid = std::fs::read_to_string(pid_file).unwrap();
        let look = async {
            let path = format!("/proc/{}/stat", pid.trim());
            while std::fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z ")) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, look).await.unwrap();
    }

    /// Its pipes stay open, and it has been told more than a pipe holds: neither is waited for.
    #[tokio::test]
    async fn what_a_hook_leaves_behind_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!(
            "sleep 1000 & echo $! > {}; echo '{{\"environment\": {{\"A\": \"1\"}}}}'; echo done >&2",
            pid_file.display()
        );
        let command = ["sh".to_owned(), "-c".to_owned(), script];
        let hook = Hook {
            name: "pre_spawn_hook",
            command: &command,
        };
        let much = json!("x".repeat(1 << 20));
        let answer = hook.run(&much, LONG).await.unwrap();
        assert_eq!(answer.environment["A"], "1");
        assert_gone(&pid_file).await;
    }

    #[tokio::test]
    async fn what_makes_a_session_of_its_own_lives_on_and_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid").display().to_string();
        // It holds the hook's pipes open.
        let script = format!(
            "setsid sh -c 'echo $$ > {pid_file}; exec sleep 1000' & while [ ! -s {pid_file} ]; do sleep 0.01; done"
        );
        assert_eq!(run(&script, LONG).await, Ok(Answer::default()));
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap());
        // It is there: whom it was meant for ends it.
        killpg(pid, Signal::SIGKILL).unwrap();
    }
}
