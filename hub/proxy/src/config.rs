//! What the proxy is told to do, checked: made from the command line and the environment, or built in tests.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use hub_types::env::{CONFIGPROXY_AUTH_TOKEN, EnvSource};
use hub_types::secret::Token;
use tracing::Level;

use crate::acme::AcmeOptions;
use crate::admission::ConnectionLimits;
use crate::cli::{self, Args};
use crate::forward::forwarded::Trusted;
use crate::forward::headers::LocationRewrite;
use crate::forward::{ForwardOptions, WebSocketActivity};
use crate::guard::GuardLimits;
use crate::guard::head::HeadLimits;
use crate::listener::Bind;
use crate::observe::access::AccessLog;
use crate::target::Target;
use crate::tls::TlsOptions;

mod acme;
mod error;
mod limits;
mod tls;

pub use error::ConfigError;

/// Where error pages come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ErrorSource {
    /// Pages that ship with the proxy.
    #[default]
    Bundled,
    /// `DIR/<code>.html`, else `DIR/error.html`.
    Folder(PathBuf),
    /// `GET URL/<code>?url=<request>`; ends with a slash.
    Target(String),
}

/// Where routes are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory: a new process starts with an empty table.
    #[default]
    Memory,
    /// In a journal at this path as well: a new process starts with the old table.
    File(PathBuf),
}

/// Everything that can be chosen about a proxy, except where it listens.
#[derive(Debug, Clone)]
pub struct Config {
    /// The API's token; without one everybody who can connect may change routes.
    pub token: Option<Token>,
    /// Target of the route `/` at the start.
    pub default_target: Option<String>,
    /// Where error pages come from.
    pub error_pages: ErrorSource,
    /// Whether the first segment of a route is a host name.
    pub host_routing: bool,
    /// Where routes are kept.
    pub storage: Storage,
    pub(crate) forward: ForwardOptions,
    pub(crate) limits: GuardLimits,
    pub(crate) tls: TlsOptions,
    /// The public certificate is ordered.
    pub(crate) acme: Option<AcmeOptions>,
    /// Seconds of `Strict-Transport-Security`.
    pub(crate) hsts: Option<u64>,
    pub(crate) connections: ConnectionLimits,
    /// How long answers may go on after the proxy was told to stop.
    pub drain_time: Duration,
    pub(crate) access_log: AccessLog,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            token: None,
            default_target: None,
            error_pages: ErrorSource::default(),
            host_routing: false,
            storage: Storage::default(),
            forward: ForwardOptions {
                x_forward: true,
                trusted: None,
                prepend_path: true,
                include_prefix: true,
                change_origin: false,
                rewrite: LocationRewrite::default(),
                custom_headers: Vec::new(),
                proxy_timeout: None,
                websocket_activity: WebSocketActivity::default(),
            },
            limits: GuardLimits {
                head: HeadLimits::default(),
                head_time: Duration::from_secs(60),
                keep_alive: Duration::from_secs(5),
                silence: None,
            },
            tls: TlsOptions::default(),
            acme: None,
            hsts: None,
            connections: ConnectionLimits::default(),
            drain_time: Duration::from_secs(5),
            access_log: AccessLog::Off,
        }
    }
}

/// Where the process listens, and what else belongs to a process rather than to a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessConfig {
    /// The public listener.
    pub public: Bind,
    /// The listener of the REST API.
    pub api: Bind,
    /// Where plain HTTP is redirected from, and to which port.
    pub redirect: Option<(Bind, u16)>,
    /// Where Prometheus asks, if anywhere.
    pub metrics: Option<Bind>,
    /// Where the pid is written, if anywhere.
    pub pid_file: Option<PathBuf>,
    /// Where the addresses are written once both listeners are bound.
    pub ready_file: Option<PathBuf>,
    /// Least severe messages that are logged.
    pub log_level: Level,
}

impl Config {
    /// Checks the options of the command line and reads the token from `env`.
    ///
    /// # Errors
    /// When an option cannot be carried out. Nothing is ignored.
    pub fn from_args(args: &Args, env: &dyn EnvSource) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let acme = acme::options(args)?;
        let config = Self {
            token: env
                .get_nonempty(CONFIGPROXY_AUTH_TOKEN)
                .map(Token::from_config),
            default_target: args.default_target.clone(),
            error_pages: error_source(args)?,
            host_routing: args.host_routing,
            storage: storage(args)?,
            forward: ForwardOptions {
                x_forward: !args.no_x_forward,
                trusted: args
                    .trusted_proxies
                    .as_deref()
                    .map(Trusted::parse)
                    .transpose()
                    .map_err(ConfigError::TrustedProxy)?,
                prepend_path: !args.no_prepend_path,
                include_prefix: !args.no_include_prefix,
                change_origin: args.change_origin,
                rewrite: LocationRewrite {
                    host: args.auto_rewrite,
                    protocol: protocol(args)?,
                },
                custom_headers: args
                    .custom_header
                    .iter()
                    .map(|h| custom_header(h))
                    .collect::<Result<_, _>>()?,
                proxy_timeout: args
                    .proxy_timeout
                    .filter(|ms| *ms > 0)
                    .map(Duration::from_millis),
                websocket_activity: match args.websocket_activity {
                    cli::WebSocketActivity::Client => WebSocketActivity::Client,
                    cli::WebSocketActivity::Both => WebSocketActivity::Both,
                },
            },
            limits: GuardLimits {
                keep_alive: args
                    .keep_alive_timeout
                    .filter(|ms| *ms > 0)
                    .map_or(defaults.limits.keep_alive, Duration::from_millis),
                silence: args.timeout.filter(|ms| *ms > 0).map(Duration::from_millis),
                head: limits::head(&args.limits)?,
                head_time: Duration::from_millis(args.limits.header_timeout.max(1)),
            },
            tls: tls::options(&args.tls, acme.as_ref(), env)?,
            acme,
            hsts: args.tls.hsts,
            connections: limits::connections(&args.limits),
            drain_time: Duration::from_millis(args.limits.drain_timeout),
            access_log: AccessLog::parse(&args.observe.access_log)
                .ok_or_else(|| ConfigError::AccessLog(args.observe.access_log.clone()))?,
        };
        if let Some(target) = &config.default_target {
            Target::parse(target).map_err(|error| ConfigError::Target {
                option: "--default-target",
                error,
            })?;
        }
        Ok(config)
    }
}

