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
    /// Passwords that put their users into groups.
    groups: Vec<(Token, Vec<String>)>,
}

impl SharedPassword {
    /// Takes the passwords and the administrators' names from the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let shared = &config.shared_password;
        Self {
            user: shared.user_password.clone(),
            admin: shared.admin_password.clone(),
            groups: shared.password_groups.clone(),
            admins: config
                .authenticator
                .admin_users
                .iter()
                .map(|name| normalise(name))
                .collect(),
        }
    }

    /// The groups that come with the password, if it is one for this name.
    fn groups_of(&self, name: &str, typed: &Token) -> Option<BTreeSet<String>> {
        let is_it = |password: &Option<Token>| {
            let password = password.as_ref();
            password.is_some_and(|password| same_password(typed, password))
        };
        if self.admins.contains(name) {
            return is_it(&self.admin).then(BTreeSet::new);
        }
        let mut found = is_it(&self.user).then(BTreeSet::new);
        // All are compared: the time tells nothing of which it was.
        for (password, groups) in &self.groups {
            if same_password(typed, password) && found.is_none() {
                found = Some(groups.iter().cloned().collect());
            }
        }
        found
    }
}

#[async_trait]
impl Authenticator for SharedPassword {
    fn class(&self) -> &'static str {
        "jupyterhub.auth.SharedPasswordAuthenticator"
    }

    fn says_groups(&self) -> bool {
        true
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        Ok(self
            .groups_of(name, &form.password)
            .map(|groups| AuthModel {
                name: name.to_owned(),
                groups: Some(groups),
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
            groups: Vec::new(),
        };
        for (name, password, right) in [
            ("zoe", "for-users", true),
            ("zoe", "for-admins", false),
            ("mal", "for-admins", true),
            ("mal", "for-users", false),
            ("zoe", "", false),
            ("zoe", "for-users ", false),
        ] {
            let form = LoginForm::new(name, password);
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
            groups: Vec::new(),
        };
        let form = LoginForm::new("mal", "for-users");
        assert_eq!(auth.authenticate("mal", &form).await.unwrap(), None);
    }

    #[tokio::test]
    async fn without_a_password_nobody_comes_in() {
        let auth = SharedPassword {
            user: None,
            admin: None,
            admins: BTreeSet::new(),
            groups: Vec::new(),
        };
        let form = LoginForm::new("a", "");
        assert_eq!(auth.authenticate("a", &form).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_password_of_a_group_puts_into_it() {
        let auth = SharedPassword {
            user: Some(Token::from_config("for-users")),
            admin: None,
            admins: ["mal".to_owned()].into(),
            groups: vec![(Token::from_config("for-crew"), vec!["crew".to_owned()])],
        };
        for (name, password, groups) in [
            ("zoe", "for-crew", Some(vec!["crew"])),
            ("zoe", "for-users", Some(vec![])),
            ("zoe", "for-nobody", None),
            ("mal", "for-crew", None),
        ] {
            let got = auth
                .authenticate(name, &LoginForm::new(name, password))
                .await;
            let got = got.unwrap().and_then(|model| model.groups);
            let got = got.map(|groups| groups.into_iter().collect::<Vec<_>>());
            assert_eq!(
                got,
                groups.map(|groups| groups.into_iter().map(String::from).collect())
            );
        }
    }
}
