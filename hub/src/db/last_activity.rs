//! `last_activity` of users, servers and tokens: it only moves forward, and a whole batch is one statement.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::row::json;
use super::{DbError, Tx, to_micros};
use crate::domain::server::ServerId;
use crate::domain::token::TokenId;
use crate::domain::user::UserId;

/// Moves users forward; older times change nothing.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn of_users(tx: &Tx, batch: &[(UserId, DateTime<Utc>)]) -> Result<(), DbError> {
    let batch: Vec<_> = batch.iter().map(|(id, at)| (id.0, *at)).collect();
    forward(tx, "users", &batch).await
}

/// Moves servers forward; older times change nothing.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn of_servers(tx: &Tx, batch: &[(ServerId, DateTime<Utc>)]) -> Result<(), DbError> {
    let batch: Vec<_> = batch.iter().map(|(id, at)| (id.0, *at)).collect();
    forward(tx, "servers", &batch).await
}

/// Moves tokens forward; older times change nothing.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn of_tokens(tx: &Tx, batch: &[(TokenId, DateTime<Utc>)]) -> Result<(), DbError> {
    let batch: Vec<_> = batch.iter().map(|(id, at)| (id.0, *at)).collect();
    forward(tx, "tokens", &batch).await
}

/// The batch goes as one value, a JSON list of `[id, microseconds]`: statements may have only so many values. Of several
/// times for one row the latest counts.
async fn forward(
    tx: &Tx,
    table: &'static str,
    batch: &[(i64, DateTime<Utc>)],
) -> Result<(), DbError> {
    let mut latest: BTreeMap<i64, i64> = BTreeMap::new();
    for (id, at) in batch {
        let at = to_micros(*at);
        let known = latest.entry(*id).or_insert(at);
        *known = at.max(*known);
    }
    if latest.is_empty() {
        return Ok(());
    }
    let pairs: Vec<_> = latest.into_iter().collect();
    super::dialect::forward(&**tx, table, json(&pairs)?).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use hub_types::names::Username;

    use super::*;
    use crate::db::{testing, users};

    #[tokio::test]
    async fn forward_only_and_however_many() {
        let db = testing::empty().await;
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let tx = db.write().await.unwrap();
        let mut ids = Vec::new();
        for name in ["never-seen", "seen-before", "seen-later", "absent", "twice"] {
            let user = users::insert(&tx, &Username::stored(name), false, at(0)).await;
            ids.push(user.unwrap().id);
        }
        of_users(&tx, &[(ids[1], at(10)), (ids[2], at(99)), (ids[3], at(10))])
            .await
            .unwrap();
        let mut batch = vec![
            (ids[0], at(50)),
            (ids[1], at(50)),
            (ids[2], at(50)),
            (ids[4], at(60)),
            (ids[4], at(50)),
        ];
        // More than a statement may have values; nobody has these ids.
        batch.extend((1_000..41_000).map(|id| (UserId(id), at(50))));
        of_users(&tx, &batch).await.unwrap();
        of_users(&tx, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let mut seen = Vec::new();
        for id in ids {
            let user = users::get(db.read(), id).await.unwrap().unwrap();
            seen.push(user.last_activity.map(|at| at.timestamp()));
        }
        assert_eq!(seen, [50, 50, 99, 10, 60].map(Some));
    }
}
