//! Whether a login still holds: the authenticator is asked again every `auth_refresh_age`. Source: JupyterHub's
//! `refresh_auth`.
//!
//! When somebody was asked about is known to this process only; another asks again. While the authenticator cannot answer,
//! or takes long, what was known goes on: one request waits for it, the others of the same user do not.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::auth_state::Remembered;
use super::login::{Login, LoginError};
use super::{AuthUnavailable, Refreshed};
use crate::db::DbError;
use crate::domain::user::{User, UserId};

/// How many users are remembered.
const CAPACITY: u64 = 50_000;

/// How often one refresh asks at most, when logins come in between.
const QUESTIONS: usize = 3;

/// How long a request waits for the authenticator before it goes on with what was known.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for somebody about whom nobody could answer the last time: the question goes on without them.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// How soon is asked again after nobody could answer.
const RETRY: Duration = Duration::from_secs(30);

/// What was answered last, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answered {
    at: DateTime<Utc>,
    holds: bool,
    /// Whether that was an answer; else it is what was known before.
    answered: bool,
}

impl Answered {
    /// Whether it is too old.
    fn is_due(&self, now: DateTime<Utc>, age: Duration) -> bool {
        let age = if self.answered { age } else { age.min(RETRY) };
        is_due(self.at, now, age)
    }
}

/// What came of a question.
enum Heard {
    Holds(bool),
    /// Nobody could say.
    Nothing,
    /// Something else is kept by now than what was asked about.
    Outdated,
}

/// What is known of one user's login.
#[derive(Debug, Default)]
struct Known {
    last: std::sync::Mutex<Option<Answered>>,
    /// Whoever asks about the user: one at a time.
    asking: Arc<Mutex<()>>,
}

impl Known {
    fn last(&self) -> Option<Answered> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without an answer nobody is turned away.
    fn holds(&self) -> bool {
        self.last().is_none_or(|last| last.holds)
    }

    /// The right to ask. None when somebody asks already, unless it `must` be known now: that is asked after them.
    async fn turn(&self, must: bool) -> Option<OwnedMutexGuard<()>> {
        match Arc::clone(&self.asking).try_lock_owned() {
            Ok(turn) => Some(turn),
            Err(_) if must => Some(Arc::clone(&self.asking).lock_owned().await),
            Err(_) => None,
        }
    }

    /// How long a request waits for an answer. A provider that hangs costs a user one long wait, not one every half minute.
    fn patience(&self) -> Duration {
        match self.last() {
            Some(last) if !last.answered => SHORT_PATIENCE,
            _ => PATIENCE,
        }
    }

    fn set(&self, last: Answered) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }
}

/// Remembers who was asked about when. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Freshness(Cache<UserId, Arc<Known>>);

impl Default for Freshness {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Freshness {
    async fn of(&self, user: UserId) -> Arc<Known> {
        self.0.get_with(user, async { Arc::default() }).await
    }

    /// Notes that somebody has just logged in.
    pub(super) async fn renew(&self, user: UserId, at: DateTime<Utc>) {
        self.of(user).await.set(Answered {
            at,
            holds: true,
            answered: true,
        });
    }
}

/// Whether what was answered at `then` is too old.
fn is_due(then: DateTime<Utc>, now: DateTime<Utc>, age: Duration) -> bool {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    // A clock that was set back makes nothing fresh for ever.
    now < then || now - then >= age
}

impl Login {
    /// Whether the login of `user` still holds. The authenticator is asked when that is due, or `now` when it must be.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn still_holds(&self, user: &User, ask: bool) -> Result<bool, DbError> {
        let age = self.rules().now().config.authenticator.auth_refresh_age;
        let authenticator = self.authenticator();
        if age.is_zero() || !authenticator.refreshes() {
            return Ok(true);
        }
        let known = self.freshness().of(user.id).await;
        let is_known = || {
            let now = self.clock().now();
            known.last().filter(|last| !last.is_due(now, age))
        };
        if let Some(last) = is_known().filter(|_| !ask) {
            return Ok(last.holds);
        }
        let Some(turn) = known.turn(ask).await else {
            return Ok(known.holds());
        };
        if let Some(last) = is_known().filter(|_| !ask) {
            return Ok(last.holds);
        }
        // To its end, although the request may be given up: the next one finds the answer.
        let asking = tokio::spawn(ask_again(
            self.clone(),
            user.clone(),
            Arc::clone(&known),
            turn,
        ));
        let asked = match ask {
            true => asking.await,
            false => match timeout(known.patience(), asking).await {
                Ok(asked) => asked,
                Err(_) => return Ok(known.holds()),
            },
        };
        asked.unwrap_or_else(|_| Ok(known.holds()))
    }

