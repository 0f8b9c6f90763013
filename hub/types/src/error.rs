//! The error body of the REST API.

use serde::{Deserialize, Serialize};

/// `{"status": 404, "message": "No such user"}`.
///
/// `message` is null where JupyterHub 6.1 sends null (unknown URL, wrong method, missing credentials on `/user`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// The HTTP status code, repeated.
    pub status: u16,
    /// What went wrong, for a person; never a secret and never a stack trace.
    #[serde(default)]
    pub message: Option<String>,
    /// The last lines that a server wrote whose start failed, where there are any. Not in JupyterHub.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}
