//! The command line: the flags of jupyterhub-idle-culler 2.0 with their meaning, and a few of our own.
//!
//! `--flag=value` and `--flag value` mean the same, a switch may stand alone (`--cull-users`), and the long form
//! of configuration files (`--IdleCuller.timeout=60`) is understood too.

use std::time::Duration;

use chrono::TimeDelta;
use clap::{ArgAction, Parser};
use hub_types::env::{EnvSource, JUPYTERHUB_API_TOKEN, JUPYTERHUB_API_URL};
use hub_types::secret::Token;
use url::Url;

use crate::decide::Policy;

/// Seconds that a request may take, as jupyterhub-idle-culler reads it; 60 when it is not set.
pub const JUPYTERHUB_REQUEST_TIMEOUT: &str = "JUPYTERHUB_REQUEST_TIMEOUT";

/// Longest time span that makes sense on the command line: a thousand years, in seconds.
const MOST_SECONDS: u64 = 1_000 * 366 * 86_400;

/// Stops servers that nobody uses.
///
/// Reads the users of a hub page by page, stops the servers that were idle for too long, and says why. Runs as a
/// service of the hub (which sets JUPYTERHUB_API_TOKEN and JUPYTERHUB_API_URL) or anywhere else with these two set.
/// Needs the scopes list:users, read:users:activity, read:servers and delete:servers; with --cull-users also
/// delete:users, and read:users to count people who never logged in from their registration.
#[derive(Debug, Clone, Parser)]
#[command(name = "cull-idle", version, max_term_width = 100)]
pub struct Args {
    /// Seconds without activity after which a server is stopped.
    #[arg(long, alias = "IdleCuller.timeout", value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(..=MOST_SECONDS))]
    pub timeout: u64,

    /// Seconds between two sweeps. Default: half of --timeout, at least 1.
    #[arg(long, alias = "IdleCuller.cull_every", value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=MOST_SECONDS))]
    pub cull_every: Option<u64>,

    /// Seconds after which a server is stopped although it is in use; 0 for never.
    #[arg(long, alias = "IdleCuller.max_age", value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=MOST_SECONDS))]
    pub max_age: u64,

    /// Delete idle users too, once none of their servers is alive: for hubs with temporary users.
    #[arg(long, alias = "IdleCuller.cull_users", value_name = "BOOL", default_value_t = false,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_users: bool,

    /// Whether --cull-users may delete admins. Their servers are stopped like all others.
    #[arg(long, alias = "IdleCuller.cull_admin_users", value_name = "BOOL", default_value_t = true,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_admin_users: bool,

    /// Whether default servers may be stopped.
    #[arg(long, alias = "IdleCuller.cull_default_servers", value_name = "BOOL", default_value_t = true,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_default_servers: bool,

    /// Whether named servers may be stopped.
    #[arg(long, alias = "IdleCuller.cull_named_servers", value_name = "BOOL", default_value_t = true,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_named_servers: bool,

    /// Remove named servers when they are stopped.
    #[arg(long, alias = "IdleCuller.remove_named_servers", value_name = "BOOL", default_value_t = false,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub remove_named_servers: bool,

    /// Requests that may be under way at once, over all users; 0 for any number.
    #[arg(
        long,
        alias = "IdleCuller.concurrency",
        value_name = "N",
        default_value_t = 10
    )]
    pub concurrency: usize,

    /// Users per page of the hub's list; 0 for what the hub likes.
    #[arg(
        long,
        alias = "IdleCuller.api_page_size",
        value_name = "N",
        default_value_t = 0
    )]
    pub api_page_size: u32,

    /// URL of the hub's API, e.g. http://127.0.0.1:8081/hub/api. Default: $JUPYTERHUB_API_URL.
    #[arg(long, alias = "IdleCuller.url", value_name = "URL")]
    pub url: Option<String>,

    /// Let --max-age pass over --cull-default-servers, --cull-named-servers and --cull-admin-users, as
    /// jupyterhub-idle-culler does.
    #[arg(long, value_name = "BOOL", default_value_t = false,
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub max_age_ignores_filters: bool,

    /// Seconds by which this machine's clock and the hub's may differ. Idle times are measured with the hub's clock;
    /// when they differ more, one of them is wrong and nothing is culled.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600,
          value_parser = clap::value_parser!(u64).range(1..=MOST_SECONDS))]
    pub max_clock_offset: u64,

    /// Sweep once and exit: 0 when everything went well, 1 when something failed.
    #[arg(long)]
    pub once: bool,

    /// Say what would be culled, and why, and cull nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Also say why servers are kept.
    #[arg(long)]
    pub debug: bool,
}

/// A boolean as traitlets writes it.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// What a run needs, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to cull.
    pub policy: Policy,
    /// The hub's API, without a trailing slash.
    pub url: Url,
    /// The token to show there.
    pub token: Token,
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
    /// Whether to sweep only once.
    pub once: bool,
    /// Whether to cull nothing really.
    pub dry_run: bool,
}

/// What is wrong with the command line or the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
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
    /// Completes the flags from the environment and checks them.
    ///
    /// # Errors
    /// The first thing that is missing or wrong, with what to do about it.
    pub fn settings(&self, env: &dyn EnvSource) -> Result<Settings, SettingsError> {
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
        Ok(Settings {
            policy: self.policy(),
            url: api_url(&url)?,
            token,
            every: Duration::from_secs(self.cull_every.unwrap_or((self.timeout / 2).max(1))),
            concurrency: Some(self.concurrency).filter(|n| *n > 0),
            page_size: Some(self.api_page_size).filter(|n| *n > 0),
            remove_named_servers: self.remove_named_servers,
            max_clock_offset: seconds(self.max_clock_offset),
            request_timeout: request_timeout(env)?,
            once: self.once,
            dry_run: self.dry_run,
        })
    }

    fn policy(&self) -> Policy {
        Policy {
            timeout: seconds(self.timeout),
            max_age: Some(self.max_age).filter(|age| *age > 0).map(seconds),
            default_servers: self.cull_default_servers,
            named_servers: self.cull_named_servers,
            users: self.cull_users,
            admin_users: self.cull_admin_users,
            max_age_ignores_filters: self.max_age_ignores_filters,
        }
    }
}

fn seconds(count: u64) -> TimeDelta {
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .unwrap_or(TimeDelta::MAX)
}

fn api_url(text: &str) -> Result<Url, SettingsError> {
    let bad = |why: &str| SettingsError::BadUrl(text.to_owned(), why.to_owned());
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("it is not http:// or https:// with a host"));
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
