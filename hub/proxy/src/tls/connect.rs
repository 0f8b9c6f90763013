//! TLS towards targets.

use std::io;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::watched::Watched;
use crate::tls::{ClientOptions, files};

/// Connects to `https` targets. Cloned several times for each request, whatever its target.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: ClientOptions,
    made: OnceLock<Watched<ClientConfig>>,
}

impl Connector {
    /// Reads the files. Without `--client-ssl-ca` the system's list of authorities counts; it is read when the first
    /// `https` target is connected to.
    pub(crate) fn new(options: ClientOptions) -> anyhow::Result<Self> {
        if options.insecure {
            tracing::warn!("--insecure: the certificates of https targets are not checked");
        }
        let has_files = options.ca.is_some() || options.pair.is_some();
        let connector = Self(Arc::new(Shared {
            options,
            made: OnceLock::new(),
        }));
        if has_files {
            connector.current()?;
        }
        Ok(connector)
    }

    fn current(&self) -> anyhow::Result<Arc<ClientConfig>> {
        if let Some(made) = self.0.made.get() {
            return Ok(made.get());
        }
        let options = self.0.options.clone();
        let mut files: Vec<_> = options.ca.iter().cloned().collect();
        if let Some(pair) = &options.pair {
            files.extend([pair.cert.clone(), pair.key.clone()]);
        }
        let make = move || config(&options).context("TLS to targets (--client-ssl-*)");
        let made = Watched::new(files, make)?;
        Ok(self.0.made.get_or_init(|| made).get())
    }

    /// Reads the files again if they have changed, or if `anyway`.
    pub(crate) fn refresh(&self, anyway: bool) {
        if let Some(made) = self.0.made.get() {
            made.refresh(anyway);
        }
    }

    /// Shakes hands with the target at `host`, a name or an address.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = self.current().map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }
}

fn config(options: &ClientOptions) -> anyhow::Result<ClientConfig> {
    let provider = options.dialect.provider();
    let certified = options
        .pair
        .as_ref()
        .map(|pair| files::certified(pair, &provider))
        .transpose()?;
    let verifier: Arc<dyn ServerCertVerifier> = match &options.ca {
        _ if options.insecure => Arc::new(AnyCertificate(provider.clone())),
        Some(ca) => {
            let roots = Arc::new(files::roots(ca)?);
            WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build()?
        }
        None => Arc::new(rustls_platform_verifier::Verifier::new(provider.clone())?),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&options.dialect.versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match certified {
        Some(certified) => builder
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified))),
        None => builder.with_no_client_auth(),
    })
}

/// Takes every certificate (`--insecure`); the handshake's own signatures still have to be right.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
