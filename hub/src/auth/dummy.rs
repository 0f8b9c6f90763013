//! Any name, perhaps one password: for trying things out.

use async_trait::async_trait;
use hub_types::secret::Token;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm, same_password};

/// Accepts every name; with a password set, only that password.
#[derive(Debug)]
pub struct Dummy {
    password: Option<Token>,
}

impl Dummy {
    /// `password` is `DummyAuthenticator.password`; none or empty accepts anything.
    #[must_use]
    pub fn new(password: Option<Token>) -> Self {
        Self {
            password: password.filter(|password| !password.expose().is_empty()),
        }
    }
}

#[async_trait]
impl Authenticator for Dummy {
    fn class(&self) -> &'static str {
        "jupyterhub.auth.DummyAuthenticator"
    }

    fn asks_for_password(&self) -> bool {
        self.password.is_some()
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let right = self
            .password
            .as_ref()
            .is_none_or(|password| same_password(&form.password, password));
        Ok(right.then(|| AuthModel {
            name: name.to_owned(),
            ..AuthModel::default()
        }))
    }
}
