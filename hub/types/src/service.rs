//! A service, as the REST API shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A service. Fields other than kind and name are absent when the caller may not read them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceModel {
    /// Always `service`.
    #[serde(default)]
    pub kind: String,
    /// The name of the service.
    pub name: String,
    /// Whether it holds the `admin` role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Roles granted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Where it listens; empty when it has no web address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its path under the proxy, e.g. `/services/whoami/`; empty when it has no web address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The command of a managed service; empty for an external one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Process id of a managed service; 0 when none runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// Free-form information set by administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// Whether pages list it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<bool>,
    /// Ours: whether the hub runs it (true) or it was only registered (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Ours: what the supervisor knows of the process, e.g. `running`, `backoff`, `stopped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Ours: how often the supervisor has restarted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// Ours: why it last stopped by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Option<String>>,
    /// Ours: whether it answers at its URL; null when it was not asked yet, or has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Option<bool>>,
    /// Ours: when the supervisor starts it again, while it waits after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_start: Option<Option<String>>,
    /// Ours: the last lines of its output, which may hold secrets. Only where one managed service is asked for, by somebody
    /// who may administer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_tail: Option<Vec<String>>,
}
