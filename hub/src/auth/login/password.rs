//! Whose password was typed, and which account it opens.

use hub_types::names::normalise;

use super::{Login, LoginError, LoginRefusal, Newcomers};
use crate::auth::rules::{Rules, account};
use crate::auth::{AuthUnavailable, LoginForm};
use crate::domain::login::{LoginPolicy, Refusal};
use crate::domain::user::User;

/// What somebody is called who fills in a form.
pub(super) struct Names {
    /// By the authenticator, whose password it is: as typed.
    asked: String,
    /// By the hub: as `username_map` says.
    mapped: String,
    /// The same as the authenticator spells it: the name of the user.
    pub(super) account: String,
}

impl Login {
    /// The map renames whoever has come in: their password is that of the name that they typed. Source: JupyterHub's
    /// `get_authenticated_user`.
    pub(super) async fn names(
        &self,
        policy: &LoginPolicy,
        typed: &str,
    ) -> Result<Names, AuthUnavailable> {
        let (authenticator, mapped) = (&*self.authenticator, policy.normalise(typed));
        let typed = normalise(typed);
        // The map may only spell it in capitals, as the authenticator has it.
        let asked = match normalise(&mapped) == typed {
            true => mapped.clone(),
            false => typed,
        };
        Ok(Names {
            asked: authenticator.normalise(asked).await?,
            account: account(policy, authenticator, mapped.clone()).await?,
            mapped,
        })
    }

    pub(super) async fn check_password(
        &self,
        (rules, policy): (&Rules, &LoginPolicy),
        names: &Names,
        form: &LoginForm,
        new: Newcomers,
    ) -> Result<User, LoginError> {
        if self.authenticator.asks_for_password() && form.password.expose().is_empty() {
            return Err(LoginRefusal::Credentials.into());
        }
        let said = self.authenticator.authenticate(&names.asked, form).await?;
        let Some(mut model) = said else {
            return Err(LoginRefusal::Credentials.into());
        };
        // Only now, as in JupyterHub: the time of a refusal must not tell who is blocked.
        let blocked = [&names.mapped, &names.account].map(|name| policy.blocked.contains(name));
        if blocked.contains(&true) {
            return Err(LoginRefusal::Policy(Refusal::Blocked).into());
        }
        let name = match model.name == names.asked {
            true => names.account.clone(),
            false => policy.normalise(&model.name),
        };
        if name != model.name
            && let Some(groups) = self.authenticator.groups_of(&name).await?
        {
            model.groups = Some(groups);
        }
        if !self
            .authenticator
            .opens(policy.admins.contains(&name), form)
        {
            return Err(LoginRefusal::Credentials.into());
        }
        self.admit((rules, policy), &name, &model, new).await
    }
}
