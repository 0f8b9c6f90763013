//! Certificates from a real ACME server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use hub_proxy::config::Config;
use hub_proxy::listener::{Bind, Listener};
use hub_proxy::{Certificates, Listeners, Proxy, cli};
use hub_types::clock::{Clock as _, FakeClock, SystemClock};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use crate::certs::connect_trusting;
use crate::harness::{TestBody, address, eventually, fetch, get, soon};
use crate::pebble::Pebble;

/// A proxy that orders its certificate.
struct Ordering {
    public: SocketAddr,
    redirect: SocketAddr,
    certificates: Certificates,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

struct Bound {
    public: Listener,
    redirect: Listener,
}

impl Bound {
    async fn new() -> Self {
        let here = Bind::Tcp("127.0.0.1".to_owned(), 0);
        Self {
            public: Listener::bind(&here).await.unwrap(),
            redirect: Listener::bind(&here).await.unwrap(),
        }
    }

    async fn pebble(&self) -> Pebble {
        Pebble::start(address(&self.public).port(), address(&self.redirect).port()).await
    }
}

impl Ordering {
    async fn start(bound: Bound, clock: &FakeClock, options: &[&str]) -> Self {
        let all = ["hub-proxy", "--acme-accept-terms", "--redirect-port=80"];
        let args = cli::parse_from(all.iter().chain(options)).unwrap();
        let config = Config::from_args(&args, &BTreeMap::new()).unwrap();
        let proxy = Proxy::new(config, Arc::new(clock.clone())).unwrap();
        let (public, redirect) = (address(&bound.public), address(&bound.redirect));
        let here = Bind::Tcp("127.0.0.1".to_owned(), 0);
        let listeners = Listeners {
            public: bound.public,
            api: Listener::bind(&here).await.unwrap(),
            redirect: Some((bound.redirect, public.port())),
            metrics: None,
        };
        let certificates = proxy.certificates();
        let stop = CancellationToken::new();
        let task = tokio::spawn(proxy.run(listeners, stop.clone()));
        Self {
            public,
            redirect,
            certificates,
            stop,
            task,
        }
    }

    async fn end(self) {
        self.stop.cancel();
        soon(self.task).await.unwrap();
    }

    /// The certificate that is shown, if it comes from `roots`.
    async fn shown(&self, roots: &RootCertStore) -> Option<CertificateDer<'static>> {
        let connecting = connect_trusting(roots.clone(), self.public, "http/1.1", None);
        let stream = connecting.await.ok()?;
        let (_, tls) = stream.get_ref();
        Some(tls.peer_certificates()?.first()?.clone().into_owned())
    }

    /// Waits for a certificate from `roots` other than `old`.
    async fn ordered(
        &self,
        roots: &RootCertStore,
        old: Option<&CertificateDer<'static>>,
    ) -> CertificateDer<'static> {
        let mut new = None;
        eventually("the ordered certificate is shown", async || {
            new = self.shown(roots).await;
            new.is_some() && new.as_ref() != old
        })
        .await;
        new.unwrap()
    }
}

const SECOND: TimeDelta = TimeDelta::seconds(1);

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Since and until when a certificate is good.
fn life(cert: &CertificateDer<'_>) -> [DateTime<Utc>; 2] {
    let (_, cert) = x509_parser::parse_x509_certificate(cert).unwrap();
    [cert.validity().not_before, cert.validity().not_after]
        .map(|time| DateTime::from_timestamp(time.timestamp(), 0).unwrap())
}

fn since(cert: &CertificateDer<'_>) -> DateTime<Utc> {
    life(cert)[0]
}

/// When two thirds of a certificate's life are over.
fn due(cert: &CertificateDer<'_>) -> DateTime<Utc> {
    let [since, until] = life(cert);
    since + (until - since) * 2 / 3
}

/// The files of the only authority in `folder`.
fn kept(folder: &Path, name: &str) -> PathBuf {
    let mut places = std::fs::read_dir(folder).unwrap();
    places.next().unwrap().unwrap().path().join(name)
}

