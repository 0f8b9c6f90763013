//! Telling the spawner that a server gets another name. Both names are the server's until that has come to its end: whatever
//! begins with a server's name in this process waits for it, so that no transaction need be open meanwhile.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Manager;
use super::request::log_name;
use super::work::Turn;
use crate::db::{DbError, Tx};
use crate::domain::server::{Server, ServerRef};
use crate::domain::user::UserId;
use crate::spawner::SpawnError;

/// How long a spawner may take to move what it keeps of a server, and as long again to take that back.
pub const RENAMING: Duration = Duration::from_secs(5);

/// The names of servers that are just being given or taken away.
#[derive(Debug, Default)]
pub(super) struct Names(watch::Sender<HashSet<ServerRef>>);

impl Names {
    fn any(&self, names: &[&ServerRef]) -> bool {
        names.iter().any(|name| self.0.borrow().contains(*name))
    }

    /// Waits until it is none of these.
    async fn free(&self, names: &[&ServerRef]) {
        let mut held = self.0.subscribe();
        let free = |held: &HashSet<ServerRef>| !names.iter().any(|name| held.contains(*name));
        // Whoever sends is as old as we are.
        let _ = held.wait_for(free).await;
    }
}

/// A server that gets another name: both names are its own until this is dropped.
#[derive(Debug)]
pub struct Renaming {
    manager: Manager,
    old: ServerRef,
    new: ServerRef,
    owner: UserId,
    /// A hub that stops waits for it.
    turn: Turn,
}

impl Manager {
    /// Begins a transaction about servers of these names, when none of them is just being given or taken away.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn write_about(&self, names: &[&ServerRef]) -> Result<Tx, DbError> {
        loop {
            self.0.names.free(names).await;
            let tx = self.db.write().await?;
            // Names are taken in transactions only, of which there is one at a time.
            if !self.0.names.any(names) {
                return Ok(tx);
            }
        }
    }

    /// Keeps both names for a server that is stopped. To be called within a transaction [about both](Self::write_about).
    #[must_use]
    pub fn renaming(&self, server: &Server, new: &ServerRef) -> Renaming {
        let (old, new) = (server.at.clone(), new.clone());
        self.0.names.0.send_modify(|held| {
            held.extend([old.clone(), new.clone()]);
        });
        Renaming {
            manager: self.clone(),
            old,
            new,
            owner: server.user_id,
            turn: self.0.work.announce(server.id),
        }
    }
}

impl Renaming {
    /// Lets the spawner move what it keeps of the server. What is not done in time is taken back.
    ///
    /// # Errors
    /// What the spawner says against it: the server keeps its name.
    pub async fn go(&mut self) -> Result<(), SpawnError> {
        self.turn.begin(false).await;
        if let Some(told) = self.tell(&self.old, &self.new).await {
            return told;
        }
        // Some of it may have been moved.
        self.back().await;
        Err(late(&self.old))
    }

    /// Takes that back.
    pub async fn back(&self) {
        let (old, new) = (&self.old, &self.new);
        let moved = self.tell(new, old).await;
        if let Err(error) = moved.unwrap_or_else(|| Err(late(new))) {
            tracing::error!(server = %old, "what is kept of server {old} may have the name {new}: {error}");
        }
    }

    /// The name that it gets.
    #[must_use]
    pub fn new_name(&self) -> &ServerRef {
        &self.new
    }

    /// What the spawner says; `None` when that took too long.
    async fn tell(&self, from: &ServerRef, to: &ServerRef) -> Option<Result<(), SpawnError>> {
        let spawner = &self.manager.spawner;
        let told = timeout(RENAMING, spawner.rename(from, to, self.owner)).await;
        told.ok()
    }
}

impl Drop for Renaming {
    fn drop(&mut self) {
        self.manager.0.names.0.send_modify(|held| {
            held.remove(&self.old);
            held.remove(&self.new);
        });
    }
}

fn late(server: &ServerRef) -> SpawnError {
    SpawnError::Failed(format!(
        "{} cannot be renamed: its spawner has not done so within {} s",
        log_name(server),
        RENAMING.as_secs()
    ))
}
