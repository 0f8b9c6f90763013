//! People who log in elsewhere: let in as the authenticator says who they are, and asked about again with what was kept of
//! their login.

use super::{Login, LoginError, LoginRefusal, NewSession, Newcomers};
use crate::auth::auth_state::Remembered;
use crate::auth::rules::called;
use crate::auth::{AuthModel, AuthUnavailable, Refreshed};
use crate::db::DbError;
use crate::domain::login::Refusal;
use crate::domain::user::User;

impl Login {
    /// Begins a session for somebody who has logged in elsewhere, as the authenticator says; registers them when it is the
    /// first login.
    ///
    /// # Errors
    /// When no rule allows them, or nobody can say.
    pub async fn begin_as(&self, model: AuthModel) -> Result<NewSession, LoginError> {
        let rules = self.rules.now();
        let said = called(&rules.policy, &*self.authenticator, &model.name).await?;
        let policy = rules.policy_for(&*self.authenticator).await?;
        if said.is_blocked(policy) {
            return Err(LoginRefusal::Policy(Refusal::Blocked).into());
        }
        let user = self
            .admit((&rules, policy), &said.account, &model, Newcomers::Register)
            .await?;
        self.session(user).await
    }

    /// What has become of a user, as the authenticator says with what is kept of the login; and what that was. Somebody
    /// whom a rule on what a provider says had let in, and now no rule does, is gone.
    ///
    /// # Errors
    /// When the database refuses or is gone; inside, when nobody can say.
    pub(in crate::auth) async fn asked_again(
        &self,
        user: &User,
    ) -> Result<(Remembered, Result<Refreshed, AuthUnavailable>), DbError> {
        let read = match self.states.are_kept() {
            true => self.states.read(user).await?,
            false => Remembered::default(),
        };
        let now = self.clock.now();
        let said = self
            .authenticator
            .refresh_with(&user.name, read.state.as_ref(), now);
        let said = match said.await {
            Ok(Refreshed::New(model)) => self.judged_again(user, model).await?,
            other => other,
        };
        Ok((read, said))
    }

    /// By the rules of now.
    async fn judged_again(
        &self,
        user: &User,
        model: AuthModel,
    ) -> Result<Result<Refreshed, AuthUnavailable>, DbError> {
        let rules = self.rules.now();
        let policy = match rules.policy_for(&*self.authenticator).await {
            Ok(policy) => policy,
            Err(unavailable) => return Ok(Err(unavailable)),
        };
        let name = user.name.as_str();
        if model.allowed == Some(false) {
            match self.judge((&rules, policy), name, true, &model).await {
                Ok(_) => {}
                Err(LoginError::Refused(why)) => return Ok(Ok(Refreshed::Gone(why.to_string()))),
                Err(LoginError::Db(error)) => return Err(error),
                Err(error) => return Ok(Err(AuthUnavailable(error.to_string()))),
            }
        }
        let admin = model.admin.filter(|_| !policy.admins.contains(name));
        Ok(Ok(Refreshed::New(AuthModel { admin, ..model })))
    }
}
