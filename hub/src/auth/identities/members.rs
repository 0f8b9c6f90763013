//! Who is in which group, as it was last read: one snapshot for everybody.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::TTL;
use crate::db::{Db, DbError, groups};
use crate::domain::user::Groups;

/// A snapshot of all groups, with the version and time of its reading.
#[derive(Clone)]
struct Seen {
    version: u64,
    read: DateTime<Utc>,
    groups: Arc<Groups>,
}

/// The last snapshot, if there was one.
#[derive(Default)]
pub(super) struct Members(Mutex<Option<Seen>>);

impl Members {
    /// The snapshot; read again when anything changed since (another `version`), or when it is older than [`TTL`].
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub(super) async fn at(
        &self,
        version: u64,
        now: DateTime<Utc>,
        db: &Db,
    ) -> Result<Arc<Groups>, DbError> {
        let known = self.last().clone();
        if let Some(known) = &known
            && known.version == version
            && now - known.read < TTL
        {
            return Ok(Arc::clone(&known.groups));
        }
        let groups = groups::snapshot(db.read()).await?;
        // Everybody who is known holds on to the snapshot that they were known with: mostly it is the same.
        let groups = match known {
            Some(known) if *known.groups == groups => known.groups,
            _ => Arc::new(groups),
        };
        *self.last() = Some(Seen {
            version,
            read: now,
            groups: Arc::clone(&groups),
        });
        Ok(groups)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
