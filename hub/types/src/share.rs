//! Shares and share codes, as the REST API shows them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A user or group of which nothing but the name is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Named {
    /// The name.
    pub name: String,
}

impl Named {
    /// The one called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// As much of a server as somebody sees with whom it is shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SharedServer {
    /// The owner.
    pub user: Named,
    /// Empty for the default server.
    pub name: String,
    /// Path of the server under the proxy.
    pub url: String,
    /// Absolute URL, when the hub knows its public one.
    pub full_url: Option<String>,
    /// Whether it answers and is routed.
    pub ready: bool,
}

/// A share: what a user or a group may do with somebody else's server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareModel {
    /// What is shared.
    pub server: SharedServer,
    /// What it allows, each with the filter `!server=` of this server.
    pub scopes: Vec<String>,
    /// The user whom it is for, else null.
    pub user: Option<Named>,
    /// The group that it is for, else null.
    pub group: Option<Named>,
    /// `user` or `group`.
    pub kind: String,
    /// When it was granted first.
    #[serde(with = "crate::time::iso")]
    pub created_at: DateTime<Utc>,
}

/// A share code: an invitation that becomes a share when somebody accepts it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareCodeModel {
    /// What is shared.
    pub server: SharedServer,
    /// What it will allow, each with the filter `!server=` of this server.
    pub scopes: Vec<String>,
    /// `sc_<integer>`.
    pub id: String,
    /// When it was made.
    #[serde(with = "crate::time::iso")]
    pub created_at: DateTime<Utc>,
    /// When it ends.
    #[serde(with = "crate::time::iso")]
    pub expires_at: DateTime<Utc>,
    /// How many times it was accepted.
    pub exchange_count: i64,
    /// When it was last accepted.
    #[serde(with = "crate::time::iso_opt")]
    pub last_exchanged_at: Option<DateTime<Utc>>,
    /// The code and where to accept it: only in the reply to its creation.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub secret: Option<ShareCodeSecret>,
}

/// What is only told once of a share code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareCodeSecret {
    /// The code itself.
    pub code: String,
    /// Path of the page that accepts it.
    pub accept_url: String,
    /// Absolute URL of that page, when the hub knows its public one.
    pub full_accept_url: Option<String>,
}

impl std::fmt::Debug for ShareCodeModel {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShareCodeModel")
            .field("id", &self.id)
            .field("server", &self.server)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShareCodeSecret {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareCodeSecret([secret])")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(secret: Option<ShareCodeSecret>) -> ShareCodeModel {
        ShareCodeModel {
            server: SharedServer {
                user: Named::new("alice"),
                name: String::new(),
                url: "/user/alice/".to_owned(),
                full_url: None,
                ready: false,
            },
            scopes: vec!["access:servers!server=alice/".to_owned()],
            id: "sc_1".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH,
            exchange_count: 0,
            last_exchanged_at: None,
            secret,
        }
    }

    #[test]
    fn the_code_is_a_field_like_the_others_or_absent() {
        let without = serde_json::to_value(model(None)).unwrap();
        assert_eq!(
            without,
            json!({
                "server": {
                    "user": {"name": "alice"}, "name": "", "url": "/user/alice/", "full_url": null, "ready": false,
                },
                "scopes": ["access:servers!server=alice/"],
                "id": "sc_1",
                "created_at": "1970-01-01T00:00:00Z",
                "expires_at": "1970-01-01T00:00:00Z",
                "exchange_count": 0,
                "last_exchanged_at": null,
            })
        );
        let made = model(Some(ShareCodeSecret {
            code: "abc".to_owned(),
            accept_url: "/hub/accept-share?code=abc".to_owned(),
            full_accept_url: None,
        }));
        let with = serde_json::to_value(&made).unwrap();
        assert_eq!(
            (&with["code"], &with["full_accept_url"]),
            (&json!("abc"), &json!(null))
        );
        assert!(!format!("{made:?}").contains("abc"));
        assert_eq!(
            serde_json::from_value::<ShareCodeModel>(with).unwrap(),
            made
        );
    }
}
