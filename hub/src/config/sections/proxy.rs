//! `[ConfigurableHTTPProxy]` (and its parent `[Proxy]`): the proxy's API and how it is started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hub_types::secret::Token;

use crate::config::{BindUrl, LogLevel};

/// What `JupyterHub.proxy_class` calls everything that speaks configurable-http-proxy's API.
pub const CONFIGURABLE_HTTP_PROXY: &str = "configurable-http-proxy";

/// Where the APIs of the proxies are: one, or several proxies that get the same routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrls {
    /// The only one, or the first.
    pub first: BindUrl,
    /// All but the first; with any of them the hub starts none.
    pub others: Vec<BindUrl>,
}

impl From<BindUrl> for ApiUrls {
    fn from(first: BindUrl) -> Self {
        Self {
            first,
            others: Vec::new(),
        }
    }
}

impl ApiUrls {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &BindUrl> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// `[ConfigurableHTTPProxy]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigurableHttpProxy {
    /// Where the proxy's API listens; port 0 means any free one, which works only if the hub starts the proxy.
    pub api_url: ApiUrls,
    /// The API's token. `None`: derived from the cookie secret. The environment's `CONFIGPROXY_AUTH_TOKEN` fills it.
    pub auth_token: Option<Token>,
    /// The program and its first arguments; `None`: our own `hub proxy`.
    pub command: Option<Vec<String>>,
    /// Whether the hub starts the proxy and watches it.
    pub should_start: bool,
    /// The proxy's umask.
    pub command_umask: u32,
    /// How many requests to one API may be on their way at once.
    pub concurrency: usize,
    /// Routes of the administrator's own: routespec (`/path/`) → origin.
    pub extra_routes: BTreeMap<String, String>,
    /// How much the proxy logs; `None`: as much as the hub.
    pub log_level: Option<LogLevel>,
    /// How often the proxy's process is checked.
    pub check_running_interval: Duration,
    /// Where the proxy's process id is written, so that the next hub finds it.
    pub pid_file: PathBuf,
}

impl Default for ConfigurableHttpProxy {
    fn default() -> Self {
        Self {
            api_url: BindUrl::new("127.0.0.1", 8001).into(),
            auth_token: None,
            command: None,
            command_umask: 0o077,
            concurrency: 10,
            extra_routes: BTreeMap::new(),
            log_level: None,
            should_start: true,
            check_running_interval: Duration::from_secs(5),
            pid_file: "jupyterhub-proxy.pid".into(),
        }
    }
}
