//! What a run needs: flags, file and environment, checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use hub_types::env::{
    EnvSource, JUPYTERHUB_API_TOKEN, JUPYTERHUB_API_URL, JUPYTERHUB_SERVICE_NAME,
};
use hub_types::secret::Token;
use hub_types::socket_url;
use hubauth::config::TlsFiles;
use url::Url;

use crate::cli::{Args, LogLevel, MOST_SECONDS};
use crate::config::{self, ConfigError};
use crate::decide::Policy;
use crate::rules::Rule;

/// Seconds that a request may take, as jupyterhub-idle-culler reads it; 60 when it is not set.
pub const JUPYTERHUB_REQUEST_TIMEOUT: &str = "JUPYTERHUB_REQUEST_TIMEOUT";

/// Users per page unless a flag says otherwise: what a hub gives at most (`api_page_max_limit`) unless its
/// configuration says otherwise. Hubs cut what is asked for to their own limit, so that asking for it costs the fewest requests.
const PAGE_SIZE: u32 = 200;

/// What a run needs, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to cull.
    pub policy: Policy,
    /// The hub's API, without a trailing slash.
    pub url: Url,
    /// The token to show there.
    pub token: Token,
    /// Key and certificates for internal TLS.
    pub tls: Option<TlsFiles>,
    /// Time between the starts of two sweeps.
    pub every: Duration,
    /// Requests under way at once; `None` for any number.
    pub concurrency: Option<usize>,
    /// Users per page; `None` for the hub's default.
    pub page_size: Option<u32>,
    /// Whether named servers are removed when they are stopped.
    pub remove_named_servers: bool,
    /// By how much the two clocks may differ.
    pub max_clock_offset: TimeDelta,
    /// Longest time that one request may take.
    pub request_timeout: Duration,
    /// Where numbers for Prometheus are served.
    pub metrics_address: Option<SocketAddr>,
    /// The file that numbers for Prometheus are written to.
    pub metrics_file: Option<PathBuf>,
    /// How much to log.
    pub log_level: LogLevel,
    /// Whether a hub started this process: it may itself have been started just now.
    pub started_by_hub: bool,
    /// Whether to sweep only once.
    pub once: bool,
    /// Whether to cull nothing really.
    pub dry_run: bool,
}

/// What is wrong with the command line, the file or the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file of `--config`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Numbers that nobody could ask for.
    #[error("--metrics-address serves nothing with --once, which ends at once: use --metrics-file")]
    OnceServes,
    /// No token.
    #[error(
        "no API token: set {JUPYTERHUB_API_TOKEN} (a hub sets it for its managed services; elsewhere, create a token \
         with the scopes list:users, read:users:activity, read:servers, delete:servers)"
    )]
    NoToken,
    /// No URL.
    #[error(
        "no hub to talk to: give --url=http://HOST:PORT/hub/api, or set {JUPYTERHUB_API_URL} (a hub sets it for its \
         managed services)"
    )]
    NoUrl,
    /// Not the URL of a hub.
    #[error(
        "the hub's URL {0:?} is not usable: {1}; expected something like http://127.0.0.1:8081/hub/api"
    )]
    BadUrl(String, String),
    /// Not a number of seconds.
    #[error("{JUPYTERHUB_REQUEST_TIMEOUT} is {0:?}: expected a number of seconds of at least 1")]
    BadRequestTimeout(String),
}

impl Args {
    /// Completes the flags from the file of `--config` and the environment, and checks them.
    ///
    /// # Errors
    /// The first thing that is missing or wrong, with what to do about it.
    pub fn settings(&self, env: &dyn EnvSource) -> Result<Settings, SettingsError> {
        let file = config::read(self.config.as_deref())?;
        self.clone().or(file.flags).checked(file.rules, env)
    }

