//! `[ConfigurableHTTPProxy]` (and its parent `[Proxy]`): the proxy's API and how it is started.

use std::path::PathBuf;
use std::time::Duration;

use hub_types::secret::Token;

use crate::config::BindUrl;

/// `[ConfigurableHTTPProxy]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigurableHttpProxy {
    /// Where the proxy's API listens; port 0 means any free one, which works only if the hub starts the proxy.
    pub api_url: BindUrl,
    /// The API's token. `None`: derived from the cookie secret. The environment's `CONFIGPROXY_AUTH_TOKEN` fills it.
    pub auth_token: Option<Token>,
    /// The program and its first arguments; `None`: our own `hub proxy`.
    pub command: Option<Vec<String>>,
    /// Whether the hub starts the proxy and watches it.
    pub should_start: bool,
    /// How often the proxy's process is checked.
    pub check_running_interval: Duration,
    /// Where the proxy's process id is written, so that the next hub finds it.
    pub pid_file: PathBuf,
}

impl Default for ConfigurableHttpProxy {
    fn default() -> Self {
        Self {
            api_url: BindUrl::new("127.0.0.1", 8001),
            auth_token: None,
            command: None,
            should_start: true,
            check_running_interval: Duration::from_secs(5),
            pid_file: "jupyterhub-proxy.pid".into(),
        }
    }
}
