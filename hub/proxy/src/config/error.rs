//! Why options cannot be used.

use crate::target::BadTarget;

/// Why the options cannot be used. Each message names the option and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An option of configurable-http-proxy that is not carried out.
    #[error("--ssl-allow-rc4: RC4 is broken; leave it out")]
    Rc4,
    /// Not an address.
    #[error(
        "--trusted-proxies {0}: list addresses (10.0.0.1), networks (10.0.0.0/8) and the word unix"
    )]
    TrustedProxy(String),
    /// Not a form of the access log.
    #[error("--access-log {0}: choose off, text or json")]
    AccessLog(String),
    /// Options of ACME that do not go together.
    #[error("{0}")]
    Acme(String),
    /// A number that is too small or too large.
    #[error("{option} {given}: choose {least} to {most}")]
    Range {
        /// The option.
        option: &'static str,
        /// Its value.
        given: usize,
        /// The smallest that works.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// Both kinds of error pages.
    #[error("Cannot specify both error-target and error-path. Pick one.")]
    TwoErrorPages,
    /// A URL cannot be used.
    #[error("{option}: {error}")]
    Target {
        /// The option.
        option: &'static str,
        /// What is wrong with it.
        error: BadTarget,
    },
    /// A header is malformed.
    #[error("A colon was expected in custom header: {0}; write it as name:value")]
    CustomHeader(String),
    /// Not a log level.
    #[error("--log-level {0}: choose debug, info, warn or error")]
    LogLevel(String),
    /// Not a scheme.
    #[error("--protocol-rewrite {0}: choose http or https")]
    Protocol(String),
    /// Not a place for routes.
    #[error(
        "--storage-backend {0}: choose memory or file; modules of configurable-http-proxy cannot be loaded here"
    )]
    Storage(String),
    /// Only one of the two options that belong together.
    #[error(
        "--storage-backend file and --storage-file PATH belong together: give both, or neither"
    )]
    StorageFile,
    /// TLS options without a certificate.
    #[error("{option} needs TLS: give {name}-cert and {name}-key as well")]
    NeedsCertificate {
        /// The option.
        option: String,
        /// What the options of the listener begin with.
        name: &'static str,
    },
    /// Certificates of clients cannot be judged.
    #[error("{0}-request-cert needs {0}-ca: who signs the clients' certificates?")]
    NeedsCa(&'static str),
    /// Not a version of TLS that we speak.
    #[error("--ssl-protocol {0}: choose TLSv1_2, TLSv1_3, or TLS for both")]
    TlsVersion(String),
    /// Nothing is left to speak.
    #[error(
        "--ssl-ciphers leaves nothing that we speak; leave it out, or name ECDHE suites with GCM or CHACHA20"
    )]
    NoCipher,
    /// The redirect needs a port to name.
    #[error("--redirect-port needs --port, or --redirect-to: a socket has no port to redirect to")]
    RedirectToSocket,
    /// The API port would be 65536.
    #[error("--port 65535 leaves no port for the API; choose it with --api-port")]
    NoApiPort,
}
