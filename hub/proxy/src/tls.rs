//! TLS: certificates and keys in files, read again when they change; one place for every message about them.
//!
//! All of it is rustls with ring, and never the process-wide provider: whoever embeds the proxy may use another.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::acme::answers::Answers;

pub(crate) mod accept;
pub(crate) mod connect;
pub(crate) mod files;
pub(crate) mod locked;
pub(crate) mod suites;
pub(crate) mod watched;

/// How often the files are looked at for changes.
pub(crate) const POLL: Duration = Duration::from_secs(2);

/// What certificates of clients are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClientCerts {
    /// Not asked for.
    #[default]
    Ignored,
    /// Asked for; a client may have none, but not a wrong one.
    Asked,
    /// Without one there is no connection.
    Required,
}

/// What TLS may be spoken.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    pub(crate) suites: Vec<SupportedCipherSuite>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            versions: rustls::ALL_VERSIONS.to_vec(),
            suites: ring::ALL_CIPHER_SUITES.to_vec(),
        }
    }
}

impl Dialect {
    fn provider(&self) -> Arc<CryptoProvider> {
        Arc::new(CryptoProvider {
            cipher_suites: self.suites.clone(),
            ..ring::default_provider()
        })
    }
}

/// A certificate with its key; both may be in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) passphrase: Option<locked::Passphrase>,
    /// The variable that holds it, for messages.
    pub(crate) passphrase_from: &'static str,
}

/// TLS of a listener.
#[derive(Debug, Clone)]
pub(crate) struct ServerOptions {
    pub(crate) pair: Pair,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) clients: ClientCerts,
    pub(crate) dialect: Dialect,
    /// The pair comes from an ACME authority, and may not be there yet.
    pub(crate) ordered: Option<Ordered>,
}

/// A certificate that is ordered by [`crate::acme`].
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) names: Vec<String>,
    pub(crate) answers: Answers,
}

/// TLS towards targets.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientOptions {
    pub(crate) pair: Option<Pair>,
    /// Who signs the targets' certificates, instead of the system's list.
    pub(crate) ca: Option<PathBuf>,
    /// Do not check the targets' certificates at all.
    pub(crate) insecure: bool,
    pub(crate) dialect: Dialect,
}

/// Everything about TLS that can be chosen.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsOptions {
    pub(crate) public: Option<ServerOptions>,
    pub(crate) api: Option<ServerOptions>,
    pub(crate) client: ClientOptions,
}
