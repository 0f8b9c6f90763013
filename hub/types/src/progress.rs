//! Events of a starting server, as `GET …/progress` streams them (Server-Sent Events, one JSON object each).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One event. The stream ends after an event with `ready` or `failed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgressEvent {
    /// 0 to 100.
    #[serde(default)]
    pub progress: u8,
    /// True in the last event of a failed start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// True in the last event of a successful start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// Plain text for a person.
    #[serde(default)]
    pub message: String,
    /// The same with markup, already safe to insert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html_message: Option<String>,
    /// Where the server is; only with `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whatever else the spawner reports.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
