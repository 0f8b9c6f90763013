//! From what an authenticator says of somebody to a user: judged by the rules, registered, written down.

use std::collections::BTreeSet;

use hub_types::names::{GroupName, Username};

use super::{Login, LoginError, LoginRefusal, Newcomers};
use crate::auth::auth_state::Remembered;
use crate::auth::rules::Rules;
use crate::auth::{AddUserError, AuthModel, AuthUnavailable};
use crate::bus::Event;
use crate::db::{Tx, groups, users};
use crate::domain::login::{Known, LoginPolicy, Refusal};
use crate::domain::user::User;

impl Login {
    /// Lets in the user `name`, which is normalised and mapped already: a map must not be applied twice.
    pub(super) async fn admit(
        &self,
        (rules, policy): (&Rules, &LoginPolicy),
        name: &str,
        model: &AuthModel,
        new: Newcomers,
    ) -> Result<User, LoginError> {
        let existing = users::find(self.db.read(), name).await?.is_some();
        if !existing && new == Newcomers::Refuse {
            return Err(LoginRefusal::NotRegistered("it is no login".to_owned()).into());
        }
        let (username, admin) = self.judge((rules, policy), name, existing, model).await?;
        if !existing {
            self.add_user(&username).await?;
        }
        let _settled = self.settle(&username).await?;
        let now = self.clock.now();
        let tx = self.db.write().await?;
        let user = match users::find(&*tx, username.as_str()).await? {
            Some(user) => user,
            None => users::insert(&tx, &username, admin.unwrap_or(false), now).await?,
        };
        // As in JupyterHub, what was kept of a login does not outlive the setting.
        let state = model.auth_state.as_ref().filter(|_| self.states.are_kept());
        self.states.write(&tx, user.id, state).await?;
        let user = self.write(tx, user, model, admin).await?;
        self.freshness.renew(user.id, now).await;
        Ok(user)
    }

    /// By the rules of the configuration, then by those of the authenticator.
    pub(super) async fn judge(
        &self,
        (rules, policy): (&Rules, &LoginPolicy),
        name: &str,
        existing: bool,
        model: &AuthModel,
    ) -> Result<(Username, Option<bool>), LoginError> {
        let pattern = rules.config.authenticator.by_pattern(name);
        let known = Known {
            existing,
            admin: model.admin,
            allowed: model.allowed == Some(true),
        };
        let mut admitted = policy.admit(name, known, pattern);
        if admitted == Err(Refusal::NotAllowed)
            && self.authenticator.allows(&Username::stored(name)).await?
        {
            let known = Known {
                allowed: true,
                ..known
            };
            admitted = policy.admit(name, known, pattern);
        }
        let (username, admin) = admitted.map_err(LoginRefusal::from)?;
        let admin = match admin {
            Some(admin) => Some(admin),
            None => self.authenticator.is_admin(&username).await?,
        };
        Ok((username, admin))
    }

    async fn add_user(&self, name: &Username) -> Result<(), LoginError> {
        self.authenticator
            .add_user(name)
            .await
            .map_err(|error| match error {
                AddUserError::Refused(why) => LoginRefusal::NotRegistered(why).into(),
                AddUserError::Unavailable(error) => error.into(),
            })
    }

    /// Writes what is known of a user now, beside what is kept of the login.
    async fn write(
        &self,
        tx: Tx,
        user: User,
        model: &AuthModel,
        admin: Option<bool>,
    ) -> Result<User, LoginError> {
        let mut changed = admin.is_some_and(|admin| admin != user.admin);
        if let (true, Some(admin)) = (changed, admin) {
            users::set_admin(&tx, user.id, admin).await?;
        }
        let info = model.user_info.as_ref();
        if info.is_some() && info != user.user_info.as_ref() {
            users::set_info(&tx, user.id, info).await?;
            changed = true;
        }
        if self.rules.now().config.authenticator.manage_groups
            && let Some(names) = self.groups_of(&user, model)?
        {
            changed |= groups::set_of_user(&tx, user.id, &names).await?;
        }
        tx.commit_and_tell(&self.bus, changed.then_some(Event::Identities))
            .await?;
        Ok(User {
            admin: admin.unwrap_or(user.admin),
            user_info: model.user_info.clone().or(user.user_info),
            ..user
        })
    }

    /// The groups that the authenticator names, without those that cannot be. One that knows groups, but not those of this
    /// user right now, leaves them as they are. Source: JupyterHub's `auth_to_user`.
    fn groups_of(
        &self,
        user: &User,
        model: &AuthModel,
    ) -> Result<Option<BTreeSet<String>>, LoginError> {
        let Some(groups) = &model.groups else {
            if self.authenticator.says_groups() {
                return Ok(None);
            }
            let class = self.authenticator.class();
            let why =
                format!("[Authenticator] manage_groups is on, but {class} says nothing of groups");
            return Err(AuthUnavailable(why).into());
        };
        let (good, bad): (BTreeSet<_>, BTreeSet<_>) = groups
            .iter()
            .cloned()
            .partition(|name| GroupName::new(name).is_ok());
        for name in bad {
            tracing::warn!("{} is in a group that cannot be: {name:?}", user.name);
        }
        Ok(Some(good))
    }

    /// Takes over what is known of a user now, without a login, by what was `read` when the authenticator was asked: whether
    /// that is so. What a login has left meanwhile is newer.
    pub(in crate::auth) async fn take(
        &self,
        user: &User,
        read: &Remembered,
        model: &AuthModel,
    ) -> Result<bool, LoginError> {
        let kept = self.states.are_kept();
        // Whoever was blocked while the authenticator was asked gets back nothing of what was taken from them.
        let _settled = self.settle(&user.name).await?;
        let tx = self.db.write().await?;
        if kept && !self.states.is_still_in(&tx, user.id, read).await? {
            return Ok(false);
        }
        let Some(user) = users::get(&*tx, user.id).await? else {
            return Ok(true);
        };
        if let Some(state) = model.auth_state.as_ref().filter(|_| kept)
            && !self.states.replace(&tx, user.id, read, state).await?
        {
            return Ok(false);
        }
        self.write(tx, user, model, model.admin).await?;
        Ok(true)
    }
}
