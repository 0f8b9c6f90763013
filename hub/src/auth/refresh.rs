//! Whether a login still holds: the authenticator is asked again every `auth_refresh_age`. Source: JupyterHub's
//! `refresh_auth`.
//!
//! When somebody was asked about is known to this process only; another asks again. While the authenticator cannot answer,
//! what was known goes on.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use tokio::sync::Mutex;

use super::Refreshed;
use super::login::{Login, LoginError};
use crate::db::DbError;
use crate::domain::user::{User, UserId};

/// How many users are remembered.
const CAPACITY: u64 = 50_000;

/// What was answered last, and when.
#[derive(Debug, Clone, Copy)]
struct Answered {
    at: DateTime<Utc>,
    holds: bool,
}

/// Remembers who was asked about when. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Freshness(Cache<UserId, Arc<Mutex<Option<Answered>>>>);

impl Default for Freshness {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Freshness {
    async fn of(&self, user: UserId) -> Arc<Mutex<Option<Answered>>> {
        self.0
            .get_with(user, async { Arc::new(Mutex::new(None)) })
            .await
    }

    /// Notes that somebody has just logged in.
    pub(super) async fn renew(&self, user: UserId, at: DateTime<Utc>) {
        *self.of(user).await.lock().await = Some(Answered { at, holds: true });
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
        let answered = self.freshness().of(user.id).await;
        // One at a time asks about a user; the others take the answer.
        let mut answered = answered.lock().await;
        let now = self.clock().now();
        if let Some(known) = answered.filter(|known| !ask && !is_due(known.at, now, age)) {
            return Ok(known.holds);
        }
        let holds = match self.asked_again(user).await? {
            Ok(Refreshed::Unchanged) => true,
            Ok(Refreshed::New(model)) => {
                match self.take(user, &model).await {
                    Ok(()) => {}
                    Err(LoginError::Db(error)) => return Err(error),
                    Err(error) => tracing::error!("{} is left as it was: {error}", user.name),
                }
                true
            }
            Ok(Refreshed::Gone(why)) => {
                tracing::warn!("the login of {} does not hold any more: {why}", user.name);
                false
            }
            Err(error) => {
                tracing::error!(
                    "the login of {} cannot be checked again: {error}",
                    user.name
                );
                answered.is_none_or(|known| known.holds)
            }
        };
        *answered = Some(Answered { at: now, holds });
        Ok(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_authenticator_is_asked_again() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let age = Duration::from_secs(300);
        for (then, now, due) in [
            (0, 0, false),
            (0, 299, false),
            (0, 300, true),
            (10, 9, true),
        ] {
            assert_eq!(is_due(at(then), at(now), age), due, "{then} {now}");
        }
    }
}
