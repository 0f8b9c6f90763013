//! stub
use std::path::PathBuf;

/// Files for internal TLS: the client certificate with its key, and the authority that signed the hub's.
///
/// Source: `JUPYTERHUB_SSL_KEYFILE`, `JUPYTERHUB_SSL_CERTFILE`, `JUPYTERHUB_SSL_CLIENT_CA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Private key (PEM).
    pub keyfile: PathBuf,
    /// Certificate chain (PEM).
    pub certfile: PathBuf,
    /// Certificate authorities (PEM).
    pub client_ca: PathBuf,
}
