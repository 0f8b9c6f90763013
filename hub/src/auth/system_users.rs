//! The users of this machine: looked up, judged by their groups, made. Source: JupyterHub's `LocalAuthenticator`.
//!
//! Look-ups may ask a directory server, so that each happens on a thread of its own, bounded in number and time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Gid, Group, Pid, Uid, User};
use services::process::users::{SystemUser, UserError, lookup};
use services::process::{resolve, with_given_descriptors};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, Command};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::{AddUserError, AuthUnavailable, groups_named};
use crate::config::Config;

/// How long a look-up may take.
const LOOKUP: Duration = Duration::from_secs(30);
/// How many look-ups there are at once.
const AT_ONCE: usize = 4;
/// How long is waited for a user to be made. It goes on after that.
const WAIT: Duration = Duration::from_secs(60);
/// How long the making of a user may take before it is ended.
const MAKING: Duration = Duration::from_secs(15 * 60);
/// How much is kept of what the command says, in bytes.
const SAID: u64 = 4 << 10;
/// Where the command is looked for: tools of the administrator are on no user's path.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest name that Linux's own tools make.
const LONGEST_NEW: usize = 32;

/// Whether a system user can be called so: names of directories included (`DOMAIN\user`, `user@realm`), but nothing that a
/// program could take for an option, a path, a list or a line of its own.
#[must_use]
pub fn is_system_name(name: &str) -> bool {
    let fine =
        |c: char| !c.is_control() && !c.is_whitespace() && !":/,\"'`$&|;<>(){}[]*?!#%".contains(c);
    (1..=255).contains(&name.len())
        && !name.starts_with(['-', '+', '~', '.'])
        && name.chars().all(fine)
}

/// Whether a user of this name may be made: what every tool and file of a Unix takes.
#[must_use]
pub fn is_new_system_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    begins && name.len() <= LONGEST_NEW && name.chars().all(fine)
}

/// Why users are not made although the configuration says so: the program is not there. A line, with the setting first.
#[must_use]
pub fn missing_command(config: &Config) -> Option<String> {
    let local = &config.local_users;
    if !local.create_system_users {
        return None;
    }
    let command = local.add_user_cmd.clone().unwrap_or_else(default_command);
    let program = command.first().map_or("", String::as_str);
    let why = resolve(program, Some(PATH)).err()?;
    Some(format!(
        "[LocalAuthenticator] add_user_cmd: no system user can be made: {}",
        why.in_full()
    ))
}

/// The users of this machine, by the section `[LocalAuthenticator]`.
#[derive(Debug)]
pub struct SystemUsers {
    allowed_groups: BTreeSet<String>,
    create: bool,
    command: Option<Vec<String>>,
    uids: BTreeMap<String, u64>,
    at_once: Arc<Semaphore>,
    /// The tools that make users lock the same files, and some do not wait.
    making: Arc<Mutex<()>>,
}

impl SystemUsers {
    /// By the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let local = &config.local_users;
        Self {
            allowed_groups: groups_named(&local.allowed_groups),
            create: local.create_system_users,
            command: local.add_user_cmd.clone(),
            uids: local.uids.clone(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            making: Arc::default(),
        }
    }

