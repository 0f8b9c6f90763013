//! The ids of all users in the order of their registration, kept in memory: where a page of that list begins, and how long
//! the list is, without counting rows. Eight bytes per user.
//!
//! Transactions that make or delete users say so ([`super::users`]); the next look reads the ids again. Other hubs
//! tell so too ([`super::notices`]); what another process writes is seen within half a minute.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, QuerySelect};

use super::DbError;
use super::row::users::{Column, Entity};

/// How long the ids are believed when this process changes none: another may have.
const TTL: Duration = Duration::from_secs(30);

/// What was read, and when.
#[derive(Debug)]
struct Read {
    /// How many changes had been counted before.
    changes: u64,
    at: Instant,
    /// Ascending.
    ids: Arc<[i64]>,
}

/// The register of all users. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Register {
    changes: Arc<AtomicU64>,
    read: Arc<Mutex<Option<Read>>>,
}

impl Register {
    /// Users have come or gone.
    pub(super) fn outdated(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// The ids of all users, in the order of their registration.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub(super) async fn ids(&self, c: &impl ConnectionTrait) -> Result<Arc<[i64]>, DbError> {
        // Counted before the look: what changes meanwhile makes the next one look again.
        let changes = self.changes.load(Ordering::SeqCst);
        if let Some(read) = &*self.read.lock().unwrap_or_else(PoisonError::into_inner)
            && read.changes == changes
            && read.at.elapsed() < TTL
        {
            return Ok(Arc::clone(&read.ids));
        }
        let at = Instant::now();
        let ids: Vec<i64> = Entity::find()
            .select_only()
            .column(Column::Id)
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(c)
            .await?;
        let ids: Arc<[i64]> = ids.into();
        let read = Read {
            changes,
            at,
            ids: Arc::clone(&ids),
        };
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(ids)
    }
}

/// Which part of a list of this length is the page, when the list is read from its beginning, or from its end.
pub(super) fn part(length: usize, offset: u64, limit: u64, descending: bool) -> Range<usize> {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(length);
    let (start, end) = (at(offset), at(offset.saturating_add(limit)));
    if descending {
        length - end..length - start
    } else {
        start..end
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use hub_types::names::Username;

    use super::*;
    use crate::db::{Db, UserFilter, UserOrder, testing, users};

    /// What a page shows, and of how many.
    async fn page(db: &Db, filter: &UserFilter, offset: u64, limit: u64) -> (Vec<String>, u64) {
        let page = users::page(db, filter, offset, limit).await.unwrap();
        let names = page.users.iter().map(|user| user.name.as_str().to_owned());
        (names.collect(), page.total)
    }

    /// Names are given in the order of registration, so that the list by name, which is not kept in memory, must agree.
    async fn agrees(db: &Db) {
        for descending in [false, true] {
            let by = |order| UserFilter {
                order,
                descending,
                ..UserFilter::default()
            };
            for (offset, limit) in [(0, 1), (0, 5), (3, 4), (7, 100), (100, 1)] {
                let kept = page(db, &by(UserOrder::Id), offset, limit).await;
                let walked = page(db, &by(UserOrder::Name), offset, limit).await;
                assert_eq!(kept, walked, "{offset} {limit} {descending}");
            }
        }
    }

    #[tokio::test]
    async fn the_register_follows_who_comes_and_goes() {
        let db = testing::empty().await;
        agrees(&db).await;
        let mut ids = Vec::new();
        for number in 0..12 {
            let tx = db.write().await.unwrap();
            let name = Username::stored(format!("user-{number:02}"));
            let at = DateTime::<Utc>::UNIX_EPOCH;
            ids.push(users::insert(&tx, &name, false, at).await.unwrap().id);
            tx.commit().await.unwrap();
            agrees(&db).await;
        }
        for gone in [ids[11], ids[0], ids[5]] {
            let tx = db.write().await.unwrap();
            users::delete(&tx, gone).await.unwrap();
            tx.commit().await.unwrap();
            agrees(&db).await;
        }
        let tx = db.write().await.unwrap();
        users::delete(&tx, ids[6]).await.unwrap();
        drop(tx);
        agrees(&db).await;
    }

    #[test]
    fn parts() {
        for (offset, limit, up, down) in [
            (0, 3, 0..3, 7..10),
            (3, 3, 3..6, 4..7),
            (9, 3, 9..10, 0..1),
            (10, 3, 10..10, 0..0),
            (99, 3, 10..10, 0..0),
            (0, u64::MAX, 0..10, 0..10),
            (5, u64::MAX, 5..10, 0..5),
        ] {
            assert_eq!(part(10, offset, limit, false), up, "{offset} {limit}");
            assert_eq!(part(10, offset, limit, true), down, "{offset} {limit}");
        }
    }
}
