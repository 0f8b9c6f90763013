//! The command line: the flags of jupyterhub-idle-culler 2.0 with their meaning, and a few of our own.
//!
//! `--flag=value` and `--flag value` mean the same, a switch may stand alone (`--cull-users`), and the long form
//! of configuration files (`--IdleCuller.timeout=60`) is understood too. What a flag does not say, the file of
//! `--config` may; the defaults stand in [`crate::settings`].

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{ArgAction, Parser};

use crate::rules::span;

/// Longest time span that makes sense on the command line: a thousand years, in seconds.
pub const MOST_SECONDS: u64 = 1_000 * 366 * 86_400;

/// Stops servers that nobody uses.
///
/// Reads the users of a hub page by page, stops the servers that were idle for too long, and says why. Runs as a
/// service of the hub (which sets JUPYTERHUB_API_TOKEN and JUPYTERHUB_API_URL) or anywhere else with these two set.
/// Needs the scopes list:users, read:users:activity, read:servers and delete:servers; with --cull-users also
/// delete:users, and read:users to count people who never logged in from their registration.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "cull-idle",
    version,
    max_term_width = 100,
    args_override_self = true
)]
pub struct Args {
    /// Seconds without activity after which a server is stopped. Default: 600.
    #[arg(long, alias = "IdleCuller.timeout", value_name = "SECONDS", value_parser = seconds(0))]
    pub timeout: Option<u64>,

    /// Seconds between two sweeps. Default: half of --timeout, at least 1.
    #[arg(long, alias = "IdleCuller.cull_every", value_name = "SECONDS", value_parser = seconds(1))]
    pub cull_every: Option<u64>,

    /// Seconds after which a server is stopped although it is in use; 0 for never, which is the default.
    #[arg(long, alias = "IdleCuller.max_age", value_name = "SECONDS", value_parser = seconds(0))]
    pub max_age: Option<u64>,

    /// Seconds for which users are warned before a server is stopped; 0 (the default) for no warning. Needs a hub that
    /// can show it: this one, not JupyterHub.
    #[arg(long, alias = "IdleCuller.notice", value_name = "SECONDS", value_parser = seconds(0))]
    pub notice: Option<u64>,

    /// Delete idle users too, once none of their servers is alive: for hubs with temporary users. Default: false.
    #[arg(long, alias = "IdleCuller.cull_users", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_users: Option<bool>,

    /// Whether --cull-users may delete admins. Their servers are stopped like all others. Default: true.
    #[arg(long, alias = "IdleCuller.cull_admin_users", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_admin_users: Option<bool>,

    /// Whether default servers may be stopped. Default: true.
    #[arg(long, alias = "IdleCuller.cull_default_servers", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_default_servers: Option<bool>,

    /// Whether named servers may be stopped. Default: true.
    #[arg(long, alias = "IdleCuller.cull_named_servers", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub cull_named_servers: Option<bool>,

    /// Remove named servers when they are stopped. Default: false.
    #[arg(long, alias = "IdleCuller.remove_named_servers", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub remove_named_servers: Option<bool>,

    /// Requests that may be under way at once, over all users; 0 for any number. Default: 10.
    #[arg(long, alias = "IdleCuller.concurrency", value_name = "N")]
    pub concurrency: Option<usize>,

    /// Users per page of the hub's list; 0 for what the hub likes. Default: 200, the most that a hub gives unless told
    /// otherwise.
    #[arg(long, alias = "IdleCuller.api_page_size", value_name = "N")]
    pub api_page_size: Option<u32>,

    /// URL of the hub's API, e.g. http://127.0.0.1:8081/hub/api. Default: $JUPYTERHUB_API_URL.
    #[arg(long, alias = "IdleCuller.url", value_name = "URL")]
    pub url: Option<String>,

    /// Talk to the hub by internal TLS, with the certificates of --internal-certs-location. Default: false.
    #[arg(long, alias = "IdleCuller.ssl_enabled", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub ssl_enabled: Option<bool>,

