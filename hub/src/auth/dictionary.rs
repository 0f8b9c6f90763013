//! Users with a password each, as argon2 hashes in the configuration: a small group of people, without system users.

use std::collections::BTreeMap;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use hub_types::names::normalise;
use hub_types::secret::Token;
use tokio::sync::Semaphore;

use super::{AuthModel, AuthUnavailable, Authenticator, LoginForm};
use crate::config::Dictionary as Settings;

/// How many passwords are checked at once: each takes a processor and 19 MiB for a while.
const AT_ONCE: usize = 2;
/// How many wait for their turn.
const WAITING: usize = 64;
/// The longest password, in bytes: more is no password but work.
const LONGEST: usize = 1024;

/// Checks passwords against the hashes of the section `[dictionary]`.
#[derive(Debug)]
pub struct Dictionary {
    users: BTreeMap<String, Arc<Token>>,
    at_once: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Dictionary {
    /// The users of the configuration.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let users = settings.users.iter();
        Self {
            users: users
                .map(|(name, hash)| (normalise(name), Arc::new(hash.clone())))
                .collect(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
        }
    }
}

/// The argon2id hash of a password, as the section `[dictionary]` has it. Takes a while, as it should.
///
/// # Errors
/// When the machine has no memory or no random numbers for it.
pub fn hash_password(password: &Token) -> Result<String, String> {
    let hash: Result<PasswordHash, _> =
        Argon2::default().hash_password(password.expose().as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

fn is_right(password: &Token, hash: &Token) -> bool {
    let verified = Argon2::default().verify_password(password.expose().as_bytes(), hash.expose());
    verified.is_ok()
}

#[async_trait]
impl Authenticator for Dictionary {
    fn class(&self) -> &'static str {
        "dictionary"
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let busy = |_| AuthUnavailable("too many logins at once".to_owned());
        let known = self.users.get(name);
        // For somebody unknown the same work is done with the hash of somebody else: the time tells nothing.
        let Some(hash) = known.or_else(|| self.users.values().next()).cloned() else {
            return Ok(None);
        };
        if form.password.expose().len() > LONGEST {
            return Ok(None);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| busy(()))?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await;
        let turn = turn.map_err(|_| busy(()))?;
        let password = form.password.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            is_right(&password, &hash)
        });
        let right = checked
            .await
            .map_err(|error| AuthUnavailable(error.to_string()))?;
        Ok((right && known.is_some()).then(|| AuthModel {
            name: name.to_owned(),
            ..AuthModel::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cheap as argon2 can be.
    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM0NTY$";

    fn cheap(password: &str) -> Token {
        let params = argon2::Params::new(8, 1, 1, None).unwrap();
        let argon = Argon2::from(params);
        let hash: PasswordHash = argon.hash_password(password.as_bytes()).unwrap();
        Token::from_config(hash.to_string())
    }

    #[tokio::test]
    async fn everybody_has_a_password_of_their_own() {
        let users = [("Mal", "serenity"), ("zoe", "warrior")];
        let users = users.map(|(name, password)| (name.to_owned(), cheap(password)));
        let dictionary = Dictionary::new(&Settings {
            users: users.into(),
        });
        for (name, password, right) in [
            ("mal", "serenity", true),
            ("zoe", "warrior", true),
            ("mal", "warrior", false),
            // The hash of the first user is used for those who are not there.
            ("nobody", "serenity", false),
            ("mal", "", false),
            ("mal", &"x".repeat(2_000), false),
        ] {
            let form = LoginForm::new(name, password);
            let got = dictionary.authenticate(name, &form).await.unwrap();
            assert_eq!(got.is_some(), right, "{name} {password:.20}");
        }
    }

    #[tokio::test]
    async fn without_users_nobody_comes_in() {
        let dictionary = Dictionary::new(&Settings::default());
        let form = LoginForm::new("a", "b");
        assert_eq!(dictionary.authenticate("a", &form).await.unwrap(), None);
    }

    #[test]
    fn hashes_are_argon2id_and_salted() {
        let password = Token::from_config("x");
        let (one, other) = (
            hash_password(&password).unwrap(),
            hash_password(&password).unwrap(),
        );
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is_right(&password, &Token::from_config(one)));
        assert!(!is_right(&password, &Token::from_config(CHEAP)));
    }
}
