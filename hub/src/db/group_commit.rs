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
mod tests;
