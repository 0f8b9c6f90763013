//! Groups of users, as the REST API shows them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A group. Fields other than the name are absent when the caller may not read them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupModel {
    /// Always `group`.
    pub kind: String,
    /// The name of the group.
    pub name: String,
    /// Names of the members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// Roles granted to the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Free-form properties set by administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
}
