//! Whose password was typed, and which account it opens.

use hub_types::names::normalise;

use super::{Login, LoginError, LoginRefusal, Newcomers};
use crate::auth::rules::{Called, Rules, called};
use crate::auth::{AuthUnavailable, LoginForm};
use crate::domain::login::{LoginPolicy, Refusal};
use crate::domain::user::User;

/// What somebody is called who fills in a form.
pub(super) struct Names {
    /// By the authenticator, whose password it is: as typed.
    asked: String,
    /// By the rules, and as a user of the hub.
    pub(super) called: Called,
}

impl Login {
    /// The map renames whoever has come in: their password is that of the name that they typed. Source: JupyterHub's
    /// `get_authenticated_user`.
    pub(super) async fn names(
        &self,
        policy: &LoginPolicy,
        typed: &str,
    ) -> Result<Names, AuthUnavailable> {
        let called = called(policy, &*self.authenticator, typed).await?;
        let mapped = policy.normalise(typed);
        // The map may only spell it in capitals, as the authenticator has it.
        let only_spelled = mapped != called.typed && normalise(&mapped) == called.typed;
        let asked = match only_spelled {
            true => called.account.clone(),
            false => called.own.clone(),
        };
        Ok(Names { asked, called })
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
        let said = match model.name == names.asked {
            true => names.called.clone(),
            false => called(policy, &*self.authenticator, &model.name).await?,
        };
        // Only now, as in JupyterHub: the time of a refusal must not tell who is blocked.
        if names.called.is_blocked(policy) || said.is_blocked(policy) {
            return Err(LoginRefusal::Policy(Refusal::Blocked).into());
        }
        let name = said.account;
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
