//! API tokens, as the REST API shows them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A token. The secret itself is only in the reply to its creation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenModel {
    /// The owner, when a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The owner, when a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `a<integer>`.
    pub id: String,
    /// Always `api_token`.
    pub kind: String,
    /// Always empty since JupyterHub 3; kept for old clients.
    pub roles: Vec<String>,
    /// The scopes, expanded.
    pub scopes: Vec<String>,
    /// When it was made.
    #[serde(with = "crate::time::iso_opt")]
    pub created: Option<DateTime<Utc>>,
    /// When it was last used.
    #[serde(with = "crate::time::iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// When it stops working; null for never.
    #[serde(with = "crate::time::iso_opt")]
    pub expires_at: Option<DateTime<Utc>>,
    /// What it is for.
    pub note: Option<String>,
    /// The browser session it belongs to.
    pub session_id: Option<String>,
    /// Description of the OAuth client that asked for it; `JupyterHub` for the hub's own.
    pub oauth_client: String,
    /// The secret: only in the reply to `POST …/tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The body of `POST /users/:name/tokens`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewToken {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Life in seconds, at least 1; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Scopes; absent for all that the owner holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}
