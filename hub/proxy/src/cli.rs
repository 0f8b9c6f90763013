//! The command line: configurable-http-proxy 5.3's options, and `--ready-file`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

/// What `--help` says about the environment and about targets.
const AFTER_HELP: &str = "\
Targets are URLs: http://host:port, https://host:port, http+unix://%2Fpath%2Fof%2Fsocket, and h2c://host:port for one that
speaks HTTP/2 without TLS. A path and a query in them come before those of the request.

Environment:
  CONFIGPROXY_AUTH_TOKEN                 token of the REST API (Authorization: token …)
  CONFIGPROXY_SSL_KEY_PASSPHRASE         opens the key of --ssl-key
  CONFIGPROXY_API_SSL_KEY_PASSPHRASE     opens the key of --api-ssl-key
  CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE  opens the key of --client-ssl-key";

/// Routes HTTP and WebSocket requests to targets by path; a drop-in for configurable-http-proxy.
///
/// Each option is carried out, or refused with a reason when the proxy starts; none is ignored.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "hub-proxy",
    version,
    about = "HTTP and WebSocket proxy with a REST API for its routes; takes the options of configurable-http-proxy",
    args_override_self = true,
    after_help = AFTER_HELP
)]
pub struct Args {
    /// Public address; empty (or `*`) for all interfaces, IPv4 and IPv6
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "",
        conflicts_with = "socket"
    )]
    pub ip: String,
    /// Public port; 0 for any free one [default: 8000]
    #[arg(long, value_name = "PORT", conflicts_with = "socket")]
    pub port: Option<u16>,
    /// Public UNIX domain socket, instead of address and port
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Address of the REST API
    #[arg(long, value_name = "ADDRESS", default_value = "localhost")]
    pub api_ip: String,
    /// Port of the REST API; 0 for any free one [default: public port + 1]
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// UNIX domain socket of the REST API, instead of address and port
    #[arg(long, value_name = "PATH")]
    pub api_socket: Option<PathBuf>,
    /// Target of the default route
    #[arg(long, value_name = "URL")]
    pub default_target: Option<String>,
    /// Server of error pages: GET URL/CODE?url=REQUEST
    #[arg(long, value_name = "URL")]
    pub error_target: Option<String>,
    /// Folder of error pages: CODE.html, else error.html
    #[arg(long, value_name = "DIR")]
    pub error_path: Option<PathBuf>,
    /// File for our process id; removed on exit
    #[arg(long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,
    /// File for a JSON object with pid and URLs, written when both listeners are bound; removed on exit
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Do not add X-Forwarded headers
    #[arg(long)]
    pub no_x_forward: bool,
    /// Proxies in front of this one: addresses, networks and `unix`, separated by commas. X-Forwarded headers of all
    /// others are replaced
    #[arg(long, value_name = "LIST", conflicts_with = "no_x_forward")]
    pub trusted_proxies: Option<String>,
    /// Do not put the target's own path before that of the request
    #[arg(long)]
    pub no_prepend_path: bool,
    /// Cut the route's path off that of the request
    #[arg(long)]
    pub no_include_prefix: bool,
    /// Rewrite host and port of redirects that point to the target
    #[arg(long)]
    pub auto_rewrite: bool,
    /// Send the target's host as Host header
    #[arg(long)]
    pub change_origin: bool,
    /// Rewrite the scheme of redirects that point to the target
    #[arg(long, value_name = "SCHEME")]
    pub protocol_rewrite: Option<String>,
    /// Header to set on requests to targets, as name:value; may be given several times
    #[arg(long, value_name = "HEADER", action = clap::ArgAction::Append)]
    pub custom_header: Vec<String>,
    /// Routes begin with a host name
    #[arg(long)]
    pub host_routing: bool,
    /// debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// Close client connections that are silent for so many milliseconds
    #[arg(long, value_name = "MS")]
    pub timeout: Option<u64>,
    /// Give up on targets that are silent for so many milliseconds
    #[arg(long, value_name = "MS")]
    pub proxy_timeout: Option<u64>,
    /// Keep idle client connections for so many milliseconds [default: 5000]
    #[arg(long, value_name = "MS")]
    pub keep_alive_timeout: Option<u64>,
    /// Whose bytes in a WebSocket count as activity of its route: the client's alone (as in configurable-http-proxy), or
    /// those of both sides. An open notebook whose kernel prints is in use with `both`, idle with `client`
    #[arg(long, value_name = "SIDES", value_enum, default_value_t)]
    pub websocket_activity: WebSocketActivity,
    /// Where routes are kept: memory, or file (which needs --storage-file)
    #[arg(long, value_name = "BACKEND", default_value = "memory")]
    pub storage_backend: String,
    /// File in which routes survive the process
    #[arg(long, value_name = "PATH")]
    pub storage_file: Option<PathBuf>,
    /// Options of TLS.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Options of certificates that are ordered.
    #[command(flatten)]
    pub acme: AcmeArgs,
    /// Options of what is told about the proxy.
    #[command(flatten)]
    pub observe: ObserveArgs,
    /// Options of limits.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Whose bytes in a WebSocket count as activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WebSocketActivity {
    /// What the client sends
    #[default]
    Client,
    /// What either side sends
    Both,
}

