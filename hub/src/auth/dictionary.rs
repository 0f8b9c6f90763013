//! Users with a password each, as argon2 hashes in the configuration: a small group of people, without system users.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
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
    /// Who stands in for somebody unknown, by the name: a secret of this process.
    stand_ins: RandomState,
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
            stand_ins: RandomState::new(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// The hash of somebody else for a name that nobody has, always the same one: hashes that were made with several costs
    /// take several times, and unknown names take them as often as known ones.
    fn stand_in(&self, name: &str) -> Option<&Arc<Token>> {
        let many = self.users.len().max(1) as u64;
        let at = self.stand_ins.hash_one(name) % many;
        self.users.values().nth(usize::try_from(at).unwrap_or(0))
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
        let Some(hash) = known.or_else(|| self.stand_in(name)).cloned() else {
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
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

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

    #[test]
    fn a_name_that_nobody_has_takes_as_long_as_one_of_those_that_are_there() {
        let users = [("mal", 1), ("zoe", 2), ("wash", 2), ("kaylee", 2)];
        let users = users.map(|(name, cost)| {
            let params = argon2::Params::new(8, cost, 1, None).unwrap();
            let hash: PasswordHash = Argon2::from(params).hash_password(b"x").unwrap();
            (name.to_owned(), Token::from_config(hash.to_string()))
        });
        let dictionary = Dictionary::new(&Settings {
            users: users.into(),
        });
        let cost = |name: &str| {
            let hash = dictionary.stand_in(name).unwrap().expose();
            hash.contains("t=2")
        };
        let names: Vec<String> = (0..4_000).map(|n| format!("nobody-{n}")).collect();
        let dear = names.iter().filter(|name| cost(name)).count();
        // Three of four, as of those who are there.
        assert!((2_700..3_300).contains(&dear), "{dear}");
        assert!(names.iter().all(|name| cost(name) == cost(name)));
    }

    /// Security case 120: whoever guesses makes the hub work, but not more than it can.
    #[tokio::test]
    async fn case_120_no_more_is_hashed_at_once_than_fits() {
        let users = [("mal".to_owned(), cheap("serenity"))];
        let dictionary = Dictionary::new(&Settings {
            users: users.into(),
        });
        let (right, unknown) = (
            LoginForm::new("mal", "serenity"),
            LoginForm::new("jayne", "serenity"),
        );
        assert_eq!(dictionary.at_once.available_permits(), AT_ONCE);
        let all = u32::try_from(AT_ONCE).unwrap();
        let turns = Arc::clone(&dictionary.at_once).acquire_many_owned(all);
        let turns = turns.await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING)
            .map(|_| dictionary.authenticate("mal", &right))
            .collect();
        // However long they wait: all turns are taken.
        for _ in 0..3 {
            for one in &mut waiting {
                assert_eq!(one.now_or_never().map(|said| said.is_ok()), None);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for (name, form) in [("mal", &right), ("jayne", &unknown)] {
            let late = dictionary.authenticate(name, form).now_or_never();
            assert!(matches!(late, Some(Err(_))), "{name}: {late:?}");
        }
        drop(turns);
        for one in join_all(waiting).await {
            assert!(one.unwrap().is_some(), "whoever waited is answered");
        }
        let after = dictionary.authenticate("mal", &right).await;
        assert!(after.unwrap().is_some(), "there is room again");
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
