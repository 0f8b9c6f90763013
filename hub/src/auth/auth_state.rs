//! What is kept of a login, such as the tokens of a provider: encrypted in the user's row.
//!
//! XChaCha20-Poly1305 with a random nonce; the user's id is authenticated with it, so that what was taken from one row
//! opens in no other. The first key encrypts, all decrypt; what an older key opened is encrypted anew when it is read, so
//! that a key can be left out after a while.
//!
//! Who works on what was read (a refresh may take long) says what that was when it is written back: what a login has
//! written meanwhile, here or at another hub, stays ([`AuthStates::replace`]).

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hub_types::secret::random_bytes;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::{Config, CryptKey};
use crate::db::{Db, DbError, Tx, users};
use crate::domain::user::{User, UserId};

/// What everything that is sealed begins with: how it was sealed.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// What is kept of a login, as it was read at some time.
#[derive(Clone, Default, PartialEq)]
pub struct Remembered {
    /// What is kept; `None` when nothing is, or when no key opens it.
    pub state: Option<Value>,
    /// What the row holds.
    sealed: Option<Vec<u8>>,
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remembered([secret])")
    }
}

/// Reads and writes what is kept of logins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuthStates {
    db: Db,
    keys: Arc<[CryptKey]>,
    kept: bool,
}

impl AuthStates {
    /// With the keys of the configuration.
    #[must_use]
    pub fn new(db: Db, config: &Config) -> Self {
        Self {
            db,
            keys: config.crypt_keeper.keys.clone().into(),
            kept: config.authenticator.enable_auth_state,
        }
    }

    /// Whether logins leave anything (`enable_auth_state`).
    #[must_use]
    pub fn are_kept(&self) -> bool {
        self.kept
    }

    /// Whether there is a key to encrypt with.
    #[must_use]
    pub fn can_be_written(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What is kept of a user's login. What no key opens is as if there were nothing, as in JupyterHub, and is said in the
    /// log.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn of(&self, user: &User) -> Result<Option<Value>, DbError> {
        Ok(self.read(user).await?.state)
    }

    /// The same, for who will write something in its place.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn read(&self, user: &User) -> Result<Remembered, DbError> {
        let Some(sealed) = users::auth_state(self.db.read(), user.id).await? else {
            return Ok(Remembered::default());
        };
        let Some((state, key)) = open(&self.keys, user.id, &sealed) else {
            let name = &user.name;
            let why = match self.keys.len() {
                0 => "there are no keys",
                _ => "it was encrypted with another key, or is damaged",
            };
            tracing::warn!("the auth_state of {name} cannot be read: {why}");
            let (state, sealed) = (None, Some(sealed));
            return Ok(Remembered { state, sealed });
        };
        let mut sealed = Some(sealed);
        if key > 0
            && let Some(anew) = self.sealed(user.id, &state)
        {
            let tx = self.db.write().await?;
            let (old, new) = (sealed.clone(), Some(anew));
            if users::replace_auth_state(&tx, user.id, old, new.clone()).await? {
                sealed = new;
            }
            tx.commit().await?;
        }
        let state = Some(state);
        Ok(Remembered { state, sealed })
    }

    fn sealed(&self, user: UserId, state: &Value) -> Option<Vec<u8>> {
        seal(self.keys.first()?, user, state)
    }

    /// Keeps this of a user's login, or nothing; without a key nothing is kept.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn write(&self, tx: &Tx, user: UserId, state: Option<&Value>) -> Result<(), DbError> {
        let sealed = state.and_then(|state| self.sealed(user, state));
        users::set_auth_state(tx, user, sealed).await
    }

    /// Whether `read` is what is kept still.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn is_still(&self, user: UserId, read: &Remembered) -> Result<bool, DbError> {
        Ok(users::auth_state(self.db.read(), user).await? == read.sealed)
    }

    /// The same as of this transaction: nobody changes it before its end.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn is_still_in(
        &self,
        tx: &Tx,
        user: UserId,
        read: &Remembered,
    ) -> Result<bool, DbError> {
        Ok(users::auth_state(&**tx, user).await? == read.sealed)
    }

    /// Keeps `state` in the place of what was `read`, unless something else is kept by now: whether it is kept.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn replace(
        &self,
        tx: &Tx,
        user: UserId,
        read: &Remembered,
        state: &Value,
    ) -> Result<bool, DbError> {
        let sealed = self.sealed(user, state);
        users::replace_auth_state(tx, user, read.sealed.clone(), sealed).await
    }
}

fn whose(user: UserId) -> [u8; 18] {
    let mut label = *b"auth_state\0\0\0\0\0\0\0\0";
    label[10..].copy_from_slice(&user.0.to_be_bytes());
    label
}