    fn checked(self, rules: Vec<Rule>, env: &dyn EnvSource) -> Result<Settings, SettingsError> {
        if self.once && self.metrics_address.is_some() {
            return Err(SettingsError::OnceServes);
        }
        let token = env
            .get_nonempty(JUPYTERHUB_API_TOKEN)
            .map(Token::from_config)
            .ok_or(SettingsError::NoToken)?;
        let url = self
            .url
            .clone()
            .filter(|url| !url.is_empty())
            .or_else(|| env.get_nonempty(JUPYTERHUB_API_URL))
            .ok_or(SettingsError::NoUrl)?;
        let policy = self.policy(rules);
        let half = u64::try_from(policy.timeout.num_seconds() / 2).unwrap_or(1);
        Ok(Settings {
            url: api_url(&url)?,
            token,
            tls: self.tls(),
            every: Duration::from_secs(self.cull_every.unwrap_or(half.max(1))),
            concurrency: Some(self.concurrency.unwrap_or(10)).filter(|n| *n > 0),
            page_size: Some(self.api_page_size.unwrap_or(PAGE_SIZE)).filter(|n| *n > 0),
            remove_named_servers: self.remove_named_servers.unwrap_or(false),
            max_clock_offset: seconds(self.max_clock_offset.unwrap_or(3_600)),
            request_timeout: request_timeout(env)?,
            metrics_address: self.metrics_address,
            log_level: self.level(),
            metrics_file: self.metrics_file,
            started_by_hub: env.get_nonempty(JUPYTERHUB_SERVICE_NAME).is_some(),
            once: self.once,
            dry_run: self.dry_run,
            policy,
        })
    }

    fn policy(&self, rules: Vec<Rule>) -> Policy {
        Policy {
            timeout: seconds(self.timeout.unwrap_or(600)),
            max_age: self.max_age.filter(|age| *age > 0).map(seconds),
            notice: seconds(self.notice.unwrap_or(0)),
            default_servers: self.cull_default_servers.unwrap_or(true),
            named_servers: self.cull_named_servers.unwrap_or(true),
            users: self.cull_users.unwrap_or(false),
            admin_users: self.cull_admin_users.unwrap_or(true),
            max_age_ignores_filters: self.max_age_ignores_filters.unwrap_or(false),
            rules,
        }
    }

    /// The files of JupyterHub's internal TLS, where `generate_certs` puts them.
    fn tls(&self) -> Option<TlsFiles> {
        if !self.ssl_enabled.unwrap_or(false) {
            return None;
        }
        let folder = self.internal_certs_location.as_deref();
        let folder = folder.unwrap_or(Path::new("internal-ssl"));
        Some(TlsFiles {
            keyfile: folder.join("hub-internal/hub-internal.key"),
            certfile: folder.join("hub-internal/hub-internal.crt"),
            client_ca: folder.join("hub-ca/hub-ca.crt"),
        })
    }
}

/// A time span of so many seconds.
pub(crate) fn seconds(count: u64) -> TimeDelta {
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .unwrap_or(TimeDelta::MAX)
}

fn api_url(text: &str) -> Result<Url, SettingsError> {
    let bad = |why: &str| SettingsError::BadUrl(text.to_owned(), why.to_owned());
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    let on_socket = socket_url::split(text).is_some();
    if !on_socket && (!matches!(url.scheme(), "http" | "https") || url.host_str().is_none()) {
        return Err(bad(
            "it is neither http:// or https:// with a host nor http+unix:// with the path of a socket",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SettingsError::BadUrl(
            "[not shown]".to_owned(),
            "it carries a user name or password".to_owned(),
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn request_timeout(env: &dyn EnvSource) -> Result<Duration, SettingsError> {
    let Some(text) = env.get_nonempty(JUPYTERHUB_REQUEST_TIMEOUT) else {
        return Ok(Duration::from_secs(60));
    };
    match text.trim().parse::<u64>() {
        Ok(seconds) if (1..=MOST_SECONDS).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(SettingsError::BadRequestTimeout(text)),
    }
}

#[cfg(test)]
mod tests;
