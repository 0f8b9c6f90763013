//! A route of the proxy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A route as configurable-http-proxy's REST API shows it: the posted object, plus `last_activity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyRoute {
    /// Origin of the target, e.g. `http://127.0.0.1:8081`.
    pub target: String,
    /// When the route was last used; the proxy writes it, milliseconds.
    #[serde(
        default,
        with = "crate::time::iso_opt",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_activity: Option<DateTime<Utc>>,
    /// Everything else that was posted with the route.
    #[serde(flatten)]
    pub data: Map<String, Value>,
}

/// The whole table: path (no trailing slash, `/` for the default) to route.
pub type RouteTable = BTreeMap<String, ProxyRoute>;

/// A route as the hub's `GET /proxy` shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteModel {
    /// `/path/` or `host/path/`, always with a trailing slash.
    pub routespec: String,
    /// Origin of the target.
    pub target: String,
    /// Data of the hub: `{"user":…,"server_name":…}`, `{"service":…}` or `{"hub":true}`, with `last_activity`.
    pub data: Map<String, Value>,
}
