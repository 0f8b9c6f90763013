//! Nobody logs in: a hub that is only used by services and through its API.

use async_trait::async_trait;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm, Way};

/// Lets nobody in.
#[derive(Debug)]
pub struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    fn class(&self) -> &'static str {
        "jupyterhub.auth.NullAuthenticator"
    }

    fn way(&self) -> Way {
        Way::Closed
    }

    async fn authenticate(
        &self,
        _: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        Ok(None)
    }
}
