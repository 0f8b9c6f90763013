//! What a sweep knows of servers and users: plain data, no JSON and no HTTP.
//!
//! Every value says how it was found. A timestamp that is absent, null or unreadable stays distinguishable, because
//! [`crate::decide`] must never stop a server on the strength of something that nobody said.

use chrono::{DateTime, Utc};

/// A timestamp as the hub gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// The field is not there: an old hub, or a token that may not read it.
    Missing,
    /// The field is null: it never happened.
    Never,
    /// The field holds something that is no timestamp; its text, cut to a length that fits a log line.
    Unreadable(String),
    /// A timestamp. One without an offset was read as UTC, which is what every JupyterHub means by it.
    At(DateTime<Utc>),
}

impl Stamp {
    /// The time, when there is one.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) => Some(*time),
            Self::Missing | Self::Never | Self::Unreadable(_) => None,
        }
    }
}

/// The state of a server, as far as culling is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It answers and is routed: the only state in which a server may be culled.
    Ready,
    /// It is in the middle of something (`spawn`, `stop`, …).
    Pending(String),
    /// It is neither ready nor pending.
    NotReady,
    /// It does not run; it does not keep its user alive either.
    Stopped,
}

/// The profile with which a server was started: what `KubeSpawner` and others call so in the server's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// The hub does not say the options of servers.
    Unknown,
    /// It was started without one.
    None,
    /// Its name.
    Named(String),
}

/// One server of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// The name; empty for the default server.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// When it was started.
    pub started: Stamp,
    /// When it was last used.
    pub last_activity: Stamp,
    /// With which profile it was started.
    pub profile: Profile,
    /// From when on it was announced to be stopped, if its users were told and it was not used since.
    pub notice: Option<DateTime<Utc>>,
}

impl ServerFacts {
    /// Whether this is the user's default server.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name.is_empty()
    }
}

/// One user with the servers that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// The name.
    pub name: String,
    /// Whether the user is an admin; `None` when the hub did not say.
    pub admin: Option<bool>,
    /// The groups the user is in; `None` when the hub did not say.
    pub groups: Option<Vec<String>>,
    /// When the user was registered.
    pub created: Stamp,
    /// When the user was last seen.
    pub last_activity: Stamp,
    /// The servers that are active; `None` when the token may not read them.
    pub servers: Option<Vec<ServerFacts>>,
}
