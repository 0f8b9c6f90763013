//! From a form to a session.

mod admit;
mod elsewhere;
mod password;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;
use hub_types::names::{Username, normalise};
use hub_types::secret::{Token, random_bytes};
use tokio::time::{Instant, sleep_until};

use super::auth_state::AuthStates;
use super::refresh::Freshness;
use super::rules::{LiveRules, Settled};
use super::throttle::{Charged, Origin, Throttle};
use super::{AuthUnavailable, Authenticator, LoginForm, Way};
use crate::bus::{Bus, Event};
use crate::config::Config;
use crate::db::sessions::Session;
use crate::db::{Db, DbError, sessions};
use crate::domain::login::{LoginPolicy, Refusal};
use crate::domain::user::{User, UserId};

/// A session that has begun: what the browser is to hold.
#[derive(Debug)]
pub struct NewSession {
    /// Who logged in.
    pub user: User,
    /// The value of `jupyterhub-session-id`.
    pub id: String,
    /// The secret for the login cookie.
    pub secret: Token,
    /// How long it lasts.
    pub life: TimeDelta,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Wrong name or password, or no rule allows the user. The two look alike from outside; the log tells them apart.
    #[error("{0}")]
    Refused(#[from] LoginRefusal),
    /// Too many failures: nothing was looked at.
    #[error("too many failed logins; the next one is looked at in {} s", .0.as_secs())]
    Throttled(Duration),
    /// Nobody could be asked.
    #[error(transparent)]
    Unavailable(#[from] AuthUnavailable),
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why a login was refused, for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// The authenticator said no.
    #[error("wrong name or password")]
    Credentials,
    /// The password was right.
    #[error(transparent)]
    Policy(#[from] Refusal),
    /// The password was right, but the user is not registered, and cannot be.
    #[error("the user cannot be registered: {0}")]
    NotRegistered(String),
}

/// Writes the line of a failed login. Its form is documented, for programs that close the door to an address
/// (`docs/howto/logins.md`): the address comes first, so that no name can pretend to be one.
pub fn log_failure(username: &str, from: Option<IpAddr>, why: impl std::fmt::Display) {
    let name: String = username
        .chars()
        .take(LONGEST_SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    match from {
        Some(from) => tracing::warn!("Failed login from {from} for \"{name}\": {why}"),
        None => tracing::warn!("Failed login for \"{name}\": {why}"),
    }
}

/// How much of a name is logged, in characters.
const LONGEST_SHOWN: usize = 64;

/// What names the browser of a request if the user of this name has logged in with it before.
pub type KnownBrowser<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// Logs people in.
#[derive(Debug, Clone)]
pub struct Login {
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    rules: LiveRules,
    authenticator: Arc<dyn Authenticator>,
    throttle: Arc<Throttle>,
    freshness: Freshness,
    states: AuthStates,
}

/// Whether somebody who is not registered may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newcomers {
    Register,
    Refuse,
}

/// The rules of the configuration.
#[must_use]
pub fn policy(config: &Config) -> LoginPolicy {
    let auth = &config.authenticator;
    let username_map: BTreeMap<String, String> = auth
        .username_map
        .iter()
        .map(|(typed, name)| (normalise(typed), name.clone()))
        .collect();
    // Names of the configuration are written as people type them, too.
    let mapped = |name: &String| {
        let name = normalise(name);
        username_map.get(&name).cloned().unwrap_or(name)
    };
    let all = |names: &BTreeSet<String>| -> BTreeSet<String> { names.iter().map(mapped).collect() };
    // As in JupyterHub the user of that name is blocked, and not the one whom the map makes of it: others may come in as that
    // one, too. Here nobody logs in by that name either.
    let mut blocked = BTreeSet::new();
    for written in &auth.blocked_users {
        let (name, user) = (normalise(written), mapped(written));
        // The map may only spell it in capitals.
        blocked.extend((normalise(&user) == name).then_some(user));
        blocked.extend([name, written.clone()]);
    }
    LoginPolicy {
        allow_all: config.allow_all(),
        allow_existing: config.allow_existing_users(),
        allowed: all(&auth.allowed_users),
        blocked,
        admins: all(&auth.admin_users),
        username_map,
    }
}

impl Login {
    /// Logs people in with `authenticator`, by the rules of `config`.
    #[must_use]
    pub fn new(
        db: Db,
        bus: Bus,
        clock: Arc<dyn Clock>,
        config: Arc<Config>,
        authenticator: Arc<dyn Authenticator>,
    ) -> Self {
        Self {
            states: AuthStates::new(db.clone(), &config),
            db,
            bus,
            clock,
            throttle: Arc::new(Throttle::new(config.own.failed_logins_per_minute)),
            rules: LiveRules::new(config),
            authenticator,
            freshness: Freshness::default(),
        }
    }

    /// How people log in.
    #[must_use]
    pub fn way(&self) -> Way {
        self.authenticator.way()
    }

    /// Who says who somebody is.
    pub(super) fn authenticator(&self) -> &dyn Authenticator {
        &*self.authenticator
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// What is kept of logins.
    #[must_use]
    pub fn auth_states(&self) -> &AuthStates {
        &self.states
    }

    pub(super) fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Who may log in, which may change while the hub runs.
    #[must_use]
    pub fn rules(&self) -> &LiveRules {
        &self.rules
    }

    /// Checks a form and registers the user when it is the first login.
    ///
    /// # Errors
    /// When the form is wrong, no rule allows the user, or nobody can say.
    pub async fn check(&self, form: &LoginForm) -> Result<User, LoginError> {
        self.check_as(form, &|_| None, Newcomers::Register).await
    }

    /// Checks the form of somebody who must be registered already. Others are refused as if the password were wrong, and
    /// in the same time.
    ///
    /// # Errors
    /// As [`Login::check`].
    pub async fn check_registered(&self, form: &LoginForm) -> Result<User, LoginError> {
        self.check_as(form, &|_| None, Newcomers::Refuse).await
    }

    async fn check_as(
        &self,
        form: &LoginForm,
        known: &KnownBrowser<'_>,
        new: Newcomers,
    ) -> Result<User, LoginError> {
        let rules = self.rules.now();
        if self.authenticator.way() != Way::Form {
            return Err(LoginRefusal::Credentials.into());
        }
        let begin = Instant::now();
        let mapped = rules.policy.normalise(&form.username);
        // Before anybody is asked anything, not even how the name is spelled.
        let mut charged = vec![self.charge(&mapped, form, known)?];
        let checked = async {
            let names = self.names(&rules.policy, &form.username).await?;
            if names.called.account != mapped {
                // One account, however it is spelled.
                charged.push(self.charge(&names.called.account, form, known)?);
            }
            let policy = rules.policy_for(&*self.authenticator).await?;
            self.check_password((&rules, policy), &names, form, new)
                .await
        };
        let checked = checked.await;
        match checked {
            Err(LoginError::Refused(_)) => {
                sleep_until(begin + self.authenticator.refusal_takes()).await;
            }
            // Nothing was looked at, or too much already.
            Err(LoginError::Throttled(_)) => {}
            // What could not be looked at was no guess.
            _ => charged
                .into_iter()
                .for_each(|charged| self.throttle.give_back(charged)),
        }
        checked
    }

    fn charge(
        &self,
        name: &str,
        form: &LoginForm,
        known: &KnownBrowser<'_>,
    ) -> Result<Charged, LoginError> {
        let browser = known(name);
        let origin = Origin {
            address: form.from,
            browser: browser.as_deref(),
        };
        let charged = self.throttle.charge(name, origin, self.clock.now());
        charged.map_err(LoginError::Throttled)
    }

    /// Checks a form and begins a session; `known` says whether the user has logged in with this browser before.
    ///
    /// # Errors
    /// As [`Login::check`].
    pub async fn begin(
        &self,
        form: &LoginForm,
        known: &KnownBrowser<'_>,
    ) -> Result<NewSession, LoginError> {
        let user = self.check_as(form, known, Newcomers::Register).await?;
        self.session(user).await
    }

    /// Keeps the rules as they are while something is written down for a user who was let in, if that still holds: they may
    /// have changed while a password was looked at, and whoever was blocked then has lost what was there before.
    ///
    /// # Errors
    /// When the user is blocked now.
    pub async fn settle(&self, name: &Username) -> Result<Settled, LoginError> {
        let settled = self.rules.settled().await;
        match self.is_blocked(name).await? {
            true => Err(LoginRefusal::Policy(Refusal::Blocked).into()),
            false => Ok(settled),
        }
    }

    /// Whether the rules of now block the user of this name, however they spell it.
    ///
    /// # Errors
    /// When the authenticator cannot say how a name is spelled.
    pub async fn is_blocked(&self, name: &Username) -> Result<bool, AuthUnavailable> {
        let rules = self.rules.now();
        let policy = rules.policy_for(&*self.authenticator).await?;
        Ok(policy.blocked.contains(name.as_str()))
    }

    async fn session(&self, user: User) -> Result<NewSession, LoginError> {
        let _settled = self.settle(&user.name).await?;
        let now: DateTime<Utc> = self.clock.now();
        let life = self.rules.now().config.jupyterhub.cookie_max_age;
        let life = TimeDelta::from_std(life).unwrap_or(TimeDelta::days(14));
        // A new id at every login, whatever the browser sent: an id that an attacker planted is worth nothing.
        let session = Session {
            id: hex::encode(random_bytes::<16>()),
            user_id: user.id,
            created: now,
            expires: now + life,
        };
        let secret = Token::generate();
        let tx = self.db.write().await?;
        sessions::insert(&tx, &session, secret.hash()).await?;
        tx.commit().await?;
        Ok(NewSession {
            user,
            id: session.id,
            secret,
            life,
        })
    }

    /// Ends all sessions of a user and revokes every token that belongs to one.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn end_all(&self, user: UserId) -> Result<(), DbError> {
        let tx = self.db.write().await?;
        sessions::end_all(&tx, user).await?;
        tx.commit_and_tell(&self.bus, [Event::Identities]).await
    }

    /// Ends a session and revokes every token that belongs to it, here and at once.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn end(&self, session_id: &str) -> Result<(), DbError> {
        let tx = self.db.write().await?;
        sessions::end(&tx, session_id).await?;
        tx.commit_and_tell(&self.bus, [Event::Identities]).await
    }
}

#[cfg(test)]
mod tests;
