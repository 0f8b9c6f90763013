//! The answer to "who is this?": `GET /hub/api/user`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What kind of principal a token or cookie belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person.
    User,
    /// A service.
    Service,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::User => "user",
            Kind::Service => "service",
        })
    }
}

/// Who a token or cookie belongs to and what it may do. Unknown fields are kept in `extra`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// User or service.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// Whether the owner holds the `admin` role.
    #[serde(default)]
    pub admin: bool,
    /// Groups of a user; empty for services (the key is absent there).
    #[serde(default)]
    pub groups: Vec<String>,
    /// What the credential may do, expanded and sorted.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The browser session the credential belongs to.
    #[serde(default)]
    pub session_id: Option<String>,
    /// `a<integer>`; null when the credential is a cookie.
    #[serde(default)]
    pub token_id: Option<String>,
    /// What the login provider says of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_info: Option<Value>,
    /// Everything else the hub says (`servers`, `roles`, `created`, …, as the scopes allow).
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
