//! Group commit: writers to a file that wait for each other are made permanent together.
//!
//! What a commit costs is the wait for the disk, and SQLite has one writer at a time. So who has written does not commit at
//! once: it queues again, behind those that already wait to write, and whoever is first to come to its second turn commits for
//! all that have written since. Where nobody waits that is the same writer, at once.
//!
//! Each writer has a savepoint of its own: what it drops is undone, and nothing else. Nobody hears "done" before the disk has
//! it. Who has only looked, and goes without a commit, may tell of what the group has written: so the group ends with it, and
//! [`Writers::settled`] lets no reader miss what was told. An error that may have undone more than one statement (a full disk, an unreadable file) ends the whole group: all of it
//! is undone, and each of its writers hears of that error.

use std::sync::{Arc, OnceLock};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait as _,
};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::bounded::{TURN, ending, late, whole};

/// The most writers that one commit waits for.
const MOST: usize = 128;

/// Stands for all that the group has written: when it is not there any more, neither is that.
const MARK: &str = "SAVEPOINT everything";
const UNMARK: &str = "RELEASE everything";

type Done = Result<(), DbErr>;

/// The first error that may have undone more than its own statement.
pub(super) type Spoilt = Arc<OnceLock<DbErr>>;

/// The queue of those who write to a file.
#[derive(Debug, Clone)]
pub(super) struct Writers {
    group: Arc<Mutex<Group>>,
    seen: watch::Receiver<bool>,
}

impl Default for Writers {
    fn default() -> Self {
        let group = Group::default();
        let seen = group.seen.subscribe();
        let group = Arc::new(Mutex::new(group));
        Self { group, seen }
    }
}

/// Who has written since the last commit.
#[derive(Debug, Default)]
struct Group {
    /// The transaction of all of them.
    open: Option<DatabaseTransaction>,
    /// Those who wait for the commit.
    members: Vec<oneshot::Sender<Done>>,
    /// Whether somebody who did not commit has seen what they have written.
    seen: watch::Sender<bool>,
}

impl Group {
    async fn open(&mut self, writer: &DatabaseConnection) -> Result<(), DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let open = writer.begin_with_options(options).await?;
        open.execute_unprepared(MARK).await?;
        self.open = Some(open);
        Ok(())
    }

    /// A savepoint for one writer.
    async fn join(&self) -> Result<DatabaseTransaction, DbErr> {
        match &self.open {
            Some(open) => open.begin().await,
            None => Err(ending()),
        }
    }

    /// Commits for everybody, and tells them.
    async fn commit(&mut self) -> Done {
        let done = match self.open.take() {
            Some(open) => all(open).await,
            None => Err(ending()),
        };
        self.tell(&done);
        done
    }

    /// Undoes what everybody has written, and tells them.
    fn undo(&mut self, why: DbErr) {
        self.open = None;
        self.tell(&Err(why));
    }

    fn tell(&mut self, done: &Done) {
        self.seen.send_replace(false);
        for member in self.members.drain(..) {
            // Who does not listen any more has no use for it.
            let _ = member.send(done.clone());
        }
    }
}

/// Commits the transaction of a group, unless SQLite has undone it by itself.
async fn all(open: DatabaseTransaction) -> Done {
    open.execute_unprepared(UNMARK).await?;
    open.commit().await
}

impl Writers {
    /// Waits for its turn to write. The transaction must be gone before the [`Turn`].
    ///
    /// # Errors
    /// When the file is locked by others, or others of this process write, for longer than [`TURN`].
    pub(super) async fn begin(
        &self,
        writer: &DatabaseConnection,
    ) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let (writers, writer) = (self.clone(), writer.clone());
        // To its end whoever still waits for it: of a savepoint that was given up half-way nobody knows whether it is there.
        whole(async move { writers.next(&writer).await }).await
    }

    async fn next(
        &self,
        writer: &DatabaseConnection,
    ) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let until = Instant::now() + TURN;
        let group = timeout_at(until, Arc::clone(&self.group).lock_owned());
        let mut turn = Turn::new(group.await.map_err(|_| late())?);
        if *turn.group.seen.borrow() {
            // Its members hear how it went.
            let _ = turn.group.commit().await;
        }
        if turn.group.open.is_none() {
            let open = timeout_at(until, turn.group.open(writer));
            open.await.unwrap_or_else(|_| Err(late()))?;
        }
        let own = turn.group.join().await?;
        Ok((own, turn))
    }

    /// Waits until whatever was seen by somebody who did not commit is there for readers, or undone: one of those who
    /// wait for the commit is next.
    pub(super) async fn settled(&self) {
        // An error would say that the writers are gone, and all they have told with them.
        let _ = self.seen.clone().wait_for(|seen| !seen).await;
    }
}

/// The one who writes at present.
#[derive(Debug)]
pub(super) struct Turn {
    group: OwnedMutexGuard<Group>,
    spoilt: Spoilt,
    /// Whether it waits for the commit of the group.
    waits: bool,
}

impl Turn {
    fn new(group: OwnedMutexGuard<Group>) -> Self {
        Self {
            group,
            spoilt: Arc::default(),
            waits: false,
        }
    }

    /// To be told by whoever sees such an error.
    pub(super) fn spoilt(&self) -> Spoilt {
        Arc::clone(&self.spoilt)
    }

    /// Makes `own` permanent, with what others have written and write next.
    ///
    /// # Errors
    /// When the database refuses; then nothing of it was written.
    pub(super) async fn commit(mut self, own: DatabaseTransaction) -> Done {
        if let Err(error) = own.commit().await {
            return Err(self.spoilt.get_or_init(|| error).clone());
        }
        if self.spoilt.get().is_some() || self.group.members.len() >= MOST {
            return self.group.commit().await;
        }
        let (member, mut told) = oneshot::channel();
        self.group.members.push(member);
        self.waits = true;
        let writers = Arc::clone(OwnedMutexGuard::mutex(&self.group));
        drop(self);
        let mut second = tokio::select! {
            biased;
            done = &mut told => return done.unwrap_or_else(|_| Err(ending())),
            group = writers.lock_owned() => group,
        };
        match told.try_recv() {
            Ok(done) => done,
            Err(_) => second.commit().await,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(why) = self.spoilt.get() {
            let why = why.clone();
            self.group.undo(why);
        } else if self.group.members.is_empty() {
            // Nobody would end it, and other programs wait for the file.
            self.group.open = None;
        } else if !self.waits {
            self.group.seen.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
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
}
