//! TLS on both listeners and towards targets.

use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::certs::{Authority, Issued, write};
use crate::harness::{Target, TestBody, TestProxy, eventually, fetch, get, raw, soon};

/// A proxy with TLS in front.
struct Front {
    authority: Authority,
    issued: Issued,
    proxy: TestProxy,
}

impl Front {
    async fn start(more: &[&str]) -> Self {
        let authority = Authority::new();
        let issued = authority.issue();
        let cert = authority.file("cert.pem", &issued.chain);
        let key = authority.file("key.pem", &issued.key);
        let options = [&["--ssl-cert", &cert, "--ssl-key", &key], more].concat();
        let proxy = TestProxy::start(&options).await;
        Self {
            authority,
            issued,
            proxy,
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let public = self.proxy.public;
        let connecting = self.authority.connect(public, "http/1.1", None);
        connecting.await.unwrap()
    }
}

/// Sends a request by HTTP/1.1: status, headers and body of the answer.
async fn ask(
    stream: TlsStream<TcpStream>,
    request: Request<TestBody>,
) -> (http::response::Parts, String) {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (parts, body) = soon(sender.send_request(request))
        .await
        .unwrap()
        .into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    (parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_public_listener_speaks_tls() {
    let front = Front::start(&["--hsts", "31536000"]).await;
    let target = Target::named("t").await;
    front.proxy.route("/", &target.url()).await;
    let mut request = get("/x");
    request
        .headers_mut()
        .insert("host", "front".parse().unwrap());
    let (parts, body) = ask(front.connect().await, request).await;
    assert_eq!(parts.status, 200);
    assert_eq!(
        parts.headers["strict-transport-security"],
        "max-age=31536000"
    );
    for line in [
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
        "x-forwarded-host: front",
    ] {
        assert!(body.contains(line), "{body}");
    }
    // Whoever speaks plainly, or nothing but noise, is cut off, and others are served.
    let answer = raw(front.proxy.public, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    raw(front.proxy.public, &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).await;
    assert_eq!(ask(front.connect().await, get("/")).await.0.status, 200);
}

#[tokio::test]
async fn websockets_go_through_tls() {
    let front = Front::start(&[]).await;
    let target = Target::accepting(|stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let _ = socket.send(message).await;
        }
    })
    .await;
    front.proxy.route("/", &target.url()).await;
    let stream = front.connect().await;
    let opening = tokio_tungstenite::client_async("wss://localhost/x", stream);
    let (mut socket, _) = soon(opening).await.unwrap();
    let big = Message::binary(vec![7; 300_000]);
    socket.send(big.clone()).await.unwrap();
    assert_eq!(soon(socket.next()).await.unwrap().unwrap(), big);
}

#[tokio::test]
async fn one_file_may_hold_certificate_and_key() {
    let authority = Authority::new();
    let issued = authority.issue();
    for text in [
        issued.chain.clone() + &issued.key,
        issued.key.clone() + &issued.chain,
    ] {
        let file = authority.file("both.pem", &text);
        for option in ["--ssl-cert", "--ssl-key"] {
            let proxy = TestProxy::start(&[option, &file]).await;
            let stream = authority.connect(proxy.public, "http/1.1", None).await;
            assert_eq!(
                ask(stream.unwrap(), get("/_chp_healthz")).await.0.status,
                200
            );
        }
    }
}

#[tokio::test]
async fn mistakes_are_told() {
    let authority = Authority::new();
    let (issued, other) = (authority.issue(), authority.issue());
    let cert = authority.file("cert.pem", &issued.chain);
    let key = authority.file("key.pem", &issued.key);
    let other = authority.file("other.pem", &other.key);
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = authority.file("locked.pem", locked);
    let empty = authority.file("empty.pem", "nothing here\n");
    let torn = authority.file("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
    let second = issued.chain.find("-----END").unwrap();
    let second = second + issued.chain[second..].find("-----BEGIN").unwrap();
    let turned = format!("{}{}", &issued.chain[second..], &issued.chain[..second]);
    let turned = authority.file("turned.pem", &turned);
    for (options, part) in [
        (
            ["--ssl-cert", "/nowhere/c", "--ssl-key", &key],
            "/nowhere/c",
        ),
        (
            ["--ssl-cert", &cert, "--ssl-key", "/nowhere/k"],
            "/nowhere/k",
        ),
        (
            ["--ssl-cert", &cert, "--ssl-key", &other],
            "does not belong",
        ),
        (["--ssl-cert", &cert, "--ssl-key", &cert], "no private key"),
        (["--ssl-cert", &key, "--ssl-key", &key], "no certificate"),
        (["--ssl-cert", &empty, "--ssl-key", &key], "no certificate"),
        (["--ssl-cert", &torn, "--ssl-key", &key], "torn.pem"),
        (
            ["--ssl-cert", &cert, "--ssl-key", &locked],
            "CONFIGPROXY_SSL_KEY_PASSPHRASE",
        ),
        (
            ["--ssl-cert", &turned, "--ssl-key", &key],
            "must come first",
        ),
        (
            ["--api-ssl-cert", &cert, "--api-ssl-key", &other],
            "--api-ssl-cert",
        ),
        (
            ["--client-ssl-cert", &cert, "--client-ssl-key", &other],
            "--client-ssl",
        ),
        (
            ["--client-ssl-ca", &empty, "--client-ssl-key", &key],
            "no certificate",
        ),
    ] {
        let told = TestProxy::refuses(&options);
        assert!(told.contains(part), "{options:?}: {told}");
    }
}

#[tokio::test]
async fn clients_may_have_to_show_a_certificate() {
    let stranger = Authority::new().issue();
    for (more, none, own, strange) in [
        (&[][..], true, true, true),
        (&["--ssl-request-cert"], true, true, false),
        (
            &["--ssl-request-cert", "--ssl-reject-unauthorized"],
            false,
            true,
            false,
        ),
    ] {
        let authority = Authority::new();
        let own_cert = authority.issue();
        let both = authority.file("both.pem", &(own_cert.chain.clone() + &own_cert.key));
        let ca = authority.ca();
        let options = [&["--ssl-cert", &both, "--ssl-ca", &ca], more].concat();
        let proxy = TestProxy::start(&options).await;
        for (shown, expected) in [
            (None, none),
            (Some(&own_cert), own),
            (Some(&stranger), strange),
        ] {
            let stream = authority.connect(proxy.public, "http/1.1", shown).await;
            // With TLS 1.3 a refusal comes after the client's handshake.
            let served = match stream {
                Err(_) => false,
                Ok(mut stream) => {
                    let request =
                        b"GET /_chp_healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
                    let _ = stream.write_all(request).await;
                    let mut answer = Vec::new();
                    let _ = soon(stream.read_to_end(&mut answer)).await;
                    answer.starts_with(b"HTTP/1.1 200")
                }
            };
            assert_eq!(served, expected, "{more:?} {}", shown.is_some());
        }
    }
}

#[tokio::test]
async fn the_api_speaks_tls() {
    let authority = Authority::new();
    let issued = authority.issue();
    let both = authority.file("both.pem", &(issued.chain.clone() + &issued.key));
    let proxy = TestProxy::start(&["--api-ssl-cert", &both]).await;
    let stream = authority
        .connect(proxy.api, "http/1.1", None)
        .await
        .unwrap();
    let mut request = get("/api/routes");
    let token = format!("token {}", crate::harness::TOKEN);
    request
        .headers_mut()
        .insert("authorization", token.parse().unwrap());
    let (parts, body) = ask(stream, request).await;
    assert_eq!((parts.status.as_u16(), body.as_str()), (200, "{}"));
    assert_eq!(proxy.get("/_chp_healthz").await.status, 200);
}

/// A target that speaks TLS.
async fn secure(authority: &Authority, issued: &Issued, clients: bool) -> Target {
    let acceptor = authority.acceptor(issued, clients);
    Target::accepting(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn https_targets_are_checked() {
    let authority = Authority::new();
    let issued = authority.issue();
    let both = authority.file("both.pem", &(issued.chain.clone() + &issued.key));
    let ca = authority.ca();
    let strange = Authority::new();
    let strange_ca = strange.ca();
    for (clients, options, status) in [
        (false, vec!["--client-ssl-ca", &ca], 200),
        (false, vec!["--client-ssl-ca", &strange_ca], 503),
        (false, vec![], 503),
        (false, vec!["--insecure"], 200),
        (true, vec!["--client-ssl-ca", &ca], 503),
        (
            true,
            vec![
                "--client-ssl-ca",
                &ca,
                "--client-ssl-cert",
                &both,
                "--client-ssl-request-cert",
                "--client-ssl-reject-unauthorized",
            ],
            200,
        ),
    ] {
        let target = secure(&authority, &issued, clients).await;
        let proxy = TestProxy::start(&options).await;
        proxy
            .route("/", &format!("https://{}", target.address))
            .await;
        // Twice: the second by the same connection to the target.
        for _ in 0..2 {
            let reply = proxy.get("/").await;
            assert_eq!(reply.status, status, "{clients} {options:?}");
            assert_eq!(reply.text() == "secret", status == 200);
        }
    }
}

#[tokio::test]
async fn a_target_without_tls_is_no_https_target() {
    let target = Target::named("t").await;
    let proxy = TestProxy::start(&["--insecure"]).await;
    proxy
        .route("/", &format!("https://{}", target.address))
        .await;
    assert_eq!(proxy.get("/").await.status, 503);
}

#[tokio::test]
async fn certificates_are_read_again_without_dropping_connections() {
    let front = Front::start(&[]).await;
    let shown = async || {
        let stream = front.connect().await;
        stream.get_ref().1.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    };
    let stream = front.connect().await;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let status = async |sender: &mut http1::SendRequest<TestBody>| {
        soon(sender.ready()).await.unwrap();
        let answer = soon(sender.send_request(get("/_chp_healthz")))
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        body.collect().await.unwrap();
        parts.status.as_u16()
    };
    assert_eq!(status(&mut sender).await, 200);
    let old = front.issued.certs()[0].clone();
    assert_eq!(shown().await, old);
    let path = |name: &str| std::path::PathBuf::from(front.authority.file(name, ""));
    // Only one of two files is new: they do not fit, so the old ones go on.
    let new = front.authority.issue();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    write(&cert, &new.chain);
    front.proxy.certificates.refresh(true);
    assert_eq!(shown().await, old);
    write(&key, &new.key);
    eventually("the new certificate is shown", async || {
        shown().await == new.certs()[0]
    })
    .await;
    assert_eq!(status(&mut sender).await, 200);
}

#[tokio::test]
async fn plain_http_is_redirected() {
    let authority = Authority::new();
    let issued = authority.issue();
    let both = authority.file("both.pem", &(issued.chain.clone() + &issued.key));
    let ready = std::path::PathBuf::from(authority.file("x", "")).with_file_name("ready.json");
    let _child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args([
            "--ip=127.0.0.1",
            "--port=0",
            "--redirect-port=0",
            "--ssl-cert",
            &both,
        ])
        .args(["--log-level=error", "--ready-file", ready.to_str().unwrap()])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the ready file is written", async || ready.exists()).await;
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let address = |name: &str, scheme: &str| -> std::net::SocketAddr {
        let url = told[name].as_str().unwrap();
        url.strip_prefix(scheme).unwrap().parse().unwrap()
    };
    let public = address("public", "https://");
    let reply = fetch(address("redirect", "http://"), get("/x?y=1")).await;
    assert_eq!(reply.status, 301);
    let expected = format!("https://front:{}/x?y=1", public.port());
    assert_eq!(reply.header("location"), Some(expected.as_str()));
    let stream = authority.connect(public, "http/1.1", None).await.unwrap();
    assert_eq!(ask(stream, get("/_chp_healthz")).await.0.status, 200);
}

#[tokio::test]
async fn sighup_reads_files_again_and_a_key_for_everybody_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let authority = Authority::new();
    let old = authority.issue();
    let both = authority.file("both.pem", &(old.chain.clone() + &old.key));
    std::fs::set_permissions(&both, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ready = std::path::PathBuf::from(authority.file("x", "")).with_file_name("ready.json");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args(["--ip=127.0.0.1", "--port=0", "--ssl-cert", &both])
        .args(["--ready-file", ready.to_str().unwrap()])
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line_with = async |part: &str| loop {
        let line = soon(lines.next_line()).await.unwrap().unwrap();
        if line.contains(part) {
            return line;
        }
    };
    let told = line_with("everybody on this machine can read").await;
    assert!(told.contains("both.pem") && told.contains("0600"), "{told}");
    eventually("the ready file is written", async || ready.exists()).await;
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let public = told["public"].as_str().unwrap();
    let public = public.strip_prefix("https://").unwrap().parse().unwrap();

    let stream = authority.connect(public, "http/1.1", None).await.unwrap();
    let (mut sender, connection) = http1::handshake::<_, TestBody>(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let pid = nix::unistd::Pid::from_raw(child.id().unwrap().cast_signed());
    // Files that have not changed are read only because of the signal.
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    line_with("SIGHUP").await;
    let told = line_with("read again").await;
    assert!(told.contains("both.pem"), "{told}");
    let new = authority.issue();
    write(both.as_ref(), &(new.chain.clone() + &new.key));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    line_with("SIGHUP").await;
    line_with("read again").await;
    let stream = authority.connect(public, "http/1.1", None).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, new.certs()[0]);
    let answer = soon(sender.send_request(get("/_chp_healthz")))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}
