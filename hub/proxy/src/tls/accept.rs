//! TLS of a listener.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::server::{ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::answers::{self, Resolver};
use crate::tls::watched::Watched;
use crate::tls::{ClientCerts, ServerOptions, files};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Sessions that TLS 1.2 clients without tickets can resume.
const SESSIONS: usize = 4096;

/// Accepts TLS with the certificate that its files hold now.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor(Arc<Watched<ServerConfig>>);

impl Acceptor {
    /// Reads the files. `protocols` are those offered by ALPN, the preferred first; `options` names the command line
    /// options for messages, as in `--api-ssl`.
    pub(crate) fn new(
        name: &'static str,
        options: ServerOptions,
        protocols: &'static [&'static [u8]],
    ) -> anyhow::Result<Self> {
        let mut watched = vec![options.pair.cert.clone(), options.pair.key.clone()];
        watched.extend(options.ca.clone());
        let first = AtomicBool::new(true);
        let make = move || {
            let first = first.swap(false, Ordering::Relaxed);
            let certified = certified(&options, first);
            certified
                .and_then(|certified| config(&options, certified, protocols))
                .with_context(|| format!("{name}-cert and {name}-key"))
        };
        Ok(Self(Arc::new(Watched::new(watched, make)?)))
    }

    /// Reads the files again if they have changed, or if `anyway`.
    pub(crate) fn refresh(&self, anyway: bool) {
        self.0.refresh(anyway);
    }

    /// Shakes hands.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let shaking = TlsAcceptor::from(self.0.get()).accept(stream);
        tokio::time::timeout(HANDSHAKE, shaking).await?
    }
}

fn config(
    options: &ServerOptions,
    certified: CertifiedKey,
    protocols: &[&[u8]],
) -> anyhow::Result<ServerConfig> {
    let provider = options.dialect.provider();
    let roots = options.ca.as_deref().map(files::roots).transpose()?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&options.dialect.versions)?;
    let builder = match (options.clients, roots) {
        (ClientCerts::Ignored, _) | (_, None) => builder.with_no_client_auth(),
        (clients, Some(roots)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(match clients {
                ClientCerts::Required => verifier.build()?,
                _ => verifier.allow_unauthenticated().build()?,
            })
        }
    };
    let resolver: Arc<dyn ResolvesServerCert> = match &options.ordered {
        None => Arc::new(SingleCertAndKey::from(certified)),
        Some(ordered) => Arc::new(Resolver {
            usual: Arc::new(certified),
            answers: ordered.answers.clone(),
        }),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    if options.ordered.is_some() {
        config.alpn_protocols.push(answers::ALPN.to_vec());
    }
    // As configurable-http-proxy has it: ours come strongest first.
    config.ignore_client_order = true;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(config)
}

/// The certificate to show; one of our own making while an ordered one has not come, or is damaged at the `first` look:
/// then another is ordered.
fn certified(options: &ServerOptions, first: bool) -> anyhow::Result<CertifiedKey> {
    let read = files::certified(&options.pair, &options.dialect.provider());
    match (&options.ordered, read) {
        (Some(ordered), Err(error)) if first || !options.pair.cert.exists() => {
            tracing::info!("showing a certificate of our own making: {error}");
            answers::self_signed(&ordered.names, None)
        }
        (_, read) => Ok(read?),
    }
}