/// Encrypts; `None` only for what is larger than any memory.
fn seal(key: &CryptKey, user: UserId, state: &Value) -> Option<Vec<u8>> {
    let plain = Zeroizing::new(state.to_string().into_bytes());
    let nonce = random_bytes::<NONCE>();
    let payload = Payload {
        msg: &plain,
        aad: &whose(user),
    };
    let cipher = XChaCha20Poly1305::new(&(*key.expose()).into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
    Some([&[FORMAT][..], &nonce, &sealed].concat())
}

/// What was sealed for this user, and which key opened it.
fn open(keys: &[CryptKey], user: UserId, sealed: &[u8]) -> Option<(Value, usize)> {
    let (nonce, sealed) = sealed
        .strip_prefix(&[FORMAT])?
        .split_first_chunk::<NONCE>()?;
    let label = whose(user);
    let opened = keys.iter().enumerate().find_map(|(index, key)| {
        let payload = Payload {
            msg: sealed,
            aad: &label,
        };
        let cipher = XChaCha20Poly1305::new(&(*key.expose()).into());
        let plain = cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        Some((Zeroizing::new(plain), index))
    });
    let (plain, index) = opened?;
    Some((serde_json::from_slice(&plain).ok()?, index))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use hub_types::names::Username;
    use serde_json::json;

    use super::*;

    fn key(byte: u8) -> CryptKey {
        CryptKey::parse(&hex::encode([byte; 32])).unwrap()
    }

    #[test]
    fn only_the_same_user_and_a_known_key_open() {
        let state = json!({"access_token": "t0ken", "n": [1, null]});
        let (mal, zoe) = (UserId(1), UserId(2));
        let sealed = seal(&key(1), mal, &state).unwrap();
        assert!(!sealed.windows(5).any(|part| part == b"t0ken"));
        assert_eq!(open(&[key(1)], mal, &sealed), Some((state.clone(), 0)));
        assert_eq!(
            open(&[key(2), key(1)], mal, &sealed),
            Some((state.clone(), 1))
        );
        assert_eq!(open(&[key(1)], zoe, &sealed), None);
        assert_eq!(open(&[key(2)], mal, &sealed), None);
        assert_eq!(open(&[], mal, &sealed), None);
        assert_ne!(seal(&key(1), mal, &state).unwrap(), sealed);
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert_eq!(open(&[key(1)], mal, &damaged), None, "{index}");
            assert_eq!(open(&[key(1)], mal, &sealed[..index]), None, "{index}");
        }
    }

    async fn states(db: &Db, keys: &[CryptKey]) -> AuthStates {
        let mut config = Config::default();
        config.crypt_keeper.keys = keys.to_vec();
        AuthStates::new(db.clone(), &config)
    }

    #[tokio::test]
    async fn keys_are_rotated() {
        let db = crate::db::testing::empty().await;
        let tx = db.write().await.unwrap();
        let name = Username::new("mal").unwrap();
        let mal = users::insert(&tx, &name, false, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let state = json!({"a": 1});
        let old = states(&db, &[key(1)]).await;
        old.write(&tx, mal.id, Some(&state)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(old.of(&mal).await.unwrap(), Some(state.clone()));
        // A hub that has only another key reads nothing, and leaves what is there.
        assert_eq!(states(&db, &[key(2)]).await.of(&mal).await.unwrap(), None);
        assert_eq!(states(&db, &[]).await.of(&mal).await.unwrap(), None);
        // One with both encrypts it with the first.
        let both = states(&db, &[key(2), key(1)]).await;
        assert_eq!(both.of(&mal).await.unwrap(), Some(state.clone()));
        assert_eq!(old.of(&mal).await.unwrap(), None);
        let new = states(&db, &[key(2)]).await;
        assert_eq!(new.of(&mal).await.unwrap(), Some(state.clone()));
        let tx = db.write().await.unwrap();
        new.write(&tx, mal.id, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(users::auth_state(db.read(), mal.id).await.unwrap(), None);
        // Who read what is not kept any more writes nothing in its place.
        let write = async |read: &Remembered, state: Value| {
            let tx = db.write().await.unwrap();
            let written = new.replace(&tx, mal.id, read, &state).await.unwrap();
            tx.commit().await.unwrap();
            written
        };
        let nothing = new.read(&mal).await.unwrap();
        assert!(write(&nothing, json!(1)).await);
        assert!(!write(&nothing, json!(2)).await);
        let one = new.read(&mal).await.unwrap();
        assert_eq!(one.state, Some(json!(1)));
        assert!(new.is_still(mal.id, &one).await.unwrap());
        assert!(!new.is_still(mal.id, &nothing).await.unwrap());
        assert!(write(&one, json!(3)).await);
        assert!(!write(&one, json!(4)).await);
        assert_eq!(new.of(&mal).await.unwrap(), Some(json!(3)));
        // Without a key nothing is kept, rather than in clear.
        let tx = db.write().await.unwrap();
        states(&db, &[])
            .await
            .write(&tx, mal.id, Some(&state))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(users::auth_state(db.read(), mal.id).await.unwrap(), None);
    }
}