    /// Runs a look-up that may block.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, AuthUnavailable> {
        let late = || AuthUnavailable("the machine does not say who its users are".to_owned());
        let at_once = Arc::clone(&self.at_once);
        let found = timeout(LOOKUP, async move {
            let turn = at_once.acquire_owned().await.map_err(|_| late())?;
            let looked = tokio::task::spawn_blocking(move || {
                // One that hangs keeps its place: there are never more of them.
                let _turn = turn;
                look()
            });
            looked.await.map_err(|_| late())
        });
        let found = found.await.map_err(|_| late())??;
        found.map_err(|why| AuthUnavailable(format!("cannot look up a system user: {why}")))
    }

    async fn find(&self, name: &str) -> Result<Option<SystemUser>, AuthUnavailable> {
        if !is_system_name(name) {
            return Ok(None);
        }
        let name = name.to_owned();
        self.look(move || match lookup(&name) {
            Ok(user) => Ok(Some(user)),
            Err(UserError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    /// What the machine itself calls the user of this name: directories know one user by several.
    ///
    /// # Errors
    /// When the machine does not say.
    pub async fn own_name(&self, name: &str) -> Result<Option<String>, AuthUnavailable> {
        let Some(user) = self.find(name).await? else {
            return Ok(None);
        };
        self.look(move || {
            let own = User::from_uid(Uid::from_raw(user.uid)).map_err(|error| error.to_string())?;
            Ok(Some(own.map_or(user.name, |own| own.name)))
        })
        .await
    }

    /// The names of the user's groups.
    ///
    /// # Errors
    /// When the machine does not say.
    pub async fn groups_of(&self, name: &str) -> Result<BTreeSet<String>, AuthUnavailable> {
        let Some(user) = self.find(name).await? else {
            return Ok(BTreeSet::new());
        };
        self.look(move || {
            let group = |gid: &u32| Group::from_gid(Gid::from_raw(*gid)).map_err(|e| e.to_string());
            let groups: Result<Vec<_>, _> = user.groups.iter().map(group).collect();
            Ok(groups?
                .into_iter()
                .flatten()
                .map(|group| group.name)
                .collect())
        })
        .await
    }

    /// Whether the user is in one of these groups, all of which must exist.
    ///
    /// # Errors
    /// When the machine does not say, or knows one of the groups not: who is what is not guessed then.
    pub async fn is_in_one_of(
        &self,
        name: &str,
        groups: &BTreeSet<String>,
    ) -> Result<bool, AuthUnavailable> {
        let (is_in, unknown) = self.compare(name, groups).await?;
        match unknown.first() {
            None => Ok(is_in),
            Some(group) => Err(AuthUnavailable(format!(
                "this machine has no group {group:?}, which the configuration names"
            ))),
        }
    }

    /// Whether a rule of groups allows the user. Groups that do not exist allow nobody, and are said in the log.
    ///
    /// # Errors
    /// When the machine does not say.
    pub async fn is_allowed(&self, name: &str) -> Result<bool, AuthUnavailable> {
        if self.allowed_groups.is_empty() {
            return Ok(false);
        }
        let (is_in, unknown) = self.compare(name, &self.allowed_groups).await?;
        for group in unknown {
            tracing::error!("[LocalAuthenticator] allowed_groups: no such group: {group}");
        }
        Ok(is_in)
    }

    /// Whether the user is in one of the groups, and which of those do not exist.
    async fn compare(
        &self,
        name: &str,
        groups: &BTreeSet<String>,
    ) -> Result<(bool, Vec<String>), AuthUnavailable> {
        let own = self
            .find(name)
            .await?
            .map(|user| user.groups)
            .unwrap_or_default();
        let groups = groups.clone();
        self.look(move || {
            let (mut is_in, mut unknown) = (false, Vec::new());
            for name in groups {
                match Group::from_name(&name).map_err(|error| error.to_string())? {
                    Some(group) => is_in |= own.contains(&group.gid.as_raw()),
                    None => unknown.push(name),
                }
            }
            Ok((is_in, unknown))
        })
        .await
    }

    /// Whether there is this user, or can be one: what can be said without making it.
    ///
    /// # Errors
    /// When there is none, and the configuration does not say that users are made, or none of that name can be.
    pub async fn may_have(&self, name: &str) -> Result<(), AddUserError> {
        self.is_there(name).await.map(drop)
    }

    /// Whether there is this user; when not, there may be.
    async fn is_there(&self, name: &str) -> Result<bool, AddUserError> {
        if self.find(name).await?.is_some() {
            return Ok(true);
        }
        if !self.create {
            return Err(AddUserError::Refused(format!(
                "there is no system user {name:?}; make it, or set [LocalAuthenticator] create_system_users = true"
            )));
        }
        if !is_new_system_name(name) {
            return Err(AddUserError::Refused(format!(
                "no system user can be made of {name:?}: up to {LONGEST_NEW} of a-z, 0-9, '_', '-' and '.', the first a letter or '_'"
            )));
        }
        Ok(false)
    }

    /// Sees to it that the machine has this user. What has been begun goes on to its end, whoever goes away: a tool that is
    /// stopped half-way leaves a user without a home, or a lock.
    ///
    /// # Errors
    /// When it has not, and the configuration does not say that users are made, or they cannot be.
    pub async fn ensure(&self, name: &str) -> Result<(), AddUserError> {
        if self.is_there(name).await? {
            return Ok(());
        }
        let refused = |why: String| {
            AddUserError::Refused(format!("system user {name:?} cannot be made: {why}"))
        };
        let long = || {
            let seconds = WAIT.as_secs();
            refused(format!(
                "that takes longer than {seconds} s; it goes on, try again later"
            ))
        };
        let begin = Instant::now();
        let alone = timeout(WAIT, Arc::clone(&self.making).lock_owned()).await;
        let alone = alone.map_err(|_| long())?;
        if self.find(name).await?.is_some() {
            return Ok(());
        }
        let (command, made) = (self.command(name), name.to_owned());
        let making = tokio::spawn(async move {
            let _alone = alone;
            let done = make(&command).await;
            match &done {
                Ok(()) => tracing::info!("system user {made} is made"),
                Err(why) => tracing::error!("system user {made} cannot be made: {why}"),
            }
            done
        });
        let made = timeout_at(begin + WAIT, making).await.map_err(|_| long())?;
        made.unwrap_or_else(|error| Err(error.to_string()))
            .map_err(refused)
    }

    /// The command that makes the user `name`.
    fn command(&self, name: &str) -> Vec<String> {
        let command = self.command.clone().unwrap_or_else(default_command);
        let mut command: Vec<String> = command
            .iter()
            .map(|part| part.replace("USERNAME", name))
            .collect();
        if let Some(uid) = self.uids.get(name) {
            command.extend(["--uid".to_owned(), uid.to_string()]);
        }
        command.push(name.to_owned());
        command
    }
}

/// A tool of the machine, in a process group of its own: a Ctrl-C for the hub is not for it.
fn tool(program: &Path, args: &[String]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    with_given_descriptors(command.as_std_mut());
    command
}

/// Runs the command that makes a user.
async fn make(command: &[String]) -> Result<(), String> {
    let (program, args) = command.split_first().ok_or("there is no command")?;
    let program = resolve(program, Some(PATH)).map_err(|error| error.to_string())?;
    let mut child = tool(&program, args)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let stderr = child.stderr.take();
    // Beside it: what the tool leaves running may hold its output open.
    let said = tokio::spawn(said(stderr));
    match timeout(MAKING, child.wait()).await {
        Err(_) => {
            if let Some(group) = group {
                // Not waited for yet: the number is still its own.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            Err(format!(
                "{} takes longer than {} s",
                program.display(),
                MAKING.as_secs()
            ))
        }
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => {
            let said = timeout(LOOKUP, said).await;
            let said = said.map(Result::unwrap_or_default).unwrap_or_default();
            Err(format!(
                "{} ended with {status}: {}",
                program.display(),
                String::from_utf8_lossy(&said).trim().escape_debug()
            ))
        }
        Ok(Err(error)) => Err(error.to_string()),
    }
}

/// What a command says, for a message only. The rest is read, so that it is not stopped by it.
async fn said(stderr: Option<ChildStderr>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(mut stderr) = stderr {
        let _ = (&mut stderr).take(SAID).read_to_end(&mut said).await;
        let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    }
    said
}

/// What makes users on this machine. JupyterHub knows Debian's `adduser` and BSD's `pw`; others have `useradd` alone.
fn default_command() -> Vec<String> {
    let words: &[&str] = if resolve("pw", Some(PATH)).is_ok() {
        &["pw", "useradd", "-m", "-n"]
    } else if Path::new("/etc/adduser.conf").exists() {
        &["adduser", "-q", "--gecos", "", "--disabled-password"]
    } else {
        &["useradd", "--create-home"]
    };
    words.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