/// Options of TLS: of the public listener, of the REST API, and towards targets.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Private key of the public listener; may be left out when the certificate's file holds it
    #[arg(long, value_name = "FILE")]
    pub ssl_key: Option<PathBuf>,
    /// Certificate of the public listener, followed by its chain
    #[arg(long, value_name = "FILE")]
    pub ssl_cert: Option<PathBuf>,
    /// Who signs the certificates of clients
    #[arg(long, value_name = "FILE")]
    pub ssl_ca: Option<PathBuf>,
    /// Ask clients for a certificate
    #[arg(long)]
    pub ssl_request_cert: bool,
    /// Refuse clients without one
    #[arg(long)]
    pub ssl_reject_unauthorized: bool,
    /// TLSv1_2 or TLSv1_3 alone, or TLS for both [default: TLS]
    #[arg(long, value_name = "NAME")]
    pub ssl_protocol: Option<String>,
    /// Cipher suites by their OpenSSL names, separated by colons
    #[arg(long, value_name = "LIST")]
    pub ssl_ciphers: Option<String>,
    /// Refused: RC4 is broken
    #[arg(long, hide = true)]
    pub ssl_allow_rc4: bool,
    /// Without effect: key exchange is by elliptic curves only
    #[arg(long, value_name = "FILE", hide = true)]
    pub ssl_dhparam: Option<PathBuf>,
    /// Private key of the REST API
    #[arg(long, value_name = "FILE")]
    pub api_ssl_key: Option<PathBuf>,
    /// Certificate of the REST API, followed by its chain
    #[arg(long, value_name = "FILE")]
    pub api_ssl_cert: Option<PathBuf>,
    /// Who signs the certificates of the API's clients
    #[arg(long, value_name = "FILE")]
    pub api_ssl_ca: Option<PathBuf>,
    /// Ask the API's clients for a certificate
    #[arg(long)]
    pub api_ssl_request_cert: bool,
    /// Refuse clients of the API without one
    #[arg(long)]
    pub api_ssl_reject_unauthorized: bool,
    /// Private key that we show to https targets
    #[arg(long, value_name = "FILE")]
    pub client_ssl_key: Option<PathBuf>,
    /// Certificate that we show to https targets
    #[arg(long, value_name = "FILE")]
    pub client_ssl_cert: Option<PathBuf>,
    /// Who signs the certificates of https targets [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    pub client_ssl_ca: Option<PathBuf>,
    /// Taken for compatibility; targets always show a certificate
    #[arg(long, hide = true)]
    pub client_ssl_request_cert: bool,
    /// Taken for compatibility; wrong certificates of targets are always refused, unless --insecure is given
    #[arg(long, hide = true)]
    pub client_ssl_reject_unauthorized: bool,
    /// Do not check the certificates of https targets
    #[arg(long)]
    pub insecure: bool,
    /// Port for plain HTTP on which everything is redirected to https
    #[arg(long, value_name = "PORT")]
    pub redirect_port: Option<u16>,
    /// Port that redirects name, when it is not the public one
    #[arg(long, value_name = "PORT", requires = "redirect_port")]
    pub redirect_to: Option<u16>,
    /// Tell browsers to use https only, for so many seconds (Strict-Transport-Security)
    #[arg(long, value_name = "SECONDS")]
    pub hsts: Option<u64>,
}

