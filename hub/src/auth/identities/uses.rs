//! When credentials and people were last seen, until the database knows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::db::{Db, DbError, last_activity};
use crate::domain::principal::{Credential, Principal};
use crate::domain::token::TokenId;
use crate::domain::user::UserId;

/// The latest use of each.
#[derive(Debug, Default)]
struct Uses {
    tokens: HashMap<TokenId, DateTime<Utc>>,
    users: HashMap<UserId, DateTime<Utc>>,
}

impl Uses {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.users.is_empty()
    }

    /// Takes older uses back; newer ones count.
    fn keep(&mut self, older: &Self) {
        for (id, at) in &older.tokens {
            self.tokens.entry(*id).or_insert(*at);
        }
        for (id, at) in &older.users {
            self.users.entry(*id).or_insert(*at);
        }
    }

    async fn write(&self, db: &Db) -> Result<(), DbError> {
        let tx = db.write().await?;
        let tokens: Vec<_> = self.tokens.iter().map(|(id, at)| (*id, *at)).collect();
        last_activity::of_tokens(&tx, &tokens).await?;
        let users: Vec<_> = self.users.iter().map(|(id, at)| (*id, *at)).collect();
        last_activity::of_users(&tx, &users).await?;
        tx.commit().await
    }
}

#[derive(Debug, Default)]
struct Pending {
    noted: Uses,
    /// Those that were written last, or are just being written.
    writing: Arc<Uses>,
}

/// Uses that are not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<Pending>);

impl Unwritten {
    /// Notes that `principal` was here.
    pub(super) fn note(&self, principal: &Principal, now: DateTime<Utc>) {
        let mut pending = self.pending();
        let uses = &mut pending.noted;
        let counts = match &principal.credential {
            Credential::Cookie { .. } => true,
            Credential::Token {
                id,
                counts_as_activity,
                ..
            } => {
                uses.tokens.insert(*id, now);
                *counts_as_activity
            }
        };
        if let (true, Some(user)) = (counts, principal.owner.user()) {
            uses.users.insert(user.id, now);
        }
    }

    /// When this user was last seen, as far as that is not in the database yet.
    pub(super) fn of_user(&self, id: UserId) -> Option<DateTime<Utc>> {
        let pending = self.pending();
        let noted = pending.noted.users.get(&id).copied();
        noted.max(pending.writing.users.get(&id).copied())
    }

    /// When this token was last used, as far as that is not in the database yet.
    pub(super) fn of_token(&self, id: TokenId) -> Option<DateTime<Utc>> {
        let pending = self.pending();
        let noted = pending.noted.tokens.get(&id).copied();
        noted.max(pending.writing.tokens.get(&id).copied())
    }

    /// Writes what was noted since the last call, in one transaction.
    ///
    /// # Errors
    /// When the database refuses or is gone; the uses are kept for the next call then.
    pub(super) async fn write(&self, db: &Db) -> Result<(), DbError> {
        let uses = {
            let mut pending = self.pending();
            if pending.noted.is_empty() {
                return Ok(());
            }
            pending.writing = Arc::new(std::mem::take(&mut pending.noted));
            Arc::clone(&pending.writing)
        };
        let written = uses.write(db).await;
        // What was written is kept in mind until the next time: a row may have been read just before.
        if written.is_err() {
            self.pending().noted.keep(&uses);
        }
        written
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
