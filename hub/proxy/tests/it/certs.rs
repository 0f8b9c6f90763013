//! Certificates for tests, and clients and servers that speak TLS with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::harness::soon;

/// A root, and a folder for files.
pub(crate) struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate with its chain, and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

fn signing() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    pub(crate) fn new() -> Self {
        let root = CertifiedIssuer::self_signed(signing(), KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { root, folder }
    }

    /// A certificate for `localhost` and `127.0.0.1`, signed by an intermediate.
    pub(crate) fn issue(&self) -> Issued {
        self.issue_for(&["localhost", "127.0.0.1"])
    }

    /// A certificate for `names`, signed by an intermediate.
    pub(crate) fn issue_for(&self, names: &[&str]) -> Issued {
        let mut middle = signing();
        middle
            .distinguished_name
            .push(rcgen::DnType::CommonName, "middle");
        let middle_key = KeyPair::generate().unwrap();
        let middle_cert = middle.signed_by(&middle_key, &self.root).unwrap();
        let issuer = Issuer::new(middle, middle_key);
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        Issued {
            chain: leaf.pem() + &middle_cert.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Writes `text` to the file `name`, mode 0600.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        write(&path, text);
        path.to_str().unwrap().to_owned()
    }

    /// The file of the root.
    pub(crate) fn ca(&self) -> String {
        self.file("ca.pem", &self.root.pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        roots
    }

    /// Connects by TLS, trusting this authority alone.
    pub(crate) async fn connect(
        &self,
        to: SocketAddr,
        protocol: &str,
        own: Option<&Issued>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        connect_trusting(self.roots(), to, protocol, own).await
    }

    /// Accepts TLS; `clients` have to show a certificate of this authority.
    pub(crate) fn acceptor(&self, own: &Issued, clients: bool) -> TlsAcceptor {
        acceptor(own, clients.then(|| self.roots()))
    }
}

/// Accepts TLS; clients have to show a certificate of `roots`, if there are any.
pub(crate) fn acceptor(own: &Issued, roots: Option<RootCertStore>) -> TlsAcceptor {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if let Some(roots) = roots {
        let roots = Arc::new(roots);
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(own.certs(), own.key()).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The certificates in `pem` as those whom we trust.
pub(crate) fn trusting(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(cert.unwrap()).unwrap();
    }
    roots
}

/// Connects by TLS to `localhost` at `to`, trusting `roots` alone.
pub(crate) async fn connect_trusting(
    roots: RootCertStore,
    to: SocketAddr,
    protocol: &str,
    own: Option<&Issued>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => builder
            .with_client_auth_cert(own.certs(), own.key())
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = soon(TcpStream::connect(to)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

impl Issued {
    pub(crate) fn certs(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.chain.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// Writes a file that only we can read, in the place of an old one.
pub(crate) fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let new = PathBuf::from(format!("{}.new", path.display()));
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(new, path).unwrap();
}
