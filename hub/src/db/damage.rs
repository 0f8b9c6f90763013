//! A file that is damaged is not begun with: what is written to it damages more, and what is read may be wrong.

use sqlx::sqlite::SqlitePool;

use super::DbError;
use super::connect::Pools;
use crate::config::DbUrl;

/// The longest file that is read as a whole at each start, in bytes: a start is not to take long (a tenth of a second for 20 MB,
/// which is 20,000 users). Damage in a longer one is found when it is read.
const LONGEST: u64 = 32 * 1024 * 1024;

/// Refuses a SQLite file that is damaged. Servers look after theirs.
///
/// # Errors
/// When it is damaged, or cannot be read.
pub(super) async fn refuse(url: &DbUrl, pools: &Pools) -> Result<(), DbError> {
    let (DbUrl::Sqlite(path), Pools::Sqlite { readers, .. }) = (url, pools) else {
        return Ok(());
    };
    if std::fs::metadata(path).is_ok_and(|data| data.len() > LONGEST) {
        return Ok(());
    }
    let Some(why) = look(readers).await? else {
        return Ok(());
    };
    Err(DbError::File {
        path: path.clone(),
        why: format!(
            "it is damaged ({why}); restore a backup, without the files -wal and -shm beside it"
        ),
    })
}

/// The first thing that is wrong.
async fn look(file: &SqlitePool) -> Result<Option<String>, sqlx::Error> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(file)
        .await?;
    // A heading stands above what was found.
    let first = found.lines().find(|line| !line.starts_with("***"));
    Ok((found != "ok").then(|| first.unwrap_or("it cannot be read").to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use sea_orm::ConnectionTrait as _;
    use tempfile::TempDir;

    use super::*;
    use crate::db::{Db, settings};

    /// A page that nobody has read yet, in the middle of what was written.
    const PAGE: usize = 4096;

    async fn set(db: &Db, name: &str, value: &str) -> Result<(), DbError> {
        let tx = db.write().await?;
        settings::set(&tx, name, value).await?;
        tx.commit().await
    }

    /// Security case 100: damage that shows while the hub runs.
    #[tokio::test]
    async fn case_100_a_damaged_page_is_told_and_the_rest_goes_on() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("hub.sqlite");
        let url = DbUrl::Sqlite(file.clone());
        let db = Db::open(&url).await.unwrap();
        let long = "x".repeat(50 * PAGE);
        set(&db, "long", &long).await.unwrap();
        set(&db, "short", "y").await.unwrap();
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let writer = db.pools.writer();
        writer.execute_unprepared(checkpoint).await.unwrap();

        let disk = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&file)
            .unwrap();
        let pages = disk.metadata().unwrap().len() / PAGE as u64;
        let place = (pages - 20) * PAGE as u64;
        let mut page = [0; PAGE];
        disk.read_exact_at(&mut page, place).unwrap();
        disk.write_all_at(&[0xff; PAGE], place).unwrap();
        for _ in 0..3 {
            let error = settings::get(db.read(), "long").await.unwrap_err();
            assert!(error.to_string().contains("restore a backup"), "{error}");
            assert!(error.is_away(), "what was read before is believed");
        }
        let short = settings::get(db.read(), "short").await.unwrap();
        assert_eq!(short.as_deref(), Some("y"));
        set(&db, "short", "z").await.unwrap();

        let refused = Db::open(&url).await.unwrap_err().to_string();
        assert!(refused.contains("it is damaged"), "{refused}");

        disk.write_all_at(&page, place).unwrap();
        let found = settings::get(db.read(), "long").await.unwrap();
        assert!(found == Some(long), "it is as it was");
        Db::open(&url).await.unwrap();
    }
}
