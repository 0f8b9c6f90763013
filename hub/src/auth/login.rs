//! From a form to a session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;
use hub_types::names::normalise;
use hub_types::secret::{Token, random_bytes};

use super::rules::{LiveRules, Rules};
use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm};
use crate::bus::{Bus, Event};
use crate::config::Config;
use crate::db::sessions::Session;
use crate::db::{Db, DbError, sessions, users};
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
}

/// Logs people in.
#[derive(Debug, Clone)]
pub struct Login {
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    rules: LiveRules,
    authenticator: Arc<dyn Authenticator>,
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
    let all = |names: &BTreeSet<String>| names.iter().map(mapped).collect();
    LoginPolicy {
        allow_all: config.allow_all(),
        allow_existing: config.allow_existing_users(),
        allowed: all(&auth.allowed_users),
        blocked: all(&auth.blocked_users),
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
            db,
            bus,
            clock,
            rules: LiveRules::new(config),
            authenticator,
        }
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
        let rules = self.rules.now();
        let name = rules.policy.normalise(&form.username);
        if self.authenticator.asks_for_password() && form.password.expose().is_empty() {
            return Err(LoginRefusal::Credentials.into());
        }
        let Some(model) = self.authenticator.authenticate(&name, form).await? else {
            return Err(LoginRefusal::Credentials.into());
        };
        self.admit(&rules, &name, &model).await
    }

    /// Checks a form and begins a session.
    ///
    /// # Errors
    /// As [`Login::check`].
    pub async fn begin(&self, form: &LoginForm) -> Result<NewSession, LoginError> {
        let user = self.check(form).await?;
        Ok(self.session(user).await?)
    }

    async fn admit(
        &self,
        rules: &Rules,
        checked: &str,
        model: &AuthModel,
    ) -> Result<User, LoginError> {
        // The name that was checked is normalised already: a map must not be applied twice.
        let name = if model.name == checked {
            checked.to_owned()
        } else {
            rules.policy.normalise(&model.name)
        };
        let known = users::find(self.db.read(), &name).await?;
        let pattern = rules.config.authenticator.by_pattern(&name);
        let (username, admin) = rules
            .policy
            .admit(&name, known.is_some(), model.admin, pattern)
            .map_err(LoginRefusal::from)?;
        let now = self.clock.now();
        let tx = self.db.write().await?;
        let user = match users::find(&*tx, username.as_str()).await? {
            Some(user) => user,
            None => users::insert(&tx, &username, admin.unwrap_or(false), now).await?,
        };
        let changed = admin.is_some_and(|admin| admin != user.admin);
        if let (true, Some(admin)) = (changed, admin) {
            users::set_admin(&tx, user.id, admin).await?;
        }
        if model.user_info.is_some() {
            users::set_info(&tx, user.id, model.user_info.as_ref()).await?;
        }
        let told = changed.then_some(Event::Identities);
        tx.commit_and_tell(&self.bus, told).await?;
        Ok(User {
            admin: admin.unwrap_or(user.admin),
            ..user
        })
    }

    async fn session(&self, user: User) -> Result<NewSession, DbError> {
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
mod tests {
    use async_trait::async_trait;
    use hub_types::clock::FakeClock;

    use super::*;

    /// Believes everybody, as a directory does that takes a bind without a password for an anonymous one.
    #[derive(Debug)]
    struct Gullible {
        asks: bool,
    }

    #[async_trait]
    impl Authenticator for Gullible {
        fn class(&self) -> &'static str {
            "gullible"
        }

        fn asks_for_password(&self) -> bool {
            self.asks
        }

        async fn authenticate(
            &self,
            name: &str,
            _: &LoginForm,
        ) -> Result<Option<AuthModel>, AuthUnavailable> {
            let name = name.to_owned();
            Ok(Some(AuthModel {
                name,
                ..AuthModel::default()
            }))
        }
    }

    #[tokio::test]
    async fn an_empty_password_is_nobodys() {
        let db = crate::db::testing::empty().await;
        let mut config = Config::default();
        config.authenticator.allow_all = Some(true);
        let config = Arc::new(config);
        for (asks, password, comes_in) in [
            (true, "", false),
            (true, " ", true),
            (true, "x", true),
            (false, "", true),
        ] {
            let clock = Arc::new(FakeClock::at(DateTime::UNIX_EPOCH));
            let authenticator = Arc::new(Gullible { asks });
            let login = Login::new(
                db.clone(),
                Bus::default(),
                clock,
                Arc::clone(&config),
                authenticator,
            );
            let form = LoginForm {
                username: "alice".to_owned(),
                password: Token::from_config(password),
            };
            let came_in = match login.check(&form).await {
                Ok(_) => true,
                Err(LoginError::Refused(LoginRefusal::Credentials)) => false,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(came_in, comes_in, "{asks} {password:?}");
        }
    }
}
