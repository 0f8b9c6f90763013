//! Users of this machine, with the machine's own passwords: the default, as in JupyterHub.
//!
//! * `library`: `libpam.so.0`, loaded at run time;
//! * `helper`: the process in which it is asked, bounded in number and time.
//!
//! A failure takes the same time whether the user exists or not: at least two seconds from the question.

mod helper;
mod library;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::names::Username;
use tokio::time::{Instant, sleep_until};

use super::system_users::{SystemUsers, is_system_name};
use super::{
    AddUserError, AuthModel, AuthUnavailable, Authenticator, LoginForm, Refreshed, groups_named,
};
use crate::config::{Config, PamAuthenticator};
use crate::domain::server::ServerRef;
use helper::{Helper, Question, Task, Verdict};

pub use helper::{available, helper_main};

/// How long a failed login takes at least: longer than any hash of a password, so that its time tells nothing.
const FAILED_AFTER: Duration = Duration::from_secs(2);

/// The longest password that PAM's modules are asked to check, in bytes. Source: Linux-PAM's `PAM_MAX_RESP_SIZE`.
const LONGEST_PASSWORD: usize = 511;

/// How many sessions wait to be opened or closed: more than servers start at once.
const SESSIONS_WAITING: usize = 10_000;

/// Asks PAM.
#[derive(Debug)]
pub struct PamUsers {
    settings: PamAuthenticator,
    users: SystemUsers,
    helper: Helper,
    /// Sessions wait for each other, not for logins.
    for_sessions: Helper,
    /// Whether the authenticator says who is in which group.
    says_groups: bool,
    /// Whether sessions are opened; not any more after one that was refused.
    sessions: AtomicBool,
}

impl PamUsers {
    /// By the sections `[PAMAuthenticator]` and `[LocalAuthenticator]`; `program` is the hub's own binary.
    #[must_use]
    pub fn new(config: &Config, program: &Path) -> Self {
        let mut settings = config.pam.clone();
        settings.admin_groups = groups_named(&settings.admin_groups);
        let at_once = usize::try_from(settings.executor_threads).unwrap_or(1);
        Self {
            users: SystemUsers::new(config),
            helper: Helper::new(program.to_owned(), at_once.max(1)),
            for_sessions: Helper::new(program.to_owned(), at_once.max(1)).waiting(SESSIONS_WAITING),
            says_groups: config.authenticator.manage_groups,
            sessions: AtomicBool::new(settings.open_sessions),
            settings,
        }
    }

    /// A question about `name`; none for what no system user is called or no password is.
    fn question(&self, task: Task, name: &str, form: Option<&LoginForm>) -> Option<Question> {
        let encode = |text: &str| self.settings.encoding.encode(text);
        let secrets = form
            .into_iter()
            .flat_map(|form| [Some(&form.password), form.otp.as_ref()]);
        let answers: Option<Vec<Vec<u8>>> = secrets
            .flatten()
            .map(|secret| {
                encode(secret.expose())
                    .filter(|bytes| !bytes.contains(&0) && bytes.len() <= LONGEST_PASSWORD)
            })
            .collect();
        Some(Question {
            task,
            service: self.settings.service.clone(),
            user: encode(name).filter(|_| is_system_name(name))?,
            answers: answers?,
            from: form.and_then(|form| form.from),
        })
    }

    /// Whether PAM says yes; why not is for the log.
    async fn right(&self, name: &str, form: &LoginForm) -> Result<bool, AuthUnavailable> {
        let account = self.settings.check_account;
        let Some(question) = self.question(Task::Authenticate { account }, name, Some(form)) else {
            sleep_until(Instant::now() + FAILED_AFTER).await;
            return Ok(false);
        };
        let (answer, begin) = self.helper.ask(&question).await?;
        let Verdict::Refused { why } = answer.verdict else {
            return Ok(true);
        };
        tracing::info!("PAM refuses {}: {why}", name.escape_debug());
        let delay = Duration::from_micros(answer.delay.into());
        sleep_until(begin + delay.max(FAILED_AFTER)).await;
        Ok(false)
    }

