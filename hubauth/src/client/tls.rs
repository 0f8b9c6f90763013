//! The TLS configuration of the client: ring, built without asking for a process-wide provider.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::config::TlsFiles;

/// Builds the configuration for `https` hubs: the certificates of `files` for internal TLS, else the system's roots.
///
/// For plain `http` no roots are read, so that the client also works in an image that has none.
pub(super) fn client_config(https: bool, files: Option<&TlsFiles>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if let Some(files) = files {
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.client_ca)? {
            roots
                .add(authority)
                .map_err(|error| explain(&files.client_ca, &error))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| explain(&files.client_ca, &error))?;
        let key = PrivateKeyDer::from_pem_file(&files.keyfile)
            .map_err(|error| explain(&files.keyfile, &error))?;
        return builder
            .with_webpki_verifier(verifier)
            .with_client_auth_cert(certificates(&files.certfile)?, key)
            .map_err(|error| explain(&files.certfile, &error));
    }
    if !https {
        return Ok(builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    Ok(builder
        .with_platform_verifier()
        .map_err(|error| format!("cannot load the certificates of this system: {error}"))?
        .with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| explain(path, &error))
}

fn explain(path: &Path, error: &impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
