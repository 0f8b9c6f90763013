//! A user's server, as the REST API shows it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a server is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pending {
    /// Being started.
    Spawn,
    /// Being stopped.
    Stop,
    /// Being checked after a hub restart.
    Check,
    /// Being renamed.
    Rename,
}

/// An announcement that a server will be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StopNotice {
    /// From when on.
    #[serde(with = "crate::time::iso")]
    pub stop_at: DateTime<Utc>,
    /// When it was announced.
    #[serde(with = "crate::time::iso")]
    pub given: DateTime<Utc>,
    /// Why, for whoever uses the server.
    pub reason: String,
    /// Whether any use of the server keeps it.
    pub unless_used: bool,
}

/// A server. Old hubs omit some fields: readers must bear any of them missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerModel {
    /// Empty for the default server.
    #[serde(default)]
    pub name: String,
    /// What people call it; empty when never set.
    #[serde(default)]
    pub display_name: String,
    /// `user/name`; `user/` for the default server.
    #[serde(default)]
    pub full_name: String,
    /// When it was last used.
    #[serde(default, with = "crate::time::iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// When it was started; null while it is stopped.
    #[serde(default, with = "crate::time::iso_opt")]
    pub started: Option<DateTime<Utc>>,
    /// What it is in the middle of.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// Whether it answers and is routed.
    #[serde(default)]
    pub ready: bool,
    /// Whether it neither runs nor is in the middle of anything.
    #[serde(default)]
    pub stopped: bool,
    /// Path of the server under the proxy, e.g. `/user/alice/`.
    #[serde(default)]
    pub url: Option<String>,
    /// Absolute URL, when the hub knows its public one.
    #[serde(default)]
    pub full_url: Option<String>,
    /// What the user chose when it was last started.
    #[serde(default)]
    pub user_options: Option<Map<String, Value>>,
    /// Path of the progress stream.
    #[serde(default)]
    pub progress_url: String,
    /// Absolute URL of the progress stream, when the hub knows its public one.
    #[serde(default)]
    pub full_progress_url: Option<String>,
    /// That it will be stopped; absent unless somebody announced it and it still holds. Ours: JupyterHub has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_notice: Option<StopNotice>,
    /// The spawner's state; only with scope `admin:server_state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
}