    async fn session(&self, task: Task, name: &Username) {
        if !self.sessions.load(Ordering::Relaxed) {
            return;
        }
        let Some(question) = self.question(task, name.as_str(), None) else {
            tracing::warn!("{name} has no PAM session: this is no name of a system user");
            return;
        };
        let why = match self.for_sessions.ask(&question).await {
            Ok((answer, _)) => match answer.verdict {
                Verdict::Refused { why } => why,
                _ => return,
            },
            // Busy, or a directory is away: that says nothing of the next one.
            Err(error) => {
                tracing::warn!("the PAM session of {name} is not opened or closed: {error}");
                return;
            }
        };
        // As in JupyterHub: a machine whose sessions do not work this way must not stop every server.
        self.sessions.store(false, Ordering::Relaxed);
        tracing::warn!(
            "the PAM session of {name} cannot be opened or closed ({why}); no more sessions until the hub is restarted"
        );
    }
}

#[async_trait]
impl Authenticator for PamUsers {
    fn class(&self) -> &'static str {
        "jupyterhub.auth.PAMAuthenticator"
    }

    fn says_groups(&self) -> bool {
        true
    }

    fn refreshes(&self) -> bool {
        self.settings.check_account
    }

    fn refusal_takes(&self) -> Duration {
        FAILED_AFTER
    }

    fn respells(&self) -> bool {
        self.settings.pam_normalize_username
    }

    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        if !self.settings.pam_normalize_username || !is_system_name(&name) {
            return Ok(name);
        }
        Ok(self.users.own_name(&name).await?.unwrap_or(name))
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        if !self.right(name, form).await? {
            return Ok(None);
        }
        Ok(Some(AuthModel {
            name: name.to_owned(),
            groups: self.groups_of(name).await?,
            ..AuthModel::default()
        }))
    }

    /// The hub's user is the system's user of that name, whoever's password it was.
    async fn groups_of(&self, name: &str) -> Result<Option<BTreeSet<String>>, AuthUnavailable> {
        if !self.says_groups {
            return Ok(None);
        }
        Ok(Some(self.users.groups_of(name).await?))
    }

    async fn allows(&self, name: &Username) -> Result<bool, AuthUnavailable> {
        self.users.is_allowed(name.as_str()).await
    }

    async fn is_admin(&self, name: &Username) -> Result<Option<bool>, AuthUnavailable> {
        let groups = &self.settings.admin_groups;
        if groups.is_empty() {
            return Ok(None);
        }
        self.users
            .is_in_one_of(name.as_str(), groups)
            .await
            .map(Some)
    }

    async fn refresh(&self, name: &Username) -> Result<Refreshed, AuthUnavailable> {
        let Some(question) = self.question(Task::Account, name.as_str(), None) else {
            return Ok(Refreshed::Gone(
                "this is no name of a system user".to_owned(),
            ));
        };
        // Modules that ask a directory differ on users that are unknown: the machine itself is asked first.
        if self.users.own_name(name.as_str()).await?.is_none() {
            return Ok(Refreshed::Gone(
                "there is no such system user any more".to_owned(),
            ));
        }
        let (answer, _) = self.helper.ask(&question).await?;
        if let Verdict::Refused { why } = answer.verdict {
            return Ok(Refreshed::Gone(why));
        }
        match self.groups_of(name.as_str()).await? {
            None => Ok(Refreshed::Unchanged),
            groups => Ok(Refreshed::New(AuthModel {
                name: name.as_str().to_owned(),
                groups,
                ..AuthModel::default()
            })),
        }
    }

    async fn may_add_user(&self, name: &Username) -> Result<(), AddUserError> {
        self.users.may_have(name.as_str()).await
    }

    async fn add_user(&self, name: &Username) -> Result<(), AddUserError> {
        self.users.ensure(name.as_str()).await
    }

    async fn pre_spawn(&self, at: &ServerRef) -> Result<(), String> {
        self.session(Task::Open, &at.user).await;
        Ok(())
    }

    async fn post_stop(&self, at: &ServerRef) {
        self.session(Task::Close, &at.user).await;
    }
}
