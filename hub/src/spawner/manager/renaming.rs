//! Telling the spawner that a server gets another name.

use std::time::Duration;

use tokio::time::timeout;

use super::Manager;
use super::request::log_name;
use crate::domain::server::ServerRef;
use crate::domain::user::UserId;
use crate::spawner::SpawnError;

/// How long a spawner may take to move what it keeps of a server. Nobody writes to the database meanwhile.
pub const RENAMING: Duration = Duration::from_secs(5);

impl Manager {
    /// Lets the spawner move what it keeps of a server that is stopped; the caller sees to it that it stays so.
    ///
    /// # Errors
    /// What the spawner says against it.
    pub async fn rename(
        &self,
        old: &ServerRef,
        new: &ServerRef,
        owner: UserId,
    ) -> Result<(), SpawnError> {
        match timeout(RENAMING, self.spawner.rename(old, new, owner)).await {
            Ok(renamed) => renamed,
            Err(_) => Err(SpawnError::Failed(format!(
                "{} cannot be renamed: its spawner has not done so within {} s",
                log_name(old),
                RENAMING.as_secs()
            ))),
        }
    }

    /// Takes that back.
    pub async fn rename_back(&self, old: &ServerRef, new: &ServerRef, owner: UserId) {
        if let Err(error) = self.rename(new, old, owner).await {
            tracing::error!(server = %old, "what is kept of server {old} has the name {new}: {error}");
        }
    }
}