#[tokio::test]
async fn a_certificate_is_ordered_kept_and_renewed() {
    for challenge in ["tls-alpn-01", "http-01"] {
        let bound = Bound::new().await;
        let pebble = bound.pebble().await;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("acme");
        let options = [
            "--acme-domain=localhost",
            "--acme-contact=admin@example.org",
            "--acme-directory",
            &pebble.directory,
            "--acme-ca",
            &pebble.ca(),
            "--acme-challenge",
            challenge,
            "--acme-folder",
            folder.to_str().unwrap(),
        ];
        let clock = FakeClock::at(now());
        let proxy = Ordering::start(bound, &clock, &options).await;
        let roots = pebble.roots().await;
        let first = proxy.ordered(&roots, None).await;

        let (account, file) = (
            kept(&folder, "account.json"),
            kept(&folder, "certificate.pem"),
        );
        for path in [&account, &file] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{challenge} {path:?}");
        }
        let (made, text) = [&account, &file]
            .map(|path| std::fs::read_to_string(path).unwrap())
            .into();
        assert!(text.contains("BEGIN CERTIFICATE") && text.contains("PRIVATE KEY"));
        // Everybody else is still redirected, and learns no answers.
        let other = fetch(proxy.redirect, get("/.well-known/acme-challenge/x")).await;
        assert_eq!(other.status, 301);

        // Not due: nothing is ordered. Due: another one, by the same account, and nobody is cut off.
        let stream = connect_trusting(roots.clone(), proxy.public, "http/1.1", None);
        let stream = TokioIo::new(stream.await.unwrap());
        let (mut open, connection) = http1::handshake::<_, TestBody>(stream).await.unwrap();
        tokio::spawn(connection);
        // Certificates count in seconds: one of the same second would be due at the same time.
        eventually("another second begins", async || {
            now() > since(&first) + SECOND
        })
        .await;
        clock.set(due(&first));
        proxy.certificates.refresh(true);
        let second = proxy.ordered(&roots, Some(&first)).await;
        assert_eq!(std::fs::read_to_string(&account).unwrap(), made);
        let answer = soon(open.send_request(get("/_chp_healthz"))).await.unwrap();
        assert_eq!(answer.status(), 200, "{challenge}");
        answer.into_body().collect().await.unwrap();
        drop(open);
        proxy.end().await;

        // Another process finds everything.
        let bound = Bound::new().await;
        clock.set(due(&first) - TimeDelta::days(1));
        let proxy = Ordering::start(bound, &clock, &options).await;
        assert_eq!(proxy.shown(&roots).await.unwrap(), second, "{challenge}");
        proxy.end().await;
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_told_and_the_proxy_goes_on() {
    // It asks at a port where nobody listens, and nobody else can.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let public = taken.local_addr().unwrap().port();
    let pebble = Pebble::start(public, public).await;
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args(["--ip=127.0.0.1", "--port=0", "--acme-accept-terms"])
        .args([
            "--acme-domain=localhost",
            "--acme-directory",
            &pebble.directory,
        ])
        .args([
            "--acme-ca",
            &pebble.ca(),
            "--ready-file",
            ready.to_str().unwrap(),
        ])
        .args([
            "--acme-folder",
            folder.path().join("acme").to_str().unwrap(),
        ])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = loop {
        let line = soon(lines.next_line()).await.unwrap().unwrap();
        if line.contains("no certificate for") {
            break line;
        }
    };
    assert!(
        told.contains("localhost: ") && told.contains("next try is in 2 minutes"),
        "{told}"
    );
    assert!(told.contains("Failed to connect"), "{told}");
    // It serves with a certificate of its own meanwhile.
    let text = std::fs::read_to_string(&ready).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let public = told["public"].as_str().unwrap();
    let public: SocketAddr = public.strip_prefix("https://").unwrap().parse().unwrap();
    let refused = connect_trusting(pebble.roots().await, public, "http/1.1", None).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}
