//! A service as it is written in the configuration (`JupyterHub.services`) or sent to the REST API.
//!
//! Fields, defaults and name rules are JupyterHub 6.1's. Whatever is accepted takes effect; a field that could not is an
//! error that names the service and the key.

mod address;
mod read;
mod validate;

use std::collections::BTreeMap;

use hub_types::names::ServiceName;
use hub_types::paths::service_client_id;
use hub_types::scope::Scope;
use hub_types::secret::Token;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::contract::HubAddress;

pub use address::AddressError;
pub use validate::{Remark, validate_all};

/// What a service is. Deserialises from the configuration; unknown keys are errors.
///
/// An empty text counts as not set, as in JupyterHub. Call [`ServiceSpec::validate`] before anything else.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// The name, also its path `/services/NAME/`.
    pub name: String,
    /// Deprecated: gives it the role `admin`. Name it in a role instead.
    #[serde(default)]
    pub admin: bool,
    /// Where it listens; without it the service has no web address. A managed service may give port 0: it gets a free one.
    #[serde(default, deserialize_with = "read::text")]
    pub url: Option<String>,
    /// The form before JupyterHub 3: roles whose scopes it may ask for. The hub turns those of its configuration into scopes
    /// before it checks them; elsewhere they are refused.
    #[serde(default)]
    pub oauth_roles: Vec<String>,
    /// What the service may ask to do in the name of users, beyond knowing who they are.
    #[serde(default)]
    pub oauth_client_allowed_scopes: Vec<Scope>,
    /// Its token. Made by the hub for a managed service that gives none.
    #[serde(default, deserialize_with = "read::token")]
    pub api_token: Option<Token>,
    /// Anything else to know of it; shown in its model.
    #[serde(default)]
    pub info: Map<String, Value>,
    /// Whether pages list it.
    #[serde(default = "read::yes")]
    pub display: bool,
    /// Seconds within which it should answer at the start of the hub.
    #[serde(default = "read::thirty")]
    pub timeout: u64,
    /// Whether users are not asked to confirm when they first enter it.
    #[serde(default)]
    pub oauth_no_confirm: bool,
    /// The command that the hub runs; a text is a program without arguments. Without it the service is external.
    #[serde(default, deserialize_with = "read::command")]
    pub command: Vec<String>,
    /// The folder to run it in.
    #[serde(default, deserialize_with = "read::text")]
    pub cwd: Option<String>,
    /// Variables to add to its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The system user to run it as; the hub's own without it.
    #[serde(default, deserialize_with = "read::text")]
    pub user: Option<String>,
    /// Its OAuth client id, `service-NAME` by default.
    #[serde(default, deserialize_with = "read::text")]
    pub oauth_client_id: Option<String>,
    /// Where OAuth sends browsers back to; `/services/NAME/oauth_callback` by default.
    #[serde(default, deserialize_with = "read::text")]
    pub oauth_redirect_uri: Option<String>,
    /// Ours: give it the login cookie of JupyterHub 0.7 and 0.8, for services of that time.
    #[serde(default)]
    pub cookie_auth: bool,
    /// `scheme://host[:port]` of its own, where services have subdomains. Nobody configures it: the hub sets it.
    #[serde(skip)]
    pub origin: Option<String>,
}

impl ServiceSpec {
    /// A service of this name with nothing else set.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            admin: false,
            url: None,
            oauth_roles: Vec::new(),
            oauth_client_allowed_scopes: Vec::new(),
            api_token: None,
            info: Map::new(),
            display: true,
            timeout: read::thirty(),
            oauth_no_confirm: false,
            command: Vec::new(),
            cwd: None,
            environment: BTreeMap::new(),
            user: None,
            oauth_client_id: None,
            oauth_redirect_uri: None,
            cookie_auth: false,
            origin: None,
        }
    }

    /// The name as a name. Only meaningful after [`ServiceSpec::validate`].
    #[must_use]
    pub fn service_name(&self) -> ServiceName {
        ServiceName::stored(self.name.clone())
    }

    /// Whether the hub runs it.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        !self.command.is_empty()
    }

    /// Its OAuth client id.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.oauth_client_id
            .clone()
            .unwrap_or_else(|| service_client_id(&self.service_name()))
    }

    /// Whether it is an OAuth client: it has a web address, or anything about OAuth is configured.
    #[must_use]
    pub fn has_oauth(&self) -> bool {
        self.url.is_some()
            || self.oauth_no_confirm
            || self.oauth_client_id.is_some()
            || self.oauth_redirect_uri.is_some()
    }

    /// Where OAuth sends browsers back to, given its default; empty when it has neither.
    #[must_use]
    pub fn redirect_uri(&self, default: &str) -> String {
        match &self.oauth_redirect_uri {
            Some(uri) => uri.clone(),
            None if self.url.is_some() => default.to_owned(),
            None => String::new(),
        }
    }

    /// Identifies everything that decides what runs: while it stays the same, a running process may be adopted.
    ///
    /// 64 hex characters; secrets go in as hashes.
    #[must_use]
    pub fn fingerprint(&self, hub: &HubAddress) -> String {
        let parts = json!([
            self.command,
            self.cwd,
            self.environment,
            self.user,
            self.url,
            self.client_id(),
            self.api_token.as_ref().map(|token| token.hash().to_hex()),
            hub.api_url,
            hub.base_url.as_str(),
            hub.host,
            hub.public_origin,
            hub.cookie_host_prefix,
            self.origin,
        ]);
        hex::encode(Sha256::digest(parts.to_string().as_bytes()))
    }

    /// The spec for showing: only what differs from the default, without secrets (of the environment, names only).
    #[must_use]
    pub fn shown(&self) -> Map<String, Value> {
        let hidden = |_| Value::from("[secret]");
        let environment: Map<String, Value> = self
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), hidden(value)))
            .collect();
        let scopes: Vec<String> = self
            .oauth_client_allowed_scopes
            .iter()
            .map(ToString::to_string)
            .collect();
        let all = json!({
            "name": self.name,
            "admin": self.admin.then_some(true),
            "url": self.url,
            "oauth_client_allowed_scopes": scopes,
            "api_token": self.api_token.as_ref().map(|_| "[secret]"),
            "info": self.info,
            "display": (!self.display).then_some(false),
            "timeout": (self.timeout != read::thirty()).then_some(self.timeout),
            "oauth_no_confirm": self.oauth_no_confirm.then_some(true),
            "command": self.command,
            "cwd": self.cwd,
            "environment": environment,
            "user": self.user,
            "oauth_client_id": self.oauth_client_id,
            "oauth_redirect_uri": self.oauth_redirect_uri,
            "cookie_auth": self.cookie_auth.then_some(true),
        });
        let empty = |value: &Value| {
            value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty)
        };
        match all {
            Value::Object(map) => map.into_iter().filter(|(_, value)| !empty(value)).collect(),
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests;
