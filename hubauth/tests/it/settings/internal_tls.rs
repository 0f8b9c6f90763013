//! Internal TLS: a hub that shows a certificate of its own authority, and lets in only who shows one too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hubauth::config::TlsFiles;
use hubauth::testing::FakeHub;
use hubauth::{HubAuth, HubAuthConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Files of a client whom `issuer` has signed, and who trusts `trusted`.
fn files(folder: &Path, name: &str, issuer: &Authority, trusted: &Authority) -> TlsFiles {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["service".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let file = |kind: &str, text: String| -> PathBuf {
        let path = folder.join(format!("{name}-{kind}.pem"));
        std::fs::write(&path, text).unwrap();
        path
    };
    TlsFiles {
        keyfile: file("key", key.serialize_pem()),
        certfile: file("cert", certificate.pem()),
        client_ca: file("ca", trusted.pem()),
    }
}

/// Puts mutual TLS before `hub`; gives the port.
async fn guard(hub: &FakeHub, authority: &Authority) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let origin = hub.origin();
    let target = origin.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                // Who shows no certificate gets no further.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut hub = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut hub).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn both_ends_show_their_certificates() {
    let hub = FakeHub::start().await.unwrap();
    let token = hub.add_user("alice");
    let (ours, foreign) = (authority(), authority());
    let port = guard(&hub, &ours).await;
    let folder = tempfile::tempdir().unwrap();
    let config = hub
        .config("demo")
        .unwrap()
        .with_api_url(format!("https://127.0.0.1:{port}/hub/api"));
    let good = files(folder.path(), "good", &ours, &ours);
    for (case, config, enters) in [
        ("both", config.clone().with_tls_files(good.clone()), true),
        (
            "a certificate of another authority",
            config
                .clone()
                .with_tls_files(files(folder.path(), "other", &foreign, &ours)),
            false,
        ),
        (
            "a hub of another authority",
            config
                .clone()
                .with_tls_files(files(folder.path(), "trusting", &ours, &foreign)),
            false,
        ),
    ] {
        let auth = HubAuth::new(config).unwrap();
        match auth.user_for_token(&token).await {
            Ok(user) => assert!(enters && user.unwrap().name == "alice", "{case}"),
            Err(error) => assert!(!enters, "{case}: {error}"),
        }
    }

    // The same by the environment.
    let mut env: BTreeMap<String, String> = hub.env("demo").unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    env.insert("JUPYTERHUB_API_URL".into(), config.api_url);
    env.insert("JUPYTERHUB_SSL_KEYFILE".into(), text(&good.keyfile));
    env.insert("JUPYTERHUB_SSL_CERTFILE".into(), text(&good.certfile));
    env.insert("JUPYTERHUB_SSL_CLIENT_CA".into(), text(&good.client_ca));
    let auth = HubAuth::new(HubAuthConfig::from_env(&env).unwrap()).unwrap();
    let user = auth.user_for_token(&token).await.unwrap();
    assert_eq!(user.unwrap().name, "alice");
}