impl ProcessConfig {
    /// Checks the options of the command line.
    ///
    /// # Errors
    /// When an option cannot be carried out.
    pub fn from_args(args: &Args) -> Result<Self, ConfigError> {
        let public = match &args.socket {
            Some(path) => Bind::Unix(path.clone()),
            None => Bind::Tcp(any_interface(&args.ip), args.port.unwrap_or(8000)),
        };
        let api_port = match (args.api_port, &public) {
            (Some(port), _) => port,
            // "One more than any free port" means any free port as well.
            (None, Bind::Tcp(_, 0)) => 0,
            (None, Bind::Tcp(_, port)) => port.checked_add(1).ok_or(ConfigError::NoApiPort)?,
            (None, Bind::Unix(_)) => 8001,
        };
        let api = match &args.api_socket {
            Some(path) => Bind::Unix(path.clone()),
            None => Bind::Tcp(any_interface(&args.api_ip), api_port),
        };
        let level = args.log_level.to_lowercase();
        let log_level = level
            .parse()
            .map_err(|_| ConfigError::LogLevel(args.log_level.clone()))?;
        let (pid_file, ready_file) = (args.pid_file.clone(), args.ready_file.clone());
        Ok(Self {
            redirect: redirect(args, &public)?,
            metrics: metrics(args),
            public,
            api,
            pid_file,
            ready_file,
            log_level,
        })
    }
}

/// Where Prometheus asks: nowhere without a port or a socket.
fn metrics(args: &Args) -> Option<Bind> {
    let observe = &args.observe;
    match (&observe.metrics_socket, observe.metrics_port) {
        (Some(path), _) => Some(Bind::Unix(path.clone())),
        (None, Some(port)) => Some(Bind::Tcp(any_interface(&observe.metrics_ip), port)),
        (None, None) => None,
    }
}

/// Where plain HTTP is redirected from. As upstream nothing happens when the public port is 80 itself.
fn redirect(args: &Args, public: &Bind) -> Result<Option<(Bind, u16)>, ConfigError> {
    let Some(from) = args.tls.redirect_port else {
        return Ok(None);
    };
    let (host, port) = match public {
        Bind::Tcp(_, 80) => return Ok(None),
        Bind::Tcp(host, port) => (host.clone(), Some(*port)),
        Bind::Unix(_) => (String::new(), None),
    };
    let to = args.tls.redirect_to.or(port);
    let to = to.ok_or(ConfigError::RedirectToSocket)?;
    Ok(Some((Bind::Tcp(host, from), to)))
}

/// `*` and the unspecified IPv6 address mean all interfaces, as the empty name does.
fn any_interface(ip: &str) -> String {
    let all = ip == "*"
        || ip
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_ipv6() && ip.is_unspecified());
    if all { String::new() } else { ip.to_owned() }
}

fn error_source(args: &Args) -> Result<ErrorSource, ConfigError> {
    match (&args.error_target, &args.error_path) {
        (Some(_), Some(_)) => Err(ConfigError::TwoErrorPages),
        (None, Some(folder)) => Ok(ErrorSource::Folder(folder.clone())),
        (None, None) => Ok(ErrorSource::Bundled),
        (Some(url), None) => {
            Target::parse(url).map_err(|error| ConfigError::Target {
                option: "--error-target",
                error,
            })?;
            Ok(ErrorSource::Target(url.clone()))
        }
    }
}

fn storage(args: &Args) -> Result<Storage, ConfigError> {
    match (args.storage_backend.as_str(), &args.storage_file) {
        ("memory", None) => Ok(Storage::Memory),
        ("file", Some(path)) => Ok(Storage::File(path.clone())),
        ("memory", Some(_)) | ("file", None) => Err(ConfigError::StorageFile),
        (other, _) => Err(ConfigError::Storage(other.to_owned())),
    }
}

fn protocol(args: &Args) -> Result<Option<String>, ConfigError> {
    match args.protocol_rewrite.as_deref() {
        None => Ok(None),
        Some(scheme @ ("http" | "https")) => Ok(Some(scheme.to_owned())),
        Some(other) => Err(ConfigError::Protocol(other.to_owned())),
    }
}

fn custom_header(text: &str) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let parsed = text.trim().split_once(':').and_then(|(name, value)| {
        let name = HeaderName::try_from(name.trim()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    });
    parsed.ok_or_else(|| ConfigError::CustomHeader(text.to_owned()))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
