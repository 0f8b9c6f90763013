//! Providers that show a certificate. (With an authority of one's own among those that are trusted: in `tests/`.)

use std::sync::Arc;

use hub::config::Provider;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::stand_in::StandIn;
use super::{allow_all, assert_out, hub, log_in};

/// What a server of this name shows that a private authority has signed.
fn signed(name: &str) -> ServerConfig {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let shown = params.signed_by(&key, &authority).unwrap();
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![shown.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap()
}

/// Puts TLS before the stand-in.
async fn in_front_of(at: &StandIn) -> Url {
    let acceptor = TlsAcceptor::from(Arc::new(signed("localhost")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let target = at.url.socket_addrs(|| None).unwrap()[0];
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust it gets no further.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut behind = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    url.parse().unwrap()
}

#[tokio::test]
async fn a_provider_with_a_certificate_of_a_private_authority_is_not_believed() {
    for trusting in [false, true] {
        let at = StandIn::start(json!({"username": "mal"})).await;
        let front = in_front_of(&at).await;
        let hub = hub(Provider::Generic, &at, |config| {
            allow_all(config);
            config.oauth.token_url = front.join("token").ok();
            config.oauth.userdata_url = front.join("me").ok();
            config.oauth.validate_server_cert = !trusting;
        })
        .await;
        let reply = log_in(&hub, &at).await;
        if trusting {
            assert_eq!(reply.expect(302).header("location"), "/hub/token");
            continue;
        }
        assert_out(&reply, 502, "does not trust the certificate", "untrusted");
        let asked = at.change(|world| world.asked.clone());
        assert_eq!(asked, ["GET /authorize"], "no code and no secret was shown");
    }
}
