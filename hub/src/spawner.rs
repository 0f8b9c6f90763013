//! How servers are started, found again, and stopped.
//!
//! * [`Spawner`]: one way of running servers; its state is JSON, so that any hub process can go on with it;
//! * `local`, `simple`: processes of this machine, with or without system users;
//! * [`commands`]: whether the programs are there; [`search_path`]: whether somebody else may decide which ones servers find;
//! * [`options`]: what people choose for their servers; [`hooks`]: commands at the steps of their lives;
//! * [`manager`]: the life of every server: steps in the database, token, OAuth client, route, progress.
//!
//! To add a spawner: implement [`Spawner`], give it a [`registry::OwnSpawner`], and hand that to
//! [`crate::programs::main`]. `examples/unshare` does, in a crate of its own. `contract` (with the feature of that name) is
//! what every one of them is held to.

mod cgroup;
pub mod child;
pub mod commands;
#[cfg(feature = "contract")]
pub mod contract;
pub mod hooks;
mod local;
mod log_file;
pub mod manager;
pub mod options;
mod port;
mod processes;
pub mod registry;
pub mod search_path;
mod simple;
mod template;

use async_trait::async_trait;
use serde_json::{Map, Value};
use services::contract::{HubAddress, ServerContract};

use crate::config::PerServer;
use crate::db::DbError;
use crate::domain::server::ServerRef;
use crate::domain::user::UserId;

/// Where a server is about to run: committed before anything of it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// What the spawner needs to find the server again.
    pub state: Value,
    /// Origin where it will listen, e.g. `http://127.0.0.1:40123`.
    pub target: String,
}

/// Why a start was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else took the server over or stopped it: run nothing.
    #[error("the start was cancelled")]
    Cancelled,
    /// The database refused or is gone: run nothing.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What commits a [`Placed`] into the server's row.
#[async_trait]
pub trait Commit: Send + Sync {
    /// Writes it down. After an error nothing of the server may run.
    ///
    /// # Errors
    /// [`CommitError`].
    async fn commit(&self, placed: &Placed) -> Result<(), CommitError>;
}

/// What tells whoever waits how far a start is.
#[async_trait]
pub trait Progress: Send + Sync {
    /// Says where the start is: per cent, and a sentence. Both are kept within what the wire and a page take; whether
    /// anybody listens does not matter to the start.
    async fn tell(&self, percent: u8, message: &str);

    /// The same with markup, for those who show it: `html` is the spawner author's own, and what stands in it of others (an
    /// option, a name, a line of output) is escaped. Clients get it as it is; the hub's own page shows of it plain elements
    /// (links, emphasis, code) without attributes but the address of a link. What is longer than the wire takes is left out.
    async fn tell_html(&self, percent: u8, message: &str, _html: &str) {
        self.tell(percent, message).await;
    }
}

/// Everything a spawner is told about a start.
pub struct StartContext<'a> {
    /// Which server.
    pub server: &'a ServerRef,
    /// Row id of its owner.
    pub user_id: UserId,
    /// Its owner's groups, sorted.
    pub groups: &'a [String],
    /// What the user chose. What of it the configuration takes up is in the settings already.
    pub user_options: &'a Map<String, Value>,
    /// The settings of this server: what everybody gets, changed by groups, options and hooks, with placeholders filled in.
    pub settings: &'a PerServer,
    /// What its environment is made of; the spawner fills in address, account and what is kept of the hub's own.
    pub contract: ServerContract,
    /// Where the hub is.
    pub hub: &'a HubAddress,
    /// Must be called, once, before anything of the server runs.
    pub commit: &'a dyn Commit,
    /// May be told how far the start is, as often as it is worth a line of the page.
    pub progress: &'a dyn Progress,
}

/// Why a server could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// For the person whose server it is: what is wrong and what to do.
    #[error("{0}")]
    Failed(String),
    /// The same, where it is not the hub that failed: what was asked for cannot be.
    #[error("{message}")]
    Refused {
        /// HTTP status, 400 to 599.
        status: u16,
        /// For the person whose server it is.
        message: String,
    },
    /// It was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Whether a server's process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// It does.
    Running,
    /// It does not; how it ended, e.g. `exited with code 1`.
    Exited(String),
}

/// One way of running servers. Everything it must remember is in the state that it commits.
#[async_trait]
pub trait Spawner: Send + Sync + std::fmt::Debug {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// Starts a server; returns when it runs (not when it answers). Calls [`Commit::commit`] before anything runs.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left running then.
    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError>;

    /// Whether the server runs.
    async fn poll(&self, state: &Value) -> Poll;

    /// Waits until the server no longer runs; returns how it ended. May be dropped half-way.
    async fn wait(&self, state: &Value) -> String;

    /// Stops the server with everything it started; `now` skips the polite signals. Returns when it is gone.
    ///
    /// # Errors
    /// [`SpawnError`] when it cannot be stopped.
    async fn stop(&self, state: &Value, now: bool) -> Result<(), SpawnError>;

    /// What the API shows of the state, to whoever holds `admin:server_state`: what JupyterHub's spawner of the same name
    /// shows; all of it, unless something is for the hub alone.
    fn shown_state(&self, state: &Value) -> Value {
        state.clone()
    }

    /// The last lines of the server's output, oldest first.
    async fn output_tail(&self, state: &Value, lines: usize) -> Vec<String>;

    /// Cuts the files that outputs are kept in down to size.
    async fn trim_outputs(&self) {}

    /// Moves what is kept under the name of a server (a volume, a file) to the name that it gets; its owner stays. The server
    /// has stopped, and this hub does nothing else with either name meanwhile; another one may. Has
    /// [a few seconds](manager::RENAMING), and is dropped half-way then. Called the other way round, with as much time, when it
    /// was dropped, or when the new name could not be written down: then it moves back what it finds moved, and lets what it
    /// has begun in tasks of its own end first.
    ///
    /// # Errors
    /// [`SpawnError`]: the server keeps its name, and nothing was moved. Whoever asked is told why by
    /// [`Refused`](SpawnError::Refused); anything else is for the log.
    async fn rename(
        &self,
        _old: &ServerRef,
        _new: &ServerRef,
        _owner: UserId,
    ) -> Result<(), SpawnError> {
        Ok(())
    }

    /// Does away with what is kept for the next start of a server: it, or its owner, is deleted for good. A mere stop does not
    /// call this. The server has stopped, and is not started meanwhile. May be called again for the same server; has
    /// [a minute](manager::FAREWELL), and may be dropped half-way.
    ///
    /// # Errors
    /// [`SpawnError`]; it is logged, and the server is deleted all the same.
    async fn delete_forever(&self, _server: &ServerRef, _owner: UserId) -> Result<(), SpawnError> {
        Ok(())
    }
}
