//! Every change of the schema, from every state that an older hub may have left, with rows in the tables. Run with each of the
//! three databases.

use tempfile::TempDir;

use super::*;
use crate::db::testing::{self, TestDatabase};
use crate::db::{connect, dialect, servers, users};
use crate::domain::server::{Notice, Server};

/// The first schema that a database of this kind ever had.
fn first(url: &DbUrl) -> i64 {
    match url {
        DbUrl::Sqlite(_) | DbUrl::Memory => 1,
        DbUrl::Postgres(_) | DbUrl::MySql(_) => 3,
    }
}

/// A database as the hub left it that knew this many changes, with somebody and their server in it.
async fn as_of(version: i64, url: &DbUrl) -> Pools {
    let pools = Pools::open(url).await.unwrap();
    if let Pools::MySql { writer, .. } = &pools {
        connect::settle_database(writer).await.unwrap();
    }
    schema::migrate(&pools, version).await.unwrap();
    for sql in [
        "INSERT INTO users (name, admin, created, last_activity) VALUES ('zoe', TRUE, 1, 7)",
        "INSERT INTO servers (user_id, name, display_name, state, epoch, user_options) \
         SELECT id, 'gpu', 'Big', 'ready', 3, '{}' FROM users",
    ] {
        pools.writer().execute_unprepared(sql).await.unwrap();
    }
    pools
}

/// Zoe's server; columns that came later are there to be written.
async fn look(db: &Db) -> Server {
    let zoe = users::find(db.read(), "zoe").await.unwrap().unwrap();
    assert!(zoe.admin && zoe.last_activity.is_some());
    let found = servers::of_users(db.read(), &[zoe.id]).await.unwrap();
    let tx = db.write().await.unwrap();
    users::set_auth_state(&tx, zoe.id, Some(vec![7]))
        .await
        .unwrap();
    let notice = Notice {
        stop_at: DateTime::UNIX_EPOCH,
        given: DateTime::UNIX_EPOCH,
        reason: "idle".to_owned(),
        since: None,
    };
    let announced = servers::announce_stop(&tx, found[0].id, &notice).await;
    assert!(announced.unwrap());
    tx.commit().await.unwrap();
    found.into_iter().next().unwrap()
}

#[tokio::test]
async fn every_older_schema_becomes_the_present_one() {
    let folder = TempDir::new().unwrap();
    let new = TestDatabase::new(&folder.path().join("new"));
    let present = Db::open(new.url()).await.unwrap();
    let tables = testing::every_row(&present).await;
    for version in first(new.url())..schema::PRESENT {
        let database = TestDatabase::empty(&folder.path().join(format!("{version}")));
        let url = database.url();
        let pools = as_of(version, url).await;
        let found = schema::look(&pools.writer()).await.unwrap();
        assert_eq!(found, Schema::Old(version));
        drop(pools);
        let done = Db::upgrade(url, true, DateTime::UNIX_EPOCH).await.unwrap();
        assert!(
            matches!(done, Upgrade::Changed { .. }),
            "{version}: {done:?}"
        );
        let db = Db::open(url).await.unwrap();
        let server = look(&db).await;
        assert_eq!((server.display_name.as_str(), server.epoch), ("Big", 3));
        let upgraded = testing::every_row(&db).await;
        assert!(upgraded.keys().eq(tables.keys()), "{version}");
        assert_eq!(indexes(&db).await, indexes(&present).await, "{version}");
    }
}

/// The names of our own indexes.
async fn indexes(db: &Db) -> Vec<String> {
    let sql = match db.read().get_database_backend() {
        sea_orm::DbBackend::Postgres => {
            "SELECT CAST(indexname AS text) FROM pg_indexes WHERE schemaname = current_schema()"
        }
        sea_orm::DbBackend::MySql => {
            "SELECT DISTINCT CONVERT(index_name USING utf8mb4) FROM information_schema.statistics \
             WHERE table_schema = DATABASE()"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'index'",
    };
    let mut names = dialect::texts(db.read(), sql).await.unwrap();
    // SQLite numbers those that it makes by itself.
    names.retain(|name| !name.starts_with("sqlite_"));
    names.sort();
    names
}
