//! Who is committed with whom, and what others see of it.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::task::{JoinHandle, yield_now};

use super::super::{Db, DbError, Tx, settings};
use super::MOST;
use crate::config::DbUrl;

/// A database, and its folder.
async fn db() -> (TempDir, Db) {
    let folder = TempDir::new().unwrap();
    let url = DbUrl::Sqlite(folder.path().join("hub.sqlite"));
    let db = Db::open(&url).await.unwrap();
    (folder, db)
}

async fn begun(db: &Db, name: &str) -> Tx {
    let tx = db.write().await.unwrap();
    settings::set(&tx, name, "there").await.unwrap();
    tx
}

async fn is_there(db: &Db, name: &str) -> bool {
    settings::get(db.read(), name).await.unwrap().is_some()
}

/// Waits for its turn, and has it when this is ready.
async fn queued(db: &Db) -> JoinHandle<Result<Tx, DbError>> {
    let db = db.clone();
    let task = tokio::spawn(async move { db.write().await });
    settle().await;
    task
}

/// Lets every task come as far as it can without the database's thread; tests run on one thread.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// `one` has written and waits for the commit; the second writer has its turn.
async fn one_waits_for_two(db: &Db) -> (JoinHandle<Result<(), DbError>>, Tx) {
    let one = begun(db, "one").await;
    let two = queued(db).await;
    let one = tokio::spawn(one.commit());
    let two = two.await.unwrap().unwrap();
    settings::set(&two, "two", "there").await.unwrap();
    settle().await;
    assert!(!one.is_finished(), "told before the commit");
    assert!(!is_there(db, "one").await, "read before the commit");
    (one, two)
}

/// Whether another program can write to the file, or soon: what is dropped is undone by the database's thread.
async fn is_free(folder: &Path) -> bool {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("hub.sqlite"))
        .busy_timeout(Duration::from_secs(10));
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let free = other.execute("BEGIN IMMEDIATE").await.is_ok();
    other.close().await.unwrap();
    free
}

#[tokio::test]
async fn those_who_wait_for_each_other_are_committed_together() {
    let (folder, db) = db().await;
    let (one, two) = one_waits_for_two(&db).await;
    two.commit().await.unwrap();
    one.await.unwrap().unwrap();
    assert!(is_there(&db, "one").await && is_there(&db, "two").await);
    assert!(is_free(folder.path()).await);
}

#[tokio::test]
async fn who_drops_undoes_only_its_own() {
    let (folder, db) = db().await;
    let (one, two) = one_waits_for_two(&db).await;
    drop(two);
    one.await.unwrap().unwrap();
    assert!(is_there(&db, "one").await && !is_there(&db, "two").await);
    assert!(is_free(folder.path()).await);
}

#[tokio::test]
async fn who_breaks_a_rule_spoils_nobody_elses() {
    let (_folder, db) = db().await;
    let (one, two) = one_waits_for_two(&db).await;
    let twice = "INSERT INTO settings (name, value) VALUES ('one', 'again')";
    let error = sea_orm::ConnectionTrait::execute_unprepared(&*two, twice).await;
    assert!(DbError::from(error.unwrap_err()).is_conflict());
    two.commit().await.unwrap();
    one.await.unwrap().unwrap();
    assert!(is_there(&db, "one").await && is_there(&db, "two").await);
}

/// "It is being started already", say, and then one asks how far that is.
#[tokio::test]
async fn what_was_seen_by_who_does_not_commit_is_there_for_readers() {
    let (folder, db) = db().await;
    for (queue, name) in [(false, "nobody is next"), (true, "somebody is next")] {
        let one = begun(&db, name).await;
        let two = queued(&db).await;
        let one = tokio::spawn(one.commit());
        let two = two.await.unwrap().unwrap();
        assert!(settings::get(&*two, name).await.unwrap().is_some());
        let next = match queue {
            true => Some(queued(&db).await),
            false => None,
        };
        drop(two);
        assert!(is_there(&db, name).await, "{name}");
        one.await.unwrap().unwrap();
        if let Some(next) = next {
            drop(next.await.unwrap().unwrap());
        }
    }
    assert!(is_free(folder.path()).await);
}

/// SQLite may undo a whole transaction then, by itself.
#[tokio::test]
async fn a_full_disk_undoes_all_and_everybody_hears_of_it() {
    let (folder, db) = db().await;
    let (one, two) = one_waits_for_two(&db).await;
    let limit = "PRAGMA max_page_count = 1";
    sea_orm::ConnectionTrait::execute_unprepared(&*two, limit)
        .await
        .unwrap();
    let error = settings::set(&two, "long", &"x".repeat(100_000))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    let three = queued(&db).await;
    drop(two);
    let error = one.await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("full") && error.is_away(),
        "{error}"
    );
    let three = three.await.unwrap().unwrap();
    let limit = "PRAGMA max_page_count = 1000000";
    sea_orm::ConnectionTrait::execute_unprepared(&*three, limit)
        .await
        .unwrap();
    settings::set(&three, "three", "there").await.unwrap();
    three.commit().await.unwrap();
    assert!(!is_there(&db, "one").await && !is_there(&db, "two").await);
    assert!(is_there(&db, "three").await && is_free(folder.path()).await);
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_the_file_free() {
    let (folder, db) = db().await;
    let one = begun(&db, "one").await;
    let two = queued(&db).await;
    two.abort();
    drop(one);
    settle().await;
    begun(&db, "three").await.commit().await.unwrap();
    assert!(is_there(&db, "three").await && !is_there(&db, "one").await);
    assert!(is_free(folder.path()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_lose_nothing() {
    let (folder, db) = db().await;
    let writers: Vec<_> = (0..3 * MOST)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                let tx = begun(&db, &format!("s{n}")).await;
                // Every third changes its mind, and some are given up half-way.
                if n % 3 == 0 {
                    drop(tx);
                } else {
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for (n, writer) in writers.into_iter().enumerate() {
        if n % 7 == 6 {
            writer.abort();
        } else {
            writer.await.unwrap();
            assert_eq!(is_there(&db, &format!("s{n}")).await, n % 3 != 0, "{n}");
        }
    }
    begun(&db, "last").await.commit().await.unwrap();
    assert!(is_free(folder.path()).await);
}
