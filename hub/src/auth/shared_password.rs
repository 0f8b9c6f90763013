//! One password for everybody, another for administrators: a workshop among people who trust each other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hub_types::secret::Token;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm, same_password};
use crate::config::Config;

/// Source: JupyterHub 6.1's `SharedPasswordAuthenticator`. An administrator's name wants the administrators'
/// password and nothing else: without one, administrators cannot log in.
#[derive(Debug)]
pub struct SharedPassword {
    user: Option<Token>,
    admin: Option<Token>,
    /// Passwords that put their users into groups.
    groups: Vec<(Token, Vec<String>)>,
}

impl SharedPassword {
    /// Takes the passwords from the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let shared = &config.shared_password;
        Self {
            user: shared.user_password.clone(),
            admin: shared.admin_password.clone(),
            groups: shared.password_groups.clone(),
        }
    }

    fn is_admins(&self, typed: &Token) -> bool {
        let password = self.admin.as_ref();
        password.is_some_and(|password| same_password(typed, password))
    }

    /// The groups that come with a password of users, if it is one.
    fn groups_of(&self, typed: &Token) -> Option<BTreeSet<String>> {
        let user = self.user.as_ref();
        let mut found = user
            .is_some_and(|password| same_password(typed, password))
            .then(BTreeSet::new);
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
        let of_admins = self.is_admins(&form.password).then(BTreeSet::new);
        let groups = self.groups_of(&form.password).or(of_admins);
        Ok(groups.map(|groups| AuthModel {
            name: name.to_owned(),
            groups: Some(groups),
            ..AuthModel::default()
        }))
    }

    fn opens(&self, administrator: bool, form: &LoginForm) -> bool {
        match administrator {
            true => self.is_admins(&form.password),
            false => self.groups_of(&form.password).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the password opens the account of an administrator, or of anybody else.
    async fn comes_in(auth: &SharedPassword, administrator: bool, password: &str) -> bool {
        let form = LoginForm::new("mal", password);
        let model = auth.authenticate("mal", &form).await.unwrap();
        model.is_some() && auth.opens(administrator, &form)
    }

    #[tokio::test]
    async fn each_name_has_one_password() {
        let auth = SharedPassword {
            user: Some(Token::from_config("for-users")),
            admin: Some(Token::from_config("for-admins")),
            groups: vec![(
                Token::from_config("for-physics"),
                vec!["physics".to_owned()],
            )],
        };
        for (administrator, password, right) in [
            (false, "for-users", true),
            (false, "for-physics", true),
            (false, "for-admins", false),
            (true, "for-admins", true),
            (true, "for-users", false),
            (true, "for-physics", false),
            (false, "", false),
            (false, "for-users ", false),
        ] {
            let got = comes_in(&auth, administrator, password).await;
            assert_eq!(got, right, "{administrator} {password}");
        }
    }

    #[tokio::test]
    async fn the_users_password_never_opens_an_administrators_account() {
        let auth = SharedPassword {
            user: Some(Token::from_config("for-users")),
            admin: None,
            groups: Vec::new(),
        };
        assert!(!comes_in(&auth, true, "for-users").await);
    }

    #[tokio::test]
    async fn without_a_password_nobody_comes_in() {
        let auth = SharedPassword {
            user: None,
            admin: None,
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
            groups: vec![(Token::from_config("for-crew"), vec!["crew".to_owned()])],
        };
        for (name, password, groups) in [
            ("zoe", "for-crew", Some(vec!["crew"])),
            ("zoe", "for-users", Some(vec![])),
            ("zoe", "for-nobody", None),
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
