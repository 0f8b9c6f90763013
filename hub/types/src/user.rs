//! A user, as the REST API shows it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::server::{Pending, ServerModel};

/// A user. Every field but the name is absent when the caller may not read it, so all are options; a field that the
/// caller may read but that has no value is `Some(None)` (null on the wire).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserModel {
    /// `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// Whether the user holds the `admin` role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Roles granted to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Groups the user is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Path of the default server when it is ready, else null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Option<String>>,
    /// What the default server is in the middle of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Option<Pending>>,
    /// When the user was registered.
    #[serde(
        default,
        with = "crate::time::iso_field",
        skip_serializing_if = "Option::is_none"
    )]
    pub created: Option<Option<DateTime<Utc>>>,
    /// When the user was last seen.
    #[serde(
        default,
        with = "crate::time::iso_field",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_activity: Option<Option<DateTime<Utc>>>,
    /// State of the authenticator; only with scope `admin:auth_state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_state: Option<Option<Value>>,
    /// What the login provider says of the person (`display_name`, `avatar_url`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_info: Option<Option<Value>>,
    /// Servers by name; active ones unless `include_stopped_servers` was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<BTreeMap<String, ServerModel>>,
}

/// The body of `POST /users/:name/activity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivityReport {
    /// When the user was last seen.
    #[serde(
        default,
        with = "crate::time::iso_opt",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_activity: Option<DateTime<Utc>>,
    /// When servers were last used, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<String, ServerActivity>,
}

/// Activity of one server in an [`ActivityReport`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerActivity {
    /// When the server was last used.
    #[serde(with = "crate::time::iso")]
    pub last_activity: DateTime<Utc>,
}
