//! One password for everybody, another for administrators: a workshop among people who trust each other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hub_types::names::normalise;
use hub_types::secret::Token;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm, same_password};
use crate::config::Config;

/// Source: JupyterHub 6.1's `SharedPasswordAuthenticator`. An administrator's name wants the administrators'
/// password and nothing else: without one, administrators cannot log in.
#[derive(Debug)]
pub struct SharedPassword {
    user: Option<Token>,
    admin: Option<Token>,
    admins: BTreeSet<String>,
}

impl SharedPassword {
    /// Takes the passwords and the administrators' names from the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let shared = &config.shared_password;
        Self {
            user: shared.user_password.clone(),
            admin: shared.admin_password.clone(),
            admins: config
                .authenticator
                .admin_users
                .iter()
                .map(|name| normalise(name))
                .collect(),
        }
    }
}

#[async_trait]
impl Authenticator for SharedPassword {
    fn class(&self) -> &'static str {
        "jupyterhub.auth.SharedPasswordAuthenticator"
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let wanted = if self.admins.contains(name) {
            self.admin.as_ref()
        } else {
            self.user.as_ref()
        };
        let right = wanted.is_some_and(|password| same_password(&form.password, password));
        Ok(right.then(|| AuthModel {
            name: name.to_owned(),
            ..AuthModel::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_name_has_one_password() {
        let auth = SharedPassword {
            user: Some(Token::from_config("for-users")),
            admin: Some(Token::from_config("for-admins")),
            admins: ["mal".to_owned()].into(),
        };
        for (name, password, right) in [
            ("zoe", "for-users", true),
            ("zoe", "for-admins", false),
            ("mal", "for-admins", true),
            ("mal", "for-users", false),
            ("zoe", "", false),
            ("zoe", "for-users ", false),
        ] {
            let form = LoginForm {
                username: name.into(),
                password: Token::from_config(password),
            };
            let got = auth.authenticate(name, &form).await.unwrap();
            assert_eq!(got.is_some(), right, "{name} {password}");
        }
    }

    #[tokio::test]
    async fn the_users_password_never_opens_an_administrators_account() {
        let auth = SharedPassword {
            user: Some(Token::from_config("for-users")),
            admin: None,
            admins: ["mal".to_owned()].into(),
        };
        let form = LoginForm {
            username: "mal".into(),
            password: Token::from_config("for-users"),
        };
        assert_eq!(auth.authenticate("mal", &form).await.unwrap(), None);
    }

    #[tokio::test]
    async fn without_a_password_nobody_comes_in() {
        let auth = SharedPassword {
            user: None,
            admin: None,
            admins: BTreeSet::new(),
        };
        let form = LoginForm {
            username: "a".into(),
            password: Token::from_config(""),
        };
        assert_eq!(auth.authenticate("a", &form).await.unwrap(), None);
    }
}