/// Options of certificates that are ordered from an ACME authority and renewed in time.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Certificates from Let's Encrypt or another ACME authority")]
pub struct AcmeArgs {
    /// Order and renew the public certificate for this name; may be given several times. The name has to lead here from the
    /// internet. Takes the place of --ssl-cert and --ssl-key
    #[arg(long, value_name = "NAME", action = clap::ArgAction::Append)]
    pub acme_domain: Vec<String>,
    /// Folder for the account, the certificate and its key; made if it is missing, for this proxy alone
    #[arg(long, value_name = "DIR")]
    pub acme_folder: Option<PathBuf>,
    /// Accept the authority's terms of service
    #[arg(long)]
    pub acme_accept_terms: bool,
    /// Mail address for the authority's warnings; may be given several times
    #[arg(long, value_name = "ADDRESS", action = clap::ArgAction::Append)]
    pub acme_contact: Vec<String>,
    /// Directory of the authority; for trials <https://acme-staging-v02.api.letsencrypt.org/directory> [default: that of Let's
    /// Encrypt]
    #[arg(long, value_name = "URL")]
    pub acme_directory: Option<String>,
    /// Who signed the certificate of the authority's own server [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    pub acme_ca: Option<PathBuf>,
    /// How the authority is shown that the names are ours: by TLS on the public port (which it reaches as port 443), or by
    /// HTTP on --redirect-port (as port 80) [default: tls-alpn-01]
    #[arg(long, value_name = "KIND", value_enum)]
    pub acme_challenge: Option<AcmeChallenge>,
}

/// How an ACME authority is shown that a name is ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AcmeChallenge {
    /// By TLS on the public port
    #[default]
    #[value(name = "tls-alpn-01")]
    TlsAlpn01,
    /// By HTTP on the redirect port
    #[value(name = "http-01")]
    Http01,
}

/// Options of what is told about the proxy.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Observing")]
pub struct ObserveArgs {
    /// Address of Prometheus' page /metrics; empty for all interfaces
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub metrics_ip: String,
    /// Port of the page; without it (or the socket) there is none
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
    /// UNIX domain socket of the page, instead of address and port
    #[arg(long, value_name = "PATH")]
    pub metrics_socket: Option<PathBuf>,
    /// One line per request on standard output: off, text or json
    #[arg(long, value_name = "FORM", default_value = "off")]
    pub access_log: String,
}

/// Options of limits.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Open connections of clients; 0 for no limit [default: nearly half of the file descriptors]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<usize>,
    /// Open connections from one address; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_connections_per_address: usize,
    /// Largest request head, 1024 to 65536 bytes
    #[arg(long, value_name = "BYTES", default_value_t = 32 * 1024)]
    pub max_header_bytes: usize,
    /// Most header lines of a request, 10 to 1000
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub max_headers: usize,
    /// Give up on request heads that take longer than so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub header_timeout: u64,
    /// Let answers finish for so many milliseconds after SIGTERM
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub drain_timeout: u64,
}

/// Reads a command line whose first item is the program's name.
///
/// # Errors
/// clap's error, which also stands for `--help` and `--version`: print it, and exit with [`exit_code`].
pub fn parse_from<I, T>(command_line: I) -> Result<Args, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    Args::try_parse_from(command_line)
}

/// Exit code of a command line that could not be used: 1 as configurable-http-proxy, 0 after `--help` and `--version`.
#[must_use]
pub fn exit_code(error: &clap::Error) -> u8 {
    u8::from(error.use_stderr())
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