    /// Folder of the hub's certificates: hub-internal/hub-internal.key and .crt, hub-ca/hub-ca.crt. Default:
    /// internal-ssl.
    #[arg(
        long,
        alias = "IdleCuller.internal_certs_location",
        value_name = "FOLDER"
    )]
    pub internal_certs_location: Option<PathBuf>,

    /// File with settings and rules (TOML), or with plain assignments to c.IdleCuller (*.py). Default:
    /// idle_culler_config.py, if there is one.
    #[arg(long, alias = "IdleCuller.config_file", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print a file for --config, with all settings and their defaults, and exit.
    #[arg(long)]
    pub generate_config: bool,

    /// Let --max-age pass over --cull-default-servers, --cull-named-servers and --cull-admin-users, as
    /// jupyterhub-idle-culler does. Default: false.
    #[arg(long, alias = "IdleCuller.max_age_ignores_filters", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub max_age_ignores_filters: Option<bool>,

    /// Seconds by which this machine's clock and the hub's may differ. Idle times are measured with the hub's clock;
    /// when they differ more, one of them is wrong and nothing is culled. Default: 3600.
    #[arg(long, alias = "IdleCuller.max_clock_offset", value_name = "SECONDS", value_parser = seconds(1))]
    pub max_clock_offset: Option<u64>,

    /// Serve numbers for Prometheus at this address (path /metrics), e.g. 127.0.0.1:9101.
    #[arg(long, alias = "IdleCuller.metrics_address", value_name = "IP:PORT")]
    pub metrics_address: Option<SocketAddr>,

    /// Write numbers for Prometheus to this file after each sweep, for the text file collector of its node exporter.
    #[arg(long, alias = "IdleCuller.metrics_file", value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,

    /// How much to say: DEBUG also tells why servers are kept. Default: INFO.
    #[arg(long, aliases = ["IdleCuller.log_level", "Application.log_level"], value_name = "LEVEL",
          value_parser = log_level)]
    pub log_level: Option<LogLevel>,

    /// Sweep once and exit: 0 when everything went well, 1 when something failed.
    #[arg(long)]
    pub once: bool,

    /// Say what would be culled, and why, and cull nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Say why a server (or a user: without a slash) would be culled or kept, and from which data, and exit. alice/ is
    /// alice's default server; a slash in a user name is written %2F.
    #[arg(long, value_name = "USER[/SERVER]")]
    pub explain: Option<String>,

    /// The same as --log-level=DEBUG.
    #[arg(long)]
    pub debug: bool,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Also why servers are kept.
    Debug,
    /// What is culled, and why.
    #[default]
    Info,
    /// Only what somebody should look at.
    Warn,
    /// Only what did not work at all.
    Error,
}

impl LogLevel {
    /// As the filter of the log calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A level as Python's logging knows it: by name or number.
fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_ascii_uppercase().as_str() {
        "DEBUG" | "10" | "NOTSET" | "0" => Ok(LogLevel::Debug),
        "INFO" | "20" => Ok(LogLevel::Info),
        "WARN" | "WARNING" | "30" => Ok(LogLevel::Warn),
        "ERROR" | "40" | "CRITICAL" | "FATAL" | "50" => Ok(LogLevel::Error),
        _ => Err("expected DEBUG, INFO, WARN or ERROR".to_owned()),
    }
}

/// A boolean as traitlets writes it.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A number of seconds of at least `least`, or a time as rules write it (`90min`, `2h`, `7d`).
fn seconds(least: u64) -> ValueParser {
    ValueParser::from(move |text: &str| match span::seconds(text) {
        Some(seconds) if (least..=MOST_SECONDS).contains(&seconds) => Ok(seconds),
        Some(_) => Err(format!("expected {least} to {MOST_SECONDS} seconds")),
        None => Err("expected a number of seconds, or a time such as 90min, 2h or 7d".to_owned()),
    })
}

impl Args {
    /// These flags, completed by those of a file.
    #[must_use]
    pub fn or(self, file: Self) -> Self {
        Self {
            timeout: self.timeout.or(file.timeout),
            cull_every: self.cull_every.or(file.cull_every),
            max_age: self.max_age.or(file.max_age),
            notice: self.notice.or(file.notice),
            cull_users: self.cull_users.or(file.cull_users),
            cull_admin_users: self.cull_admin_users.or(file.cull_admin_users),
            cull_default_servers: self.cull_default_servers.or(file.cull_default_servers),
            cull_named_servers: self.cull_named_servers.or(file.cull_named_servers),
            remove_named_servers: self.remove_named_servers.or(file.remove_named_servers),
            concurrency: self.concurrency.or(file.concurrency),
            api_page_size: self.api_page_size.or(file.api_page_size),
            url: self.url.or(file.url),
            ssl_enabled: self.ssl_enabled.or(file.ssl_enabled),
            internal_certs_location: self
                .internal_certs_location
                .or(file.internal_certs_location),
            max_age_ignores_filters: self
                .max_age_ignores_filters
                .or(file.max_age_ignores_filters),
            max_clock_offset: self.max_clock_offset.or(file.max_clock_offset),
            metrics_address: self.metrics_address.or(file.metrics_address),
            metrics_file: self.metrics_file.or(file.metrics_file),
            log_level: self.log_level.or(file.log_level),
            config: self.config,
            generate_config: self.generate_config,
            once: self.once,
            dry_run: self.dry_run,
            explain: self.explain,
            debug: self.debug,
        }
    }

    /// How much to log.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        if self.debug {
            LogLevel::Debug
        } else {
            self.log_level.unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests;
