//! What can be known of a restart before the server that runs is stopped for it.

use crate::db::{groups, servers};
use crate::domain::action::StartServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::spawner::manager::{Manager, StartError};
use crate::spawner::options::settle::Settling;

/// With which options a server shall start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Those that it has.
    AsItWas,
    /// Others, which are chosen when it has stopped.
    Otherwise,
}

impl Manager {
    /// Whether a server could be started if it were stopped now: the limits leave room for it, servers with names are still
    /// allowed, and its options still mean what the configuration allows. Others may be faster than the stop, and hooks are
    /// asked at the start only: this spares a running server, and promises nothing.
    ///
    /// # Errors
    /// What the start would be refused for.
    pub async fn check_restart(
        &self,
        granted: &Granted<StartServer>,
        again: Again,
    ) -> Result<(), StartError> {
        let at = granted.subject();
        if *self.0.closed.read().await {
            return Err(StartError::Closing);
        }
        if !at.name.is_default() {
            self.config.jupyterhub.named_servers().check_enabled()?;
        }
        let db = self.db.read();
        let Some(server) = servers::find(db, at).await? else {
            return Ok(());
        };
        let limits = self.config.jupyterhub.start_limits();
        let (starting, active) = servers::crowd(db, limits.counted()).await?;
        // It is one of those itself.
        let starting = starting.saturating_sub((server.state == ServerState::Spawning).into());
        let active = active.saturating_sub((server.state != ServerState::Stopped).into());
        limits
            .check(starting, active)
            .map_err(|why| self.crowded(why))?;
        if again == Again::AsItWas {
            let of_owner = groups::names_of_user(db, server.user_id).await?;
            let mut settling = Settling::begin(&self.config, at);
            // What is wrong with the configuration itself is said by the start.
            if settling.groups(&of_owner).is_ok() {
                settling.options(&server.user_options)?;
            }
        }
        Ok(())
    }
}
