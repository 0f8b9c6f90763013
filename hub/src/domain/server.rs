//! Servers: one notebook server of a user.

pub mod slug;

use chrono::{DateTime, Utc};
use hub_types::names::{ServerName, Username};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lifecycle::{Lease, ServerState};
use super::user::{User, UserId};

/// Row id of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub i64);

/// A user's server and the name of its owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerRef {
    /// The owner.
    pub user: Username,
    /// The server; empty for the default one.
    pub name: ServerName,
}

impl ServerRef {
    /// The server `name` of `user`.
    #[must_use]
    pub fn new(user: Username, name: ServerName) -> Self {
        Self { user, name }
    }
}

impl std::fmt::Display for ServerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.user, self.name)
    }
}

/// Why a start failed or a server died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For the person whose server it is: what happened and what to do.
    pub message: String,
    /// The last lines of the server's output.
    #[serde(default)]
    pub output: Vec<String>,
    /// HTTP status of the failure page: 500, or what a hook asked for.
    pub status: u16,
}

/// An announcement that a server will be stopped, as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// From when on.
    pub stop_at: DateTime<Utc>,
    /// When it was announced.
    pub given: DateTime<Utc>,
    /// Why, for whoever uses the server.
    pub reason: String,
    /// The activity that it rests on: any later one makes it void. `None` when no use saves the server.
    pub since: Option<DateTime<Utc>>,
}

/// A server as the database knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Row id.
    pub id: ServerId,
    /// Row id of the owner.
    pub user_id: UserId,
    /// Owner and name.
    pub at: ServerRef,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Where it is in its life.
    pub state: ServerState,
    /// Counts every change of state.
    pub epoch: i64,
    /// The hub that works on it.
    pub lease: Option<Lease>,
    /// Origin where it listens, e.g. `http://127.0.0.1:40123`.
    pub target: Option<String>,
    /// When its last start began; null while stopped.
    pub started: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_activity: Option<DateTime<Utc>>,
    /// What the user chose.
    pub user_options: Map<String, Value>,
    /// The spawner's state: what it needs to find the process again. Null: see [`Server::forget`].
    pub spawner_state: Option<Value>,
    /// That it will be stopped, as it was last announced; [`Server::stop_notice`] says whether that holds.
    pub notice: Option<Notice>,
    /// Why the last start failed or the last run ended by itself.
    pub last_failure: Option<Failure>,
}

impl Server {
    /// The default server of a user who never had one. It is there like everybody's, but has no row yet (its id is 0,
    /// which no row has): good for showing, not for doing anything.
    #[must_use]
    pub fn unused_default(owner: &User) -> Self {
        Self {
            id: ServerId(0),
            user_id: owner.id,
            at: ServerRef::new(owner.name.clone(), ServerName::default_server()),
            display_name: String::new(),
            state: ServerState::Stopped,
            epoch: 0,
            lease: None,
            target: None,
            started: None,
            last_activity: None,
            user_options: Map::new(),
            spawner_state: None,
            notice: None,
            last_failure: None,
        }
    }

    /// The announcement that this server will be stopped, if it holds: for this run of the server, and not used since. Nobody
    /// has to take a notice back.
    #[must_use]
    pub fn stop_notice(&self) -> Option<&Notice> {
        self.notice.as_ref().filter(|notice| {
            let this_run = self.started.is_some_and(|started| started <= notice.given);
            let unused = match (notice.since, self.last_activity) {
                (Some(since), Some(used)) => used <= since,
                _ => true,
            };
            self.state == ServerState::Ready && this_run && unused
        })
    }

    /// Makes this a server of which no spawner knows anything: one that was renamed before it ever ran. JupyterHub shows
    /// such servers with a null for their state (and their options, if they have none).
    pub fn forget(&mut self) {
        self.spawner_state = Some(Value::Null);
    }

    /// Whether no spawner knows of it.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.spawner_state == Some(Value::Null)
    }
}

#[cfg(test)]
mod tests;