    /// What the authenticator says now. When a login has left something else meanwhile, here or at another hub, the answer
    /// was to an old question, and another is asked. `None` when nobody could say.
    async fn refreshed(
        &self,
        user: &User,
        known: &Known,
        before: Option<Answered>,
    ) -> Result<Option<bool>, DbError> {
        for _ in 0..QUESTIONS {
            let (read, said) = self.asked_again(user).await?;
            if known.last() != before {
                return Ok(Some(known.holds()));
            }
            match self.heard(user, &read, said).await? {
                Heard::Holds(holds) => return Ok(Some(holds)),
                Heard::Nothing => return Ok(None),
                Heard::Outdated => {}
            }
        }
        Ok(None)
    }

    /// Takes over what the authenticator said when this was `read`, and says whether the login holds.
    async fn heard(
        &self,
        user: &User,
        read: &Remembered,
        said: Result<Refreshed, AuthUnavailable>,
    ) -> Result<Heard, DbError> {
        let states = self.auth_states();
        Ok(match said {
            Ok(Refreshed::Unchanged) => Heard::Holds(true),
            Ok(Refreshed::Tokens(state)) => {
                let tx = self.db().write().await?;
                let kept = states.replace(&tx, user.id, read, &state).await?;
                tx.commit().await?;
                match kept {
                    // There are new tokens, and nobody could be asked with them.
                    true => Heard::Nothing,
                    false => Heard::Outdated,
                }
            }
            Ok(Refreshed::New(model)) => match self.take(user, read, &model).await {
                Ok(true) => Heard::Holds(true),
                Ok(false) => Heard::Outdated,
                // Blocked meanwhile.
                Err(LoginError::Refused(_)) => Heard::Holds(false),
                Err(LoginError::Db(error)) => return Err(error),
                Err(error) => {
                    tracing::error!("{} is left as it was: {error}", user.name);
                    Heard::Holds(true)
                }
            },
            // Another hub may have been given tokens for those that were shown, which are good for nothing then.
            Ok(Refreshed::Gone(_))
                if states.are_kept() && !states.is_still(user.id, read).await? =>
            {
                Heard::Outdated
            }
            Ok(Refreshed::Gone(why)) => {
                tracing::warn!("the login of {} does not hold any more: {why}", user.name);
                Heard::Holds(false)
            }
            Err(error) => {
                let name = &user.name;
                tracing::error!("the login of {name} cannot be checked again: {error}");
                Heard::Nothing
            }
        })
    }
}

/// Asks, and notes what was answered before anybody else may ask.
async fn ask_again(
    login: Login,
    user: User,
    known: Arc<Known>,
    _turn: OwnedMutexGuard<()>,
) -> Result<bool, DbError> {
    let (begin, before) = (login.clock().now(), known.last());
    let heard = login.refreshed(&user, &known, before).await?;
    let (holds, answered) = (heard.unwrap_or_else(|| known.holds()), heard.is_some());
    // An answer is as old as its question. That nobody answered is known from now on, however long that took.
    let at = if answered { begin } else { login.clock().now() };
    // Somebody who has logged in again meanwhile is not turned away by an answer to an older question.
    if known.last() == before {
        known.set(Answered {
            at,
            holds,
            answered,
        });
    }
    Ok(holds)
}

#[cfg(test)]
mod tests;
